package dev.firesteel.backend;

import org.junit.jupiter.api.Test;

/** Of {@link OptimizerKernels}. */
interface OptimizerContract extends KernelContract {

  @Test
  default void adamWUpdatesWeightsAndMoments() {
    for (int n : KernelCheck.SIZES) {
      for (long step : new long[] {1, 2, 1000}) {
        AdamWStep update = new AdamWStep(3e-2, 0.9, 0.95, 1e-8, 0.1, step, 0.5);
        kernels()
            .check(
                kernels().rowTolerance(),
                (b, o) ->
                    b.optimizer()
                        .adamW(update, o.normal(n), o.both(n), o.bothPositive(n), o.both(n)),
                "adamW of %d, step %d",
                n,
                step);
      }
    }
  }
}
