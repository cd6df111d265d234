package dev.firesteel.model;

import dev.firesteel.array.ArrayPool;
import dev.firesteel.array.Shape;
import dev.firesteel.backend.AttentionSpec;
import dev.firesteel.config.ModelConfig;
import dev.firesteel.nn.CacheRows;
import dev.firesteel.nn.CausalSelfAttention;
import dev.firesteel.nn.Embedding;
import dev.firesteel.nn.ForwardPass;
import dev.firesteel.nn.Initializer;
import dev.firesteel.nn.KeyValueCache;
import dev.firesteel.nn.Layer;
import dev.firesteel.nn.Lora;
import dev.firesteel.nn.Parameter;
import dev.firesteel.nn.ParameterSet;
import dev.firesteel.nn.Projections;
import dev.firesteel.nn.Recompute;
import dev.firesteel.nn.Rows;
import dev.firesteel.tensor.RowLayout;
import dev.firesteel.tensor.Tape;
import dev.firesteel.tensor.Tensor;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;

/**
 * What the architectures have in common: an embedding, pre-norm blocks {@code x +=
 * attention(norm(x)); x += feedForward(norm(x))}, a final norm and a head. Each architecture
 * provides its own layers.
 *
 * <p>In training passes, dropout is applied to the embedding and to each branch before it is added
 * to the residual stream.
 */
final class Decoder implements LanguageModel {
  /** One block: two branches that are each added to the residual stream. */
  record Block(
      Layer attentionNorm,
      CausalSelfAttention attention,
      Layer feedForwardNorm,
      Layer feedForward) {}

  /**
   * The layers of an architecture.
   *
   * @param positions learned positions [context length, C]; null for rotary positions
   * @param head weight [V, C]; the embedding's own if tied
   */
  record Layers(
      Embedding embedding,
      Embedding positions,
      List<Block> blocks,
      Layer finalNorm,
      Parameter head) {}

  private final ModelConfig config;
  private final ParameterSet.Builder declaration;
  private final Projections projections;
  private final Layers layers;

  Decoder(
      ModelConfig config,
      ParameterSet.Builder declaration,
      Projections projections,
      Layers layers) {
    this.config = config;
    this.declaration = declaration;
    this.projections = projections;
    this.layers = layers;
  }

  /** How the model's layers attend. */
  static AttentionSpec attention(ModelConfig config) {
    AttentionSpec spec = AttentionSpec.of(config.heads(), config.kvHeads(), config.headWidth());
    return config.window() > 0 ? spec.withWindow(config.window()) : spec;
  }

  /** The head's weight: the embedding's, or a separate one. */
  static Parameter head(ModelConfig config, ParameterSet.Builder parameters, Embedding embedding) {
    return config.tieEmbeddings()
        ? embedding.weight()
        : parameters
            .declare(
                "head.weight",
                Shape.of(config.vocabularySize(), config.width()),
                Initializer.normal(config.initStd()))
            .asTable();
  }

  /**
   * Initial values of the projections back to the residual stream: N(0, (initStd / sqrt(2 L))^2),
   * so that the stream's variance does not grow with the 2 L branches (Radford et al. 2019, section
   * 2.3).
   */
  static Initializer residual(ModelConfig config) {
    return Initializer.normal(config.initStd() / Math.sqrt(2.0 * config.layers()));
  }

  @Override
  public ModelConfig config() {
    return config;
  }

  @Override
  public Optional<Lora> adapters() {
    return projections instanceof Lora lora ? Optional.of(lora) : Optional.empty();
  }

  @Override
  public ParameterSet parameters() {
    return declaration.built();
  }

  @Override
  public Tensor hidden(ForwardPass pass, Tensor ids, RowLayout layout) {
    requireRows(ids, layout);
    Rows rows = Rows.causal(pass.tape(), layout);
    Tensor x = layers.embedding().apply(pass, ids); // [B, T, C]
    if (layers.positions() != null) {
      x = x.add(layers.positions().apply(pass, positions(pass, layout)));
    }
    x = pass.dropout(pass.embeddingNoise(x, layout), config.dropout());
    for (Block block : layers.blocks()) {
      x = apply(pass, block, x, rows);
    }
    return layers.finalNorm().apply(pass, x);
  }

  /** Of whole rows only once, [T], since all are alike. */
  private static Tensor positions(ForwardPass pass, RowLayout layout) {
    return layout.isWhole()
        ? pass.tape()
            .constant(RowLayout.whole(1, layout.tokens()).positions(), Shape.of(layout.tokens()))
        : pass.tape().constant(layout.positions(), Shape.of(layout.batch(), layout.tokens()));
  }

  private Tensor apply(ForwardPass pass, Block block, Tensor in, Rows rows) {
    Tape tape = pass.tape();
    Supplier<Tensor> attend =
        () -> block.attention().attend(pass, block.attentionNorm().apply(pass, in), rows);
    if (pass.recompute() == Recompute.BLOCK) {
      return tape.recomputed(
          () -> rest(pass, block, in, block.attention().project(pass, attend.get())));
    }
    Tensor attended =
        pass.recompute() == Recompute.ATTENTION ? tape.recomputed(attend) : tape.segment(attend);
    return tape.segment(() -> rest(pass, block, in, block.attention().project(pass, attended)));
  }

  @Override
  public Tensor hidden(ForwardPass pass, Tensor ids, CacheRows cache) {
    requireShape(ids, cache.capacity());
    if (ids.shape().dim(0) != cache.count()) {
      throw new IllegalArgumentException(
          "model: ids must have a row for each of "
              + cache.count()
              + " rows of the cache, got "
              + ids.shape());
    }
    Rows rows = Rows.cached(pass.tape(), ids.shape().dim(1), cache);
    Tensor x = layers.embedding().apply(pass, ids);
    if (layers.positions() != null) {
      x = x.add(layers.positions().apply(pass, rows.positions()));
    }
    for (int layer = 0; layer < layers.blocks().size(); layer++) {
      Block block = layers.blocks().get(layer);
      Tensor in = x;
      int index = layer;
      x =
          pass.tape()
              .segment(
                  () -> {
                    Tensor normed = block.attentionNorm().apply(pass, in);
                    Tensor attended = block.attention().attend(pass, normed, rows, cache, index);
                    return rest(pass, block, in, block.attention().project(pass, attended));
                  });
    }
    return layers.finalNorm().apply(pass, x);
  }

  /** The part of a block after its first branch. */
  private Tensor rest(ForwardPass pass, Block block, Tensor in, Tensor branch) {
    Tensor middle = in.add(pass.dropout(branch, config.dropout()));
    Tensor fed = block.feedForward().apply(pass, block.feedForwardNorm().apply(pass, middle));
    return middle.add(pass.dropout(fed, config.dropout()));
  }

  private static void requireShape(Tensor ids, int most) {
    Shape shape = ids.shape();
    if (shape.rank() != 2 || shape.dim(1) < 1 || shape.dim(1) > most) {
      throw new IllegalArgumentException(
          "model: ids must be [B, T] with 1 <= T <= " + most + ", got " + shape);
    }
  }

  /** Rows may be longer than the context, which is the limit of a document. */
  private void requireRows(Tensor ids, RowLayout layout) {
    int most = config.contextLength();
    requireShape(ids, layout.isWhole() ? most : Integer.MAX_VALUE);
    if (!ids.shape().equals(Shape.of(layout.batch(), layout.tokens())) || layout.longest() > most) {
      throw new IllegalArgumentException(
          "model: ids must be ["
              + layout.batch()
              + ", "
              + layout.tokens()
              + "] as their layout, with documents of at most "
              + most
              + " tokens, got "
              + ids.shape()
              + " and a document of "
              + layout.longest());
    }
  }

  @Override
  public Tensor head(ForwardPass pass, Tensor hidden) {
    return hidden.linear(pass.tensor(layers.head()), null);
  }

  @Override
  public Tensor loss(ForwardPass pass, Tensor ids, RowLayout layout, Tensor targets, double scale) {
    return hidden(pass, ids, layout).linearCrossEntropy(pass.tensor(layers.head()), targets, scale);
  }

  @Override
  public Tensor tokenLosses(ForwardPass pass, Tensor hidden, Tensor targets, double temperature) {
    return hidden.tokenLosses(pass.tensor(layers.head()), targets, temperature);
  }

  @Override
  public Tensor tokenLossesAndEntropies(
      ForwardPass pass, Tensor hidden, Tensor targets, double temperature) {
    return hidden.tokenLossesAndEntropies(pass.tensor(layers.head()), targets, temperature);
  }

  @Override
  public KeyValueCache newCache(ArrayPool pool, int batch, int capacity) {
    if (capacity > config.contextLength()) {
      throw new IllegalArgumentException(
          "newCache: capacity must be at most the context length "
              + config.contextLength()
              + ", got "
              + capacity);
    }
    return new KeyValueCache(
        parameters().backend(),
        pool,
        parameters().weights().dtype(),
        config.layers(),
        batch,
        config.kvHeads(),
        capacity,
        config.headWidth());
  }
}
