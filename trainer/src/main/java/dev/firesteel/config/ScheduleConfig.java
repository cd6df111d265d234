package dev.firesteel.config;

/** Section {@code schedule}: the learning rate over the run. */
public record ScheduleConfig(
    @Setting(
            byDefault = "cosine",
            meaning =
                "After a linear warm-up: `constant`; `linear` or `cosine` decay from the warm-up's"
                    + " end; `wsd`: constant, then a linear decay that ends with the run.")
        Kind kind,
    @Setting(byDefault = "100", meaning = "Steps over which the rate rises from 0.")
        int warmupSteps,
    @Setting(
            byDefault = "0",
            meaning =
                "Steps that the decay takes; after it the rate stays at the lowest. 0: from the"
                    + " warm-up's end to the run's (`linear`, `cosine`), a fifth of the run"
                    + " (`wsd`).")
        int decaySteps,
    @Setting(
            byDefault = "0.1",
            meaning = "The lowest learning rate as a share of optimizer.learning_rate.")
        double minLearningRateRatio) {

  /** The curve after the warm-up. */
  public enum Kind {
    CONSTANT,
    LINEAR,
    COSINE,
    WSD
  }

  private static final int WSD_DECAY_SHARE = 5;

  public ScheduleConfig {
    Require.atLeast("schedule.warmup_steps", warmupSteps, 0);
    Require.atLeast("schedule.decay_steps", decaySteps, 0);
    Require.upToOne("schedule.min_learning_rate_ratio", minLearningRateRatio);
  }

  ScheduleConfig resolved(int steps) {
    if (decaySteps != 0) {
      if (kind == Kind.WSD) {
        Require.that(
            decaySteps <= steps,
            "schedule.decay_steps must be at most training.steps (%d) for wsd, got %d"
                .formatted(steps, decaySteps));
      }
      return this;
    }
    int decay =
        switch (kind) {
          case CONSTANT -> 0;
          case LINEAR, COSINE -> Math.max(0, steps - warmupSteps);
          case WSD -> Math.max(1, steps / WSD_DECAY_SHARE);
        };
    return new ScheduleConfig(kind, warmupSteps, decay, minLearningRateRatio);
  }
}
