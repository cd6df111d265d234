package dev.firesteel.model;

import dev.firesteel.array.ArrayPool;
import dev.firesteel.array.Shape;
import dev.firesteel.backend.AttentionSpec;
import dev.firesteel.nn.ForwardPass;
import dev.firesteel.tensor.HeadColumns;
import dev.firesteel.tensor.Tape;
import dev.firesteel.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;

/**
 * What a model's tokens attend to: the probabilities {@code p = softmax(scale q k^T)} of each layer
 * and head, which the fused kernels never store.
 *
 * <p>They come from those kernels themselves, by attention to other values. The forward pass of
 * training, without dropout, shows its queries and keys; with the rows of the identity as values,
 * attention's output {@code sum_j p_j v_j} is p, K keys at a time. So a window, grouped queries and
 * rotary positions are exactly the model's.
 */
public final class AttentionWeights {
  private final int tokens;
  private final int heads;
  private final List<float[]> layers;

  private AttentionWeights(int tokens, int heads, List<float[]> layers) {
    this.tokens = tokens;
    this.heads = heads;
    this.layers = layers;
  }

  /**
   * Computes the probabilities for one document.
   *
   * @param pool for activations
   * @param ids 1 to the context length of them
   */
  public static AttentionWeights of(LanguageModel model, ArrayPool pool, int... ids) {
    List<float[]> layers = new ArrayList<>();
    try (Tape tape = Tape.inference(model.parameters().backend(), pool)) {
      ForwardPass pass =
          ForwardPass.inference(tape, model.parameters())
              .withAttentionWatch(
                  (spec, packed, ranges) -> layers.add(weights(spec, packed, ranges, ids.length)));
      model.hidden(pass, tape.constant(ids, Shape.of(1, ids.length)));
    }
    return new AttentionWeights(ids.length, model.config().heads(), layers);
  }

  /** [H, T, T] of one layer. */
  private static float[] weights(AttentionSpec spec, Tensor packed, Tensor ranges, int tokens) {
    Tape tape = packed.tape();
    int width = spec.headWidth();
    int groups = spec.keyValueHeads();
    float[] weights = new float[Math.multiplyExact(spec.heads() * tokens, tokens)];
    double[] attended = new double[tokens * spec.outputWidth()];
    for (int first = 0; first < tokens; first += width) {
      int count = Math.min(width, tokens - first);
      double[] values = new double[tokens * groups * width];
      for (int i = 0; i < count; i++) {
        for (int group = 0; group < groups; group++) {
          values[((first + i) * groups + group) * width + i] = 1;
        }
      }
      Shape shape = Shape.of(1, tokens, groups * width);
      Tensor identity = tape.constant(values, packed.array().dtype(), shape);
      Tensor out =
          Tensor.attention(
              spec,
              new HeadColumns(packed, 0),
              new HeadColumns(packed, spec.packedKeys()),
              new HeadColumns(identity, 0),
              ranges,
              null);
      tape.backend().download(out.array(), attended, 0);
      for (int query = 0; query < tokens; query++) {
        for (int head = 0; head < spec.heads(); head++) {
          for (int i = 0; i < count; i++) {
            weights[(head * tokens + query) * tokens + first + i] =
                (float) attended[query * spec.outputWidth() + head * width + i];
          }
        }
      }
    }
    return weights;
  }

  /** T. */
  public int tokens() {
    return tokens;
  }

  /** How many layers there are. */
  public int layers() {
    return layers.size();
  }

  /** H, the query heads of a layer. */
  public int heads() {
    return heads;
  }

  /** The probability with which a token attends to another in a layer and head, all from 0. */
  public float weight(int layer, int head, int query, int key) {
    return layers.get(layer)[(head * tokens + query) * tokens + key];
  }
}
