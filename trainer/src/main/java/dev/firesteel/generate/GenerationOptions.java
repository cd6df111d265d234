package dev.firesteel.generate;

import dev.firesteel.config.SampleConfig;
import dev.firesteel.error.UserException;
import java.util.List;

/**
 * How to choose tokens. The defaults decode greedily; see {@link TokenSampler} for the order in
 * which the sampling options apply.
 *
 * @param maxTokens the longest completion
 * @param temperature divides the logits; 0 selects the argmax
 * @param topK keep this many of the most likely tokens; 0 for all
 * @param topP keep the smallest set of most likely tokens whose probabilities reach this sum; 1 for
 *     all
 * @param minP keep tokens whose probability is at least this fraction of the highest; 0 for all
 * @param repetitionPenalty penalizes tokens that already occur in the text; 1 for none
 * @param beams width of beam search; 1 for none
 * @param lengthPenalty beam search ranks by {@code log p / length^lengthPenalty}: values above 0
 *     favor long completions
 * @param earlyStopping beam search ends when it has {@code beams} finished completions, without
 *     checking whether an unfinished one could still beat them
 * @param stopStrings strings that end a completion
 * @param seed of all sampling
 */
public record GenerationOptions(
    int maxTokens,
    double temperature,
    int topK,
    double topP,
    double minP,
    double repetitionPenalty,
    int beams,
    double lengthPenalty,
    boolean earlyStopping,
    List<String> stopStrings,
    long seed) {

  public GenerationOptions {
    stopStrings = List.copyOf(stopStrings);
    require(maxTokens >= 1, "max tokens must be at least 1, got " + maxTokens);
    require(
        temperature >= 0 && Double.isFinite(temperature),
        "temperature must be at least 0, got " + temperature);
    require(topK >= 0, "top-k must be at least 0, got " + topK);
    require(topP > 0 && topP <= 1, "top-p must be greater than 0 and at most 1, got " + topP);
    require(minP >= 0 && minP <= 1, "min-p must be between 0 and 1, got " + minP);
    require(
        repetitionPenalty > 0 && Double.isFinite(repetitionPenalty),
        "the repetition penalty must be greater than 0, got " + repetitionPenalty);
    require(beams >= 1, "beams must be at least 1, got " + beams);
    require(
        Double.isFinite(lengthPenalty),
        "the length penalty must be a finite number, got " + lengthPenalty);
    require(
        beams == 1 || temperature == 0,
        "beam search does not sample, so temperature must be 0 with beams "
            + beams
            + ", got "
            + temperature);
    require(
        stopStrings.stream().noneMatch(String::isEmpty),
        "a stop string must not be empty, got one");
  }

  private static void require(boolean condition, String message) {
    if (!condition) {
      throw UserException.usage(message);
    }
  }

  /** A builder, initially for greedy decoding. */
  public static Builder builder() {
    return new Builder();
  }

  /** The options given by the section {@code sample} of a run's configuration. */
  public static GenerationOptions of(SampleConfig config, long seed) {
    return builder()
        .maxTokens(config.maxTokens())
        .temperature(config.temperature())
        .topK(config.topK())
        .topP(config.topP())
        .seed(seed)
        .build();
  }

  /** A builder, initially for these options. */
  public Builder toBuilder() {
    return builder()
        .maxTokens(maxTokens)
        .temperature(temperature)
        .topK(topK)
        .topP(topP)
        .minP(minP)
        .repetitionPenalty(repetitionPenalty)
        .beams(beams)
        .lengthPenalty(lengthPenalty)
        .earlyStopping(earlyStopping)
        .stopStrings(stopStrings)
        .seed(seed);
  }

  /** Builder with the defaults. */
  public static final class Builder {
    private int maxTokens = 200;
    private double temperature;
    private int topK;
    private double topP = 1;
    private double minP;
    private double repetitionPenalty = 1;
    private int beams = 1;
    private double lengthPenalty = 1;
    private boolean earlyStopping;
    private List<String> stopStrings = List.of();
    private long seed;

    private Builder() {}

    public Builder maxTokens(int value) {
      maxTokens = value;
      return this;
    }

    public Builder temperature(double value) {
      temperature = value;
      return this;
    }

    public Builder topK(int value) {
      topK = value;
      return this;
    }

    public Builder topP(double value) {
      topP = value;
      return this;
    }

    public Builder minP(double value) {
      minP = value;
      return this;
    }

    public Builder repetitionPenalty(double value) {
      repetitionPenalty = value;
      return this;
    }

    public Builder beams(int value) {
      beams = value;
      return this;
    }

    public Builder lengthPenalty(double value) {
      lengthPenalty = value;
      return this;
    }

    public Builder earlyStopping(boolean value) {
      earlyStopping = value;
      return this;
    }

    public Builder stopStrings(List<String> value) {
      stopStrings = value;
      return this;
    }

    public Builder seed(long value) {
      seed = value;
      return this;
    }

    public GenerationOptions build() {
      return new GenerationOptions(
          maxTokens,
          temperature,
          topK,
          topP,
          minP,
          repetitionPenalty,
          beams,
          lengthPenalty,
          earlyStopping,
          stopStrings,
          seed);
    }
  }
}
