package dev.firesteel.loss;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.firesteel.metrics.Metric;
import dev.firesteel.random.RandomStream;
import java.util.function.Function;

/** What is required of every loss: the gradient is that of central differences. */
final class LossCheck {
  private static final double STEP = 1e-6;

  private LossCheck() {}

  static void gradient(double[] at, Function<double[], HostLoss> loss) {
    double[] gradient = loss.apply(at).gradient();
    assertThat(gradient).hasSize(at.length);
    for (int i = 0; i < at.length; i++) {
      double[] moved = at.clone();
      moved[i] = at[i] + STEP;
      double up = loss.apply(moved).loss();
      moved[i] = at[i] - STEP;
      double down = loss.apply(moved).loss();
      assertThat((up - down) / (2 * STEP))
          .as("gradient at %s", i)
          .isCloseTo(gradient[i], within(1e-7 * Math.max(1, Math.abs(gradient[i]))));
    }
  }

  static double[] normal(String name, double deviation, int count) {
    RandomStream random = RandomStream.of(3, name);
    double[] values = new double[count];
    for (int i = 0; i < count; i++) {
      values[i] = deviation * random.nextGaussian();
    }
    return values;
  }

  static double measure(HostLoss loss, Metric metric) {
    return loss.measures().measures().get(metric).orElseThrow();
  }
}
