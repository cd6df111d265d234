package dev.firesteel.benchmarks;

import dev.firesteel.backend.RopeSpec;
import dev.firesteel.config.ModelConfig;
import dev.firesteel.config.ModelConfig.Architecture;
import dev.firesteel.model.LanguageModel;
import dev.firesteel.model.Models;
import dev.firesteel.nn.Parameter;
import dev.firesteel.random.RandomStream;
import java.util.List;
import java.util.Locale;

/**
 * A model of one size and the batch it is trained on: the rows of the table in DESIGN, and a Llama.
 *
 * @param label what it is called in settings and results
 * @param batch B, sequences of a step
 */
record TrainingShape(String label, ModelConfig model, int batch) {
  /** For tests of the benchmark itself. */
  static final TrainingShape TINY = gpt2("0.1M", 2, 2, 64, 257, 2, 48);

  /** About the model of {@code configs/shakespeare-char.yaml}. */
  static final TrainingShape CHARACTERS = gpt2("0.8M", 4, 4, 128, 65, 12, 64);

  static final TrainingShape SMALL = gpt2("4.3M", 4, 4, 256, 4096, 8, 256);
  static final TrainingShape MEDIUM = gpt2("13.9M", 6, 6, 384, 8192, 8, 256);

  /** GPT-2 small (Radford et al. 2019), with a shorter context. */
  static final TrainingShape GPT2 = gpt2("124M", 12, 12, 768, 50257, 4, 256);

  /** For tests of the benchmark itself. */
  static final TrainingShape TINY_LLAMA = llama("llama-0.1M", 2, 64, 4, 2, 257, 2, 48);

  /** Grouped queries, SwiGLU, RMSNorm, RoPE; a head of its own. */
  static final TrainingShape LLAMA = llama("llama-33.6M", 8, 512, 8, 4, 8192, 4, 512);

  private static final List<TrainingShape> ALL =
      List.of(TINY, TINY_LLAMA, CHARACTERS, SMALL, MEDIUM, LLAMA, GPT2);

  /** Initial weights and token ids of every run. */
  static final long SEED = 1337;

  private static TrainingShape gpt2(
      String label, int layers, int heads, int width, int vocabulary, int batch, int tokens) {
    return new TrainingShape(
        label, config(Architecture.GPT2, layers, width, heads, 0, tokens, vocabulary), batch);
  }

  private static TrainingShape llama(
      String label,
      int layers,
      int width,
      int heads,
      int keyValueHeads,
      int vocabulary,
      int batch,
      int tokens) {
    return new TrainingShape(
        label,
        config(Architecture.LLAMA, layers, width, heads, keyValueHeads, tokens, vocabulary),
        batch);
  }

  private static ModelConfig config(
      Architecture architecture,
      int layers,
      int width,
      int heads,
      int keyValueHeads,
      int tokens,
      int vocabulary) {
    return new ModelConfig(
        architecture,
        layers,
        width,
        heads,
        keyValueHeads,
        0,
        0,
        tokens,
        vocabulary,
        null,
        null,
        0.0,
        1e-5,
        10000.0,
        RopeSpec.Layout.HALF,
        null,
        0.02);
  }

  /** The same model for sequences of {@code tokens}, {@code batch} of them in a step. */
  TrainingShape withSequences(int batch, int tokens) {
    return new TrainingShape(
        String.format(Locale.ROOT, "%s, T %d", label, tokens),
        model.toBuilder().contextLength(tokens).build(),
        batch);
  }

  static TrainingShape of(String label) {
    return ALL.stream()
        .filter(shape -> shape.label.equals(label))
        .findFirst()
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    "no shape is called "
                        + label
                        + "; there are "
                        + ALL.stream().map(shape -> shape.label).toList()));
  }

  /** T, tokens of a sequence. */
  int tokens() {
    return model.contextLength();
  }

  /** Tokens of one optimizer step. */
  int tokensPerStep() {
    return batch * tokens();
  }

  /**
   * What the model's mathematics needs for a token of a training step: {@code 6 N + 6 L T d} (2 for
   * the forward pass, 4 for the backward pass). N counts the parameters that something is
   * multiplied with: all but tables that are only looked up (learned positions, an embedding that
   * is not the head, too); d is the width of all heads, of whose T keys causality leaves half.
   */
  double flopsPerToken() {
    return 6.0 * multipliedParameters()
        + 6.0 * model.layers() * tokens() * model.heads() * model.headWidth();
  }

  /** N of {@link #flopsPerToken}. */
  long multipliedParameters() {
    LanguageModel declared = Models.declare(model);
    long lookedUp =
        declared.parameters().parameters().stream()
            .filter(
                parameter ->
                    parameter.name().equals("positions.weight")
                        || (parameter.name().equals("embedding.weight") && !model.tieEmbeddings()))
            .mapToLong(Parameter::size)
            .sum();
    return declared.parameters().count() - lookedUp;
  }

  /** GFLOP of one optimizer step. */
  double gflopsPerStep() {
    return flopsPerToken() * tokensPerStep() * 1e-9;
  }

  /** Whether a step takes a second rather than a tenth. */
  boolean isLarge() {
    return gflopsPerStep() > 300;
  }

  /** Token ids [B, T + 1] of a step: inputs are columns [0, T), targets [1, T + 1). */
  int[][] batch(int step) {
    RandomStream random = RandomStream.of(SEED, "benchmark batch", step);
    int[][] rows = new int[batch][tokens() + 1];
    for (int[] row : rows) {
      for (int t = 0; t < row.length; t++) {
        row[t] = random.nextInt(model.vocabularySize());
      }
    }
    return rows;
  }

  String description() {
    return String.format(
        Locale.ROOT,
        "%s, %d layers, width %d, %d heads (%d for keys), feed-forward %d, vocabulary %d; %d x %d"
            + " tokens, %.0f GFLOP a step",
        model.architecture() == Architecture.GPT2 ? "GPT-2" : "Llama",
        model.layers(),
        model.width(),
        model.heads(),
        model.kvHeads(),
        model.feedForwardWidth(),
        model.vocabularySize(),
        batch,
        tokens(),
        gflopsPerStep());
  }
}
