package dev.firesteel.spark.cli;

import dev.firesteel.generate.GenerationOptions;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine.Option;

/** How tokens are chosen, for every command that generates text. */
final class SamplingArguments {
  @Option(
      names = "--max-tokens",
      paramLabel = "N",
      defaultValue = "200",
      description = "Maximum number of tokens to generate; ${DEFAULT-VALUE} by default.")
  private int maxTokens;

  @Option(
      names = "--temperature",
      paramLabel = "T",
      defaultValue = "0.8",
      description =
          "Divides the logits; 0 always selects the most likely token; ${DEFAULT-VALUE} by default.")
  private double temperature;

  @Option(
      names = "--top-k",
      paramLabel = "K",
      defaultValue = "0",
      description = "Sample from the K most likely tokens; 0, the default: from all.")
  private int topK;

  @Option(
      names = "--top-p",
      paramLabel = "P",
      defaultValue = "1",
      description =
          "Sample from the fewest most likely tokens with total probability P; 1 by default.")
  private double topP;

  @Option(
      names = "--min-p",
      paramLabel = "P",
      defaultValue = "0",
      description = "Sample from tokens at least P times as likely as the top one; 0 by default.")
  private double minP;

  @Option(
      names = "--repetition-penalty",
      paramLabel = "X",
      defaultValue = "1",
      description = "Above 1 penalizes tokens that already occur in the text; 1 by default.")
  private double repetitionPenalty;

  @Option(
      names = "--stop",
      paramLabel = "TEXT",
      description = "End a completion where this text appears; repeatable.")
  private List<String> stop = new ArrayList<>();

  @Option(
      names = "--seed",
      paramLabel = "N",
      defaultValue = "0",
      description = "The same seed gives the same text; 0 by default.")
  private long seed;

  /** A builder with these options. */
  GenerationOptions.Builder builder() {
    return GenerationOptions.builder()
        .maxTokens(maxTokens)
        .temperature(temperature)
        .topK(topK)
        .topP(topP)
        .minP(minP)
        .repetitionPenalty(repetitionPenalty)
        .stopStrings(stop)
        .seed(seed);
  }
}
