package dev.firesteel.config;

/** Section {@code schedule}: the learning rate over the run. */
public record ScheduleConfig(
    @Setting(
            resume = Resume.SAME_RATES,
            byDefault = "cosine",
            meaning =
                "After a linear warm-up: `constant`; `linear` or `cosine` decay from the warm-up's"
                    + " end; `wsd`: constant, then a linear decay that ends with the run.")
        Kind kind,
    @Setting(
            resume = Resume.SAME_RATES,
            byDefault = "100",
            meaning = "Steps of linear warm-up from 0.")
        int warmupSteps,
    @Setting(
            resume = Resume.SAME_RATES,
            byDefault = "0",
            meaning =
                "Steps of decay; afterwards the rate stays at its final value. 0: from the end of"
                    + " the warm-up to the end of the run (`linear`, `cosine`), a fifth of the run"
                    + " (`wsd`).")
        int decaySteps,
    @Setting(
            resume = Resume.SAME_RATES,
            byDefault = "0.1",
            meaning = "Final learning rate as a fraction of optimizer.learning_rate.")
        double minLearningRateRatio) {

  /** The shape of the curve after the warm-up. */
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

  /**
   * The same schedule with the decay resolved; unchanged while the number of steps is unknown (0).
   */
  ScheduleConfig resolved(int steps) {
    if (steps == 0) {
      return this;
    }
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
