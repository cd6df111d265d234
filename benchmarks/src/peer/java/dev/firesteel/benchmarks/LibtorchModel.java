package dev.firesteel.benchmarks;

import dev.firesteel.array.NdArray;
import dev.firesteel.backend.reference.ReferenceBackend;
import dev.firesteel.config.ModelConfig;
import dev.firesteel.config.ModelConfig.Architecture;
import dev.firesteel.model.LanguageModel;
import dev.firesteel.model.Models;
import dev.firesteel.nn.Parameter;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.javacpp.LongPointer;
import org.bytedeco.mkl.global.mkl_rt;
import org.bytedeco.openblas.global.openblas;
import org.bytedeco.pytorch.DoubleOptional;
import org.bytedeco.pytorch.LongOptional;
import org.bytedeco.pytorch.MemoryFormatOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;

/**
 * The layers of a model in libtorch, with the weights that Firesteel's model of the same seed has.
 * Letters: B batch, T tokens, C width, H heads, G key-value heads, K head width.
 */
final class LibtorchModel {
  /** Far below any score, and finite in bf16. */
  private static final float MASKED = -1e30f;

  private final ModelConfig config;
  private final Map<String, Tensor> weights = new LinkedHashMap<>();
  private final Map<String, Boolean> decayed = new LinkedHashMap<>();
  private final Scalar scale;

  /** [T, T], added to scores; null where attention is fused. */
  private Tensor mask;

  private Tensor cosines;
  private Tensor sines;

  LibtorchModel(ModelConfig config) {
    this.config = config;
    scale = new Scalar(1 / Math.sqrt(config.headWidth()));
    try (ReferenceBackend heap = new ReferenceBackend();
        LanguageModel model = Models.create(config, heap, TrainingShape.SEED)) {
      for (Parameter parameter : model.parameters().parameters()) {
        weights.put(parameter.name(), upload(heap, model.parameters().weights().view(parameter)));
        decayed.put(parameter.name(), parameter.decayed());
      }
    }
    if (config.architecture() == Architecture.LLAMA) {
      makeRotations();
    }
  }

  /** MKL's and libtorch's threads, and what is fastest for libtorch whatever it computes. */
  static void prepare(int threads) {
    Loader.load(mkl_rt.class);
    torch.set_num_threads(threads);
    openblas.blas_set_num_threads(threads);
  }

  static String description(String precision) {
    return String.format(
        Locale.ROOT,
        "libtorch %s, %s, %d threads, %s, %s",
        torch.class.getPackage().getImplementationVersion(),
        precision,
        torch.get_num_threads(),
        System.getProperty("org.bytedeco.openblas.load", "openblas"),
        torch.hasMKLDNN() ? "oneDNN" : "no oneDNN");
  }

  private static Tensor upload(ReferenceBackend heap, NdArray array) {
    float[] values = new float[Math.toIntExact(array.size())];
    heap.download(array, values, 0);
    long[] extents = new long[array.shape().rank()];
    for (int i = 0; i < extents.length; i++) {
      extents[i] = array.shape().dim(i);
    }
    return tensor(values, extents);
  }

  private static Tensor tensor(float[] values, long... extents) {
    Tensor tensor = torch.empty(extents);
    FloatBuffer target = new FloatPointer(tensor.data_ptr()).capacity(values.length).asBuffer();
    target.put(values);
    return tensor;
  }

  /** Token ids {@code rows[b][from, from + tokens)} as [B, T]. */
  static Tensor ids(int[][] rows, int from, int tokens) {
    Tensor tensor =
        torch.empty(
            new long[] {rows.length, tokens},
            new TensorOptions(torch.ScalarType.Long),
            new MemoryFormatOptional());
    LongPointer to = new LongPointer(tensor.data_ptr());
    for (int b = 0; b < rows.length; b++) {
      for (int t = 0; t < tokens; t++) {
        to.put((long) b * tokens + t, rows[b][from + t]);
      }
    }
    return tensor;
  }

  /** Has attention made of products. */
  void separateAttention() {
    int tokens = config.contextLength();
    float[] values = new float[tokens * tokens];
    for (int query = 0; query < tokens; query++) {
      Arrays.fill(values, query * tokens + query + 1, (query + 1) * tokens, MASKED);
    }
    mask = tensor(values, tokens, tokens).to(torch.ScalarType.BFloat16);
  }

  /** Has all weights collect gradients. */
  void requireGradients() {
    weights.values().forEach(weight -> weight.set_requires_grad(true));
  }

  /** Rounds all weights: everything is then computed in {@code type}. */
  void convert(torch.ScalarType type) {
    weights.replaceAll((name, weight) -> weight.to(type));
    if (cosines != null) {
      cosines = cosines.to(type);
      sines = sines.to(type);
    }
  }

  /** Parameters with or without weight decay. */
  List<Tensor> parameters(boolean withDecay) {
    List<Tensor> found = new ArrayList<>();
    weights.forEach(
        (name, weight) -> {
          if (decayed.get(name) == withDecay) {
            found.add(weight);
          }
        });
    return found;
  }

  /** Mean cross-entropy: ids [B, T], targets [B T]. */
  Tensor loss(Tensor ids, Tensor targets) {
    long b = ids.size(0);
    long t = ids.size(1);
    Tensor x = embed(ids, 0);
    for (int i = 0; i < config.layers(); i++) {
      String block = block(i);
      TensorVector heads = heads(x, block, 0);
      Tensor attended = attention(heads.get(0), heads.get(1), heads.get(2), true);
      x = rest(x, attended.transpose(1, 2).reshape(b, t, -1), block);
    }
    return torch.cross_entropy_loss(head(x).view(b * t, config.vocabularySize()), targets);
  }

  static String block(int layer) {
    return "blocks." + layer;
  }

  /** {@code [B, T] -> [B, T, C]} for tokens that follow {@code past} others. */
  Tensor embed(Tensor ids, long past) {
    Tensor x = torch.embedding(weights.get("embedding.weight"), ids);
    return config.architecture() == Architecture.GPT2
        ? x.add(weights.get("positions.weight").narrow(0, past, ids.size(1)))
        : x;
  }

  /** Queries [B, H, T, K], keys and values [B, G, T, K] of a block. */
  TensorVector heads(Tensor x, String block, long past) {
    long k = config.headWidth();
    long queries = config.heads() * k;
    long keys = config.kvHeads() * k;
    Tensor packed = linear(norm(x, block + ".attention_norm"), block + ".attention.qkv");
    Tensor q = split(packed.narrow(2, 0, queries), config.heads());
    Tensor key = split(packed.narrow(2, queries, keys), config.kvHeads());
    Tensor value = split(packed.narrow(2, queries + keys, keys), config.kvHeads());
    if (config.architecture() == Architecture.LLAMA) {
      q = rotate(q, past);
      key = rotate(key, past);
    }
    return new TensorVector(q, key, value);
  }

  private static Tensor split(Tensor x, long heads) {
    return x.view(x.size(0), x.size(1), heads, -1).transpose(1, 2);
  }

  /**
   * Attention, grouped queries sharing keys and values: libtorch's fused kernel, whose products in
   * bf16 are slow (a plain loop where libtorch is built without MKL), so there by the products
   * themselves, which oneDNN makes.
   */
  Tensor attention(Tensor queries, Tensor keys, Tensor values, boolean causal) {
    long shared = config.heads() / config.kvHeads();
    if (mask == null) {
      return torch.scaled_dot_product_attention(
          queries, keys, values, new TensorOptional(), 0, causal, new DoubleOptional(), shared > 1);
    }
    Tensor scores = torch.matmul(queries.mul(scale), repeat(keys, shared).transpose(2, 3));
    if (causal) {
      long tokens = queries.size(2);
      scores = scores.add(mask.narrow(0, 0, tokens).narrow(1, 0, tokens));
    }
    return torch.matmul(scores.softmax(3), repeat(values, shared));
  }

  private static Tensor repeat(Tensor heads, long times) {
    return times == 1
        ? heads
        : heads.repeat_interleave(times, new LongOptional(1), new LongOptional());
  }

  /** What follows attention in a block: {@code attended} [B, T, H K]. */
  Tensor rest(Tensor x, Tensor attended, String block) {
    Tensor middle = x.add(linear(attended, block + ".attention.output"));
    Tensor normed = norm(middle, block + ".feed_forward_norm");
    String layer = block + ".feed_forward";
    if (config.architecture() == Architecture.GPT2) {
      return middle.add(linear(torch.gelu(linear(normed, layer + ".up"), "tanh"), layer + ".down"));
    }
    TensorVector halves = linear(normed, layer + ".gate_up").chunk(2, -1);
    return middle.add(linear(torch.silu(halves.get(0)).mul(halves.get(1)), layer + ".down"));
  }

  /** {@code [B, T, C] -> [B, T, V]}. */
  Tensor head(Tensor x) {
    Tensor weight = weights.get(config.tieEmbeddings() ? "embedding.weight" : "head.weight");
    return torch.linear(norm(x, "final_norm"), weight);
  }

  private Tensor linear(Tensor x, String layer) {
    Tensor weight = weights.get(layer + ".weight");
    Tensor bias = weights.get(layer + ".bias");
    return bias == null
        ? torch.linear(x, weight)
        : torch.linear(x, weight, new TensorOptional(bias));
  }

  private Tensor norm(Tensor x, String layer) {
    long[] extents = {config.width()};
    TensorOptional gain = new TensorOptional(weights.get(layer + ".gain"));
    return config.architecture() == Architecture.GPT2
        ? torch.layer_norm(
            x,
            extents,
            gain,
            new TensorOptional(weights.get(layer + ".bias")),
            config.normEpsilon(),
            true)
        : torch.rms_norm(x, extents, gain, new DoubleOptional(config.normEpsilon()));
  }

  private void makeRotations() {
    int half = config.headWidth() / 2;
    int tokens = config.contextLength();
    float[] cosine = new float[tokens * 2 * half];
    float[] sine = new float[tokens * 2 * half];
    for (int t = 0; t < tokens; t++) {
      for (int i = 0; i < half; i++) {
        double angle = t * Math.pow(config.ropeTheta(), -(double) i / half);
        int at = t * 2 * half + i;
        cosine[at] = (float) Math.cos(angle);
        cosine[at + half] = cosine[at];
        sine[at] = (float) -Math.sin(angle);
        sine[at + half] = (float) Math.sin(angle);
      }
    }
    cosines = tensor(cosine, tokens, 2L * half);
    sines = tensor(sine, tokens, 2L * half);
  }

  /** RoPE: element i with element i + K/2. The first half's sines are negated in the table. */
  private Tensor rotate(Tensor x, long past) {
    long tokens = x.size(2);
    long half = config.headWidth() / 2;
    Tensor turned = torch.cat(new TensorVector(x.narrow(3, half, half), x.narrow(3, 0, half)), 3);
    return torch.addcmul(
        x.mul(cosines.narrow(0, past, tokens)), turned, sines.narrow(0, past, tokens));
  }
}
