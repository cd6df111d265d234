package dev.firesteel.benchmarks;

import dev.firesteel.config.ModelConfig;
import dev.firesteel.config.ModelConfig.Architecture;
import dev.firesteel.random.RandomStream;
import java.util.Arrays;

/** A GPT-2 of one size and the batch it is trained on: the rows of the table in DESIGN. */
enum TrainingShape {
  /** For tests of the benchmark itself. */
  TINY("0.1M", 2, 2, 64, 257, 2, 48),
  SMALL("4.3M", 4, 4, 256, 4096, 8, 256),
  MEDIUM("13.9M", 6, 6, 384, 8192, 8, 256),
  /** GPT-2 small (Radford et al. 2019), with a shorter context. */
  GPT2("124M", 12, 12, 768, 50257, 4, 256);

  /** Initial weights and token ids of every run. */
  static final long SEED = 1337;

  final String label;
  final int layers;
  final int heads;
  final int width;
  final int vocabularySize;
  final int batch;
  final int tokens;

  TrainingShape(
      String label, int layers, int heads, int width, int vocabularySize, int batch, int tokens) {
    this.label = label;
    this.layers = layers;
    this.heads = heads;
    this.width = width;
    this.vocabularySize = vocabularySize;
    this.batch = batch;
    this.tokens = tokens;
  }

  static TrainingShape of(String label) {
    return Arrays.stream(values())
        .filter(shape -> shape.label.equals(label))
        .findFirst()
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    "no shape is called "
                        + label
                        + "; there are "
                        + Arrays.stream(values()).map(shape -> shape.label).toList()));
  }

  /** Tokens of one optimizer step. */
  int tokensPerStep() {
    return batch * tokens;
  }

  ModelConfig modelConfig() {
    return new ModelConfig(
        Architecture.GPT2,
        layers,
        width,
        heads,
        0,
        0,
        0,
        tokens,
        vocabularySize,
        true,
        ModelConfig.Activation.GELU_TANH,
        0.0,
        1e-5,
        10000.0,
        ModelConfig.RopeLayout.HALF,
        true,
        0.02);
  }

  /** Token ids [B, T + 1] of a step: inputs are columns [0, T), targets [1, T + 1). */
  int[][] batch(int step) {
    RandomStream random = RandomStream.of(SEED, "benchmark batch", step);
    int[][] rows = new int[batch][tokens + 1];
    for (int[] row : rows) {
      for (int t = 0; t < row.length; t++) {
        row[t] = random.nextInt(vocabularySize);
      }
    }
    return rows;
  }

  String description() {
    return String.format(
        java.util.Locale.ROOT,
        "%d layers, %d heads, width %d, vocabulary %d, batch %d x %d tokens",
        layers,
        heads,
        width,
        vocabularySize,
        batch,
        tokens);
  }
}
