package dev.firesteel.plan;

import dev.firesteel.array.ArrayPool;
import dev.firesteel.array.ArrayScope;
import dev.firesteel.array.DType;
import dev.firesteel.array.NdArray;
import dev.firesteel.array.Shape;
import dev.firesteel.backend.Activation;
import dev.firesteel.backend.Backend;
import dev.firesteel.backend.Backend.Write;
import dev.firesteel.backend.BackendKind;
import dev.firesteel.config.StageConfig;
import java.time.Duration;

/**
 * Measures how fast this machine performs a run's matmuls: the first feed-forward matmul, forward
 * and backward, repeated for a given time.
 */
public final class ThroughputProbe {
  private static final int EXPECTATION_MILLIS = 300;
  private static final int MOST_ROWS = 2048;
  private static final int PART = 512;

  private ThroughputProbe() {}

  /**
   * Floating-point operations per second of the matmuls; the best of the runs within {@code
   * atMost}.
   */
  public static double flopsPerSecond(Backend backend, StageConfig config, Duration atMost) {
    return flopsPerSecond(
        backend,
        Math.min(MOST_ROWS, rows(config)),
        config.model().width(),
        config.model().feedForwardWidth(),
        atMost);
  }

  /**
   * The compute time that a step of one rank should take on this machine, in milliseconds, for a
   * run to compare its steps with; NaN for a backend that the plan's estimate does not cover.
   * Measures for {@value #EXPECTATION_MILLIS} ms.
   *
   * @param vocabularySize rows of the embedding
   * @param ranks that share each step
   */
  public static double expectedStepMillis(
      Backend backend, StageConfig config, int vocabularySize, int ranks) {
    if (config.compute().backend() != BackendKind.CPU) {
      return Double.NaN;
    }
    return 1e3
        * RunPlan.stepSeconds(
            config,
            vocabularySize,
            backend.threadsBesideCaller().size() + 1,
            ranks,
            flopsPerSecondOfPart(backend, config, Duration.ofMillis(EXPECTATION_MILLIS)));
  }

  /**
   * The same for a part of that matmul, which is as fast and needs only a few MB: for a process
   * whose memory is in use.
   */
  public static double flopsPerSecondOfPart(Backend backend, StageConfig config, Duration atMost) {
    return flopsPerSecond(
        backend,
        Math.min(PART, rows(config)),
        Math.min(PART, config.model().width()),
        Math.min(2 * PART, config.model().feedForwardWidth()),
        atMost);
  }

  /** The same of matmuls with few rows, as in decoding. */
  public static double decodingFlopsPerSecond(
      Backend backend, StageConfig config, int rows, Duration atMost) {
    return flopsPerSecond(
        backend, rows, config.model().width(), config.model().feedForwardWidth(), atMost);
  }

  private static int rows(StageConfig config) {
    return config.training().microBatchSize() * config.training().sequenceLength();
  }

  private static double flopsPerSecond(
      Backend backend, int rows, int width, int inner, Duration atMost) {
    try (ArrayPool pool = new ArrayPool(backend);
        ArrayScope scope = new ArrayScope("throughput probe", pool)) {
      NdArray x = filled(backend, scope, rows, width);
      NdArray w = filled(backend, scope, inner, width);
      NdArray y = filled(backend, scope, rows, inner);
      NdArray dw = filled(backend, scope, inner, width);
      double flops = 6.0 * rows * width * inner;
      double best = 0;
      long began = System.nanoTime();
      while (best == 0 || System.nanoTime() - began < atMost.toNanos()) {
        long start = System.nanoTime();
        backend.products().linear(x, w, null, Activation.IDENTITY, null, y);
        backend.products().linearBackwardInput(y, w, x, Write.SET);
        backend.products().linearBackwardWeight(y, x, dw, Write.SET);
        best = Math.max(best, flops / (System.nanoTime() - start) * 1e9);
        backend.fill(x, 0.5);
      }
      return best;
    }
  }

  private static NdArray filled(Backend backend, ArrayScope scope, int rows, int columns) {
    NdArray array = scope.allocate(DType.F32, Shape.of(rows, columns));
    backend.fill(array, 0.5);
    return array;
  }
}
