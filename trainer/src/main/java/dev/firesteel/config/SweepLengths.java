package dev.firesteel.config;

import java.util.List;
import java.util.stream.Stream;

/**
 * Section {@code lengths} of a sweep: how long each size is trained, by one of three measures. The
 * schedule of each run ends with the run.
 */
public record SweepLengths(
    @Setting(
            meaning =
                "Compute budgets in FLOPs (forward and backward, counted exactly): an IsoFLOP grid"
                    + " with the sizes. Values, or `log:from:to:count`.")
        List<String> flops,
    @Setting(meaning = "Tokens for each parameter, all parameters counted; a grid as above.")
        List<String> tokensPerParameter,
    @Setting(meaning = "Tokens; a grid as above.") List<String> tokens,
    @Setting(
            byDefault = "0.05",
            meaning =
                "Share of a run's steps that its warm-up takes, which replaces"
                    + " schedule.warmup_steps.")
        double warmupShare,
    @Setting(
            byDefault = "0",
            meaning =
                "Runs with fewer tokens for each parameter are left out: a large model after a few"
                    + " steps says nothing of the law.")
        double minTokensPerParameter,
    @Setting(
            byDefault = "0",
            meaning = "Runs with more tokens for each parameter are left out; 0: none.")
        double maxTokensPerParameter,
    @Setting(
            byDefault = "false",
            meaning =
                "Train runs that differ in length alone on one path of constant learning rate, from"
                    + " which each branches off for its decay; with `schedule.kind: wsd`. The"
                    + " weights are those of runs trained from the start.")
        boolean branches) {

  /** What a run's length is measured by. */
  public enum Measure {
    /** Compute. */
    FLOPS,
    /** A multiple of the parameters. */
    TOKENS_PER_PARAMETER,
    /** Tokens. */
    TOKENS,
    /** The configuration's steps. */
    STEPS
  }

  public SweepLengths {
    flops = List.copyOf(flops);
    tokensPerParameter = List.copyOf(tokensPerParameter);
    tokens = List.copyOf(tokens);
    Require.upToOne("lengths.warmup_share", warmupShare);
    Require.that(
        minTokensPerParameter >= 0
            && (maxTokensPerParameter == 0 || maxTokensPerParameter > minTokensPerParameter),
        "lengths must have 0 <= min_tokens_per_parameter < max_tokens_per_parameter (or 0 as the latter), got %s and %s"
            .formatted(minTokensPerParameter, maxTokensPerParameter));
    long given =
        Stream.of(flops, tokensPerParameter, tokens).filter(list -> !list.isEmpty()).count();
    Require.that(
        given <= 1,
        "lengths must have one of flops, tokens_per_parameter and tokens, got %d of them: leave the others out"
            .formatted(given));
  }

  /** Whether a run has so many tokens for each parameter as the sweep wants. */
  public boolean wants(double tokensPerParameter) {
    return tokensPerParameter >= minTokensPerParameter
        && (maxTokensPerParameter == 0 || tokensPerParameter <= maxTokensPerParameter);
  }

  /** The measure that is given. */
  public Measure measure() {
    if (!flops.isEmpty()) {
      return Measure.FLOPS;
    }
    if (!tokensPerParameter.isEmpty()) {
      return Measure.TOKENS_PER_PARAMETER;
    }
    return tokens.isEmpty() ? Measure.STEPS : Measure.TOKENS;
  }

  /** The key of the measure in this section; empty for the configuration's steps. */
  public String key() {
    return measure() == Measure.STEPS ? "" : ConfigLoader.yamlName(measure());
  }

  /** The values of the measure; one empty value for the configuration's steps. */
  List<String> values() {
    return switch (measure()) {
      case FLOPS -> flops;
      case TOKENS_PER_PARAMETER -> tokensPerParameter;
      case TOKENS -> tokens;
      case STEPS -> List.of("");
    };
  }
}
