package dev.firesteel.config;

import java.util.List;
import java.util.Map;

/**
 * A sweep as {@link SweepLoader} reads it.
 *
 * @param runs in the order of the axes
 */
public record Sweep(SweepConfig config, List<Run> runs) {
  public Sweep {
    runs = List.copyOf(runs);
  }

  /**
   * A run.
   *
   * @param axes the values that distinguish it, by key
   * @param draft its configuration, without a length if the sweep determines it
   * @param config the same; of a run without a length, longer than any
   * @param length value of the sweep's {@link SweepLengths#measure}; NaN for the configuration's
   *     steps
   */
  public record Run(
      Map<String, String> axes,
      ConfigDraft<PretrainConfig> draft,
      PretrainConfig config,
      double length) {
    /**
     * The configuration with a length.
     *
     * @param warmupShare of the steps
     */
    public PretrainConfig withSteps(long steps, double warmupShare) {
      ConfigDraft<PretrainConfig> longer = draft.copy();
      longer.put("training", "steps", Long.toString(steps));
      longer.put("schedule", "warmup_steps", Long.toString(Math.round(warmupShare * steps)));
      return longer.resolve();
    }
  }
}
