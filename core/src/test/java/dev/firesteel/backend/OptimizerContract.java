package dev.firesteel.backend;

import dev.firesteel.array.DType;
import dev.firesteel.array.NdArray;
import dev.firesteel.array.Shape;
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

  @Test
  default void lionUpdatesWeightsAndMomentum() {
    for (int n : KernelCheck.SIZES) {
      LionStep update = new LionStep(3e-2, 0.9, 0.99, 0.1, 0.5);
      kernels()
          .check(
              kernels().elementwiseTolerance(),
              (b, o) -> b.optimizer().lion(update, o.normal(n), o.both(n), o.both(n)),
              "lion of %d",
              n);
    }
  }

  @Test
  default void lionMovesByTheSignHoweverSmallAndNotAtZero() {
    float[] directions = {0, Float.MIN_VALUE, -Float.MIN_VALUE, 1e-30f, -1e-30f, 1e38f, -1e38f};
    Backend backend = kernels().backend();
    NdArray[] arrays = new NdArray[3];
    for (int i = 0; i < 3; i++) {
      arrays[i] =
          new NdArray(
              backend.allocate(DType.F32, directions.length), 0, Shape.of(directions.length));
      backend.fill(arrays[i], 0);
    }
    backend.upload(directions, 0, arrays[1]);
    backend.optimizer().lion(new LionStep(0.25, 1, 1, 0, 1), arrays[0], arrays[1], arrays[2]);
    float[] got = new float[directions.length];
    backend.download(arrays[2], got, 0);
    for (int i = 0; i < got.length; i++) {
      // A device may flush the numbers below the normal ones to 0.
      float want = -0.25f * Math.signum(directions[i]);
      boolean flushed = Math.abs(directions[i]) < Float.MIN_NORMAL && got[i] == 0;
      if (got[i] != want && !flushed) {
        throw new AssertionError(
            "the step for " + directions[i] + " must be " + want + ", got " + got[i]);
      }
    }
    for (NdArray array : arrays) {
      backend.free(array.storage());
    }
  }

  @Test
  default void squareSumsAreOfRowsAndColumns() {
    for (int rows : KernelCheck.ROWS) {
      for (int columns : KernelCheck.SIZES) {
        kernels()
            .check(
                kernels().sumTolerance(Math.max(rows, columns)),
                (b, o) ->
                    b.optimizer()
                        .squareSums(o.normal(rows, columns), o.result(rows), o.result(columns)),
                "squareSums of %d x %d",
                rows,
                columns);
      }
    }
  }

  @Test
  default void rowsAndColumnsAreScaled() {
    for (int rows : KernelCheck.ROWS) {
      for (int columns : KernelCheck.SIZES) {
        kernels()
            .check(
                kernels().elementwiseTolerance(),
                (b, o) ->
                    b.optimizer()
                        .scaleRowsAndColumns(
                            o.both(rows, columns), o.normal(rows), o.normal(columns)),
                "scaleRowsAndColumns of %d x %d",
                rows,
                columns);
      }
    }
  }
}
