package dev.firesteel.optim;

import dev.firesteel.config.OptimizerConfig;
import dev.firesteel.config.ScheduleConfig;

/**
 * The learning rate of each step, a function of the step alone.
 *
 * <p>With P the peak, m the minimum, W the warm-up steps and s the step, from 0: during warm-up,
 * {@code s < W}, all kinds give {@code P (s + 1) / W}, so the first step already learns and step
 * {@code W - 1} reaches the peak. Afterwards each kind has its own formula. Steps after the decay
 * have the rate m.
 */
public sealed interface LearningRateSchedule {

  /** The rate of step {@code step}, counted from 0. */
  double at(long step);

  /** The schedule of a resolved configuration. */
  static LearningRateSchedule of(OptimizerConfig optimizer, ScheduleConfig schedule, long steps) {
    double peak = optimizer.learningRate();
    double lowest = peak * schedule.minLearningRateRatio();
    long warmup = schedule.warmupSteps();
    long decay = schedule.decaySteps();
    return switch (schedule.kind()) {
      case CONSTANT -> new Constant(peak, warmup);
      case LINEAR -> new Linear(peak, lowest, warmup, warmup, decay);
      case COSINE -> new Cosine(peak, lowest, warmup, decay);
      case WSD -> new Linear(peak, lowest, warmup, steps - decay, decay);
    };
  }

  /** {@code P} after the warm-up. */
  record Constant(double peak, long warmup) implements LearningRateSchedule {
    @Override
    public double at(long step) {
      return step < warmup ? rising(peak, warmup, step) : peak;
    }
  }

  /**
   * {@code P} until step {@code decayStart}, then {@code m + (P - m) (1 - p)} with {@code p =
   * min(1, (s - decayStart) / decay)}. Linear decay starts at the end of warm-up;
   * warm-up-stable-decay (WSD; Hu et al. 2024, section 4) starts so that it ends with the run.
   */
  record Linear(double peak, double lowest, long warmup, long decayStart, long decay)
      implements LearningRateSchedule {
    @Override
    public double at(long step) {
      if (step < warmup) {
        return rising(peak, warmup, step);
      }
      return lowest + (peak - lowest) * (1 - progress(step, decayStart, decay));
    }
  }

  /**
   * {@code m + (P - m) (1 + cos(pi p)) / 2} with {@code p = min(1, (s - W) / decay)} (Loshchilov
   * and Hutter 2017, equation 5, without restarts).
   */
  record Cosine(double peak, double lowest, long warmup, long decay)
      implements LearningRateSchedule {
    @Override
    public double at(long step) {
      if (step < warmup) {
        return rising(peak, warmup, step);
      }
      // StrictMath, since Math.cos may differ in the last bit between machines.
      double cosine = StrictMath.cos(Math.PI * progress(step, warmup, decay));
      return lowest + (peak - lowest) * (1 + cosine) / 2;
    }
  }

  private static double rising(double peak, long warmup, long step) {
    return peak * (step + 1) / warmup;
  }

  private static double progress(long step, long start, long length) {
    if (step <= start) {
      return 0;
    }
    return step >= start + length ? 1 : (double) (step - start) / length;
  }
}
