package dev.firesteel.config;

import dev.firesteel.backend.RopeScaling;

/**
 * Section {@code model.rope_scaling}: how the frequencies of rotary positions are changed for
 * sequences longer than those of the first training. Formulas: {@link RopeScaling}.
 */
public record RopeScalingConfig(
    @Setting(
            byDefault = "none",
            meaning =
                "`linear`: all frequencies divided by `factor`; `llama3`: only the slow ones, by"
                    + " wavelength (Llama 3.1); `yarn`: only the slow ones, by pair, with larger"
                    + " cosines and sines (YaRN).")
        Type type,
    @Setting(byDefault = "1.0", meaning = "How many times longer sequences become.") double factor,
    @Setting(
            byDefault = "0",
            meaning = "Sequence length before scaling (`llama3`, `yarn`), in tokens.")
        int originalContextLength,
    @Setting(
            byDefault = "1.0",
            meaning = "Turns in the original length up to which a pair is slow (`llama3`, `yarn`).")
        double slowTurns,
    @Setting(
            byDefault = "4.0",
            meaning =
                "Turns in the original length from which a pair is not scaled (`llama3`: usually 4,"
                    + " `yarn`: 32).")
        double fastTurns,
    @Setting(
            byDefault = "1.0",
            meaning = "Factor on cosines and sines (`yarn`), in the paper 0.1 ln(factor) + 1.")
        double magnitude,
    @Setting(
            byDefault = "true",
            meaning =
                "Whether the pairs between slow and fast are counted in whole pairs (`yarn`).")
        boolean truncate) {

  /** No scaling. */
  public static final RopeScalingConfig NONE =
      new RopeScalingConfig(Type.NONE, 1, 0, 1, 4, 1, true);

  /** The kind of scaling. */
  public enum Type {
    NONE,
    LINEAR,
    LLAMA3,
    YARN
  }

  public RopeScalingConfig {
    Require.positive("model.rope_scaling.factor", factor);
    Require.positive("model.rope_scaling.slow_turns", slowTurns);
    Require.positive("model.rope_scaling.fast_turns", fastTurns);
    Require.positive("model.rope_scaling.magnitude", magnitude);
    boolean byTurns = type == Type.LLAMA3 || type == Type.YARN;
    Require.atLeast(
        "model.rope_scaling.original_context_length", originalContextLength, byTurns ? 1 : 0);
    Require.that(
        !byTurns || fastTurns > slowTurns,
        "model.rope_scaling.fast_turns must be greater than model.rope_scaling.slow_turns (%s), got %s"
            .formatted(slowTurns, fastTurns));
  }

  /** The scaling of the kernels. */
  public RopeScaling scaling() {
    return switch (type) {
      case NONE -> RopeScaling.none();
      case LINEAR -> new RopeScaling.Linear(factor);
      case LLAMA3 -> new RopeScaling.Llama3(factor, slowTurns, fastTurns, originalContextLength);
      case YARN ->
          new RopeScaling.Yarn(
              factor, originalContextLength, fastTurns, slowTurns, magnitude, truncate);
    };
  }
}
