package dev.firesteel.nn;

import dev.firesteel.backend.AttentionSpec;
import dev.firesteel.random.RandomStream;
import dev.firesteel.tensor.RowLayout;
import dev.firesteel.tensor.Tape;
import dev.firesteel.tensor.Tensor;

/**
 * One pass of a model over one micro-batch: binds parameters to tensors on a tape and numbers the
 * dropout masks. Lives as long as its tape. A tape may have passes of several models, and several
 * passes of one.
 */
public final class ForwardPass {
  private final Tape tape;
  private final Tensor[] tensors;
  private final ParameterSet parameters;
  private final long dropoutKey;
  private final Recompute recompute;
  private final boolean training;
  private final boolean adapted;
  private long dropoutSite;
  private double embeddingNoise;
  private AttentionWatch attentionWatch;

  private ForwardPass(
      Tape tape,
      ParameterSet parameters,
      Segment gradients,
      long dropoutKey,
      Recompute recompute,
      boolean adapted) {
    this.recompute = recompute;
    this.tape = tape;
    this.parameters = parameters;
    this.dropoutKey = dropoutKey;
    this.training = gradients != null && tape.recording();
    this.adapted = adapted;
    tensors = new Tensor[parameters.parameters().size()];
    Segment weights = parameters.weights();
    for (Parameter parameter : parameters.parameters()) {
      // All that are trained, so that backward writes 0 for those that the loss does not depend on.
      tensors[parameter.index()] =
          gradients != null && parameter.trainable()
              ? tape.variable(weights.view(parameter), gradients.view(parameter))
              : tape.constant(weights.view(parameter));
    }
  }

  /**
   * A pass whose backward overwrites {@code gradients}, without activation checkpointing.
   *
   * @param dropoutKey see {@link #dropoutKey(long, long, long)}
   */
  public static ForwardPass training(
      Tape tape, ParameterSet parameters, Segment gradients, long dropoutKey) {
    return training(tape, parameters, gradients, dropoutKey, Recompute.NONE);
  }

  /**
   * A pass whose backward overwrites {@code gradients}, with the same bits for any {@code
   * recompute}.
   *
   * @param dropoutKey see {@link #dropoutKey(long, long, long)}
   * @param recompute activation checkpointing: what backward recomputes instead of storing it
   */
  public static ForwardPass training(
      Tape tape, ParameterSet parameters, Segment gradients, long dropoutKey, Recompute recompute) {
    return new ForwardPass(tape, parameters, gradients, dropoutKey, recompute, true);
  }

  /** A pass without gradients for these parameters, and without dropout. */
  public static ForwardPass inference(Tape tape, ParameterSet parameters) {
    return new ForwardPass(tape, parameters, null, 0, Recompute.NONE, true);
  }

  /**
   * A pass as {@link #inference} gives that skips {@linkplain Lora adapters}: where these alone
   * were trained, the model as it was before, without a second copy of its weights.
   */
  public static ForwardPass withoutAdapters(Tape tape, ParameterSet parameters) {
    return new ForwardPass(tape, parameters, null, 0, Recompute.NONE, false);
  }

  /**
   * The key of all dropout masks of one micro-batch.
   *
   * @param seed of the run
   * @param step optimizer step
   * @param microBatch the micro-batch's number within the global batch, whichever rank computes it
   */
  public static long dropoutKey(long seed, long step, long microBatch) {
    return RandomStream.key(seed, "dropout", step, microBatch);
  }

  public Tape tape() {
    return tape;
  }

  /** Activation checkpointing: what backward recomputes instead of storing it. */
  public Recompute recompute() {
    return recompute;
  }

  /** Whether adapters take part. */
  boolean adapted() {
    return adapted;
  }

  /** The weights of a parameter, on the tape. */
  public Tensor tensor(Parameter parameter) {
    return tensors[parameters.require(parameter).index()];
  }

  /**
   * Adds noise to embeddings in this pass, if it is one of training: NEFTune (Jain et al. 2023,
   * algorithm 1), {@code x + alpha / sqrt(L C) U(-1, 1)} for a document of L tokens of width C.
   *
   * @param alpha 0 for none
   * @return this
   */
  public ForwardPass withEmbeddingNoise(double alpha) {
    embeddingNoise = alpha;
    return this;
  }

  /**
   * Embeddings with the noise of {@link #withEmbeddingNoise}; {@code x} itself if there is none.
   *
   * @param x [B, T, C]
   * @param layout the documents in the rows
   */
  public Tensor embeddingNoise(Tensor x, RowLayout layout) {
    if (!training || embeddingNoise == 0) {
      return x;
    }
    int width = x.shape().last();
    int[] ranges = layout.full();
    double[] noise = new double[Math.toIntExact(x.shape().size())];
    RandomStream random = RandomStream.of(dropoutKey, "embedding noise");
    for (int token = 0; token < noise.length / width; token++) {
      int length = ranges[2 * token + 1] - ranges[2 * token];
      double scale = embeddingNoise / Math.sqrt((double) length * width);
      for (int i = 0; i < width; i++) {
        noise[token * width + i] = scale * (2 * random.nextDouble() - 1);
      }
    }
    return x.add(tape.constant(noise, x.array().dtype(), x.shape()));
  }

  /**
   * Shows the operands of attention in this pass to an observer, which computes nothing of the
   * model.
   *
   * @return this
   */
  public ForwardPass withAttentionWatch(AttentionWatch watch) {
    attentionWatch = watch;
    return this;
  }

  /** Shows a layer's operands to the observer, if there is one. */
  void showAttention(AttentionSpec spec, Tensor packed, Rows rows) {
    if (attentionWatch != null) {
      attentionWatch.attend(spec, packed, rows.ranges());
    }
  }

  /** Whether dropout was applied in this pass. */
  public boolean droppedOut() {
    return dropoutSite > 0;
  }

  /**
   * Inverted dropout in a training pass; {@code x} itself in any other, or if the probability is 0.
   * Each call has its own mask, numbered from 0 in the order of calls.
   */
  public Tensor dropout(Tensor x, double probability) {
    if (!training || probability == 0) {
      return x;
    }
    return x.dropout(RandomStream.key(dropoutKey, "site", dropoutSite++), probability);
  }
}
