package dev.firesteel.backend;

import dev.firesteel.array.NdArray;
import dev.firesteel.backend.Backend.Write;
import org.junit.jupiter.api.Test;

/** Of {@link ElementwiseKernels}. */
interface ElementwiseContract extends KernelContract {

  @Test
  default void copiesAreExact() {
    for (int n : KernelCheck.SIZES) {
      kernels()
          .check(0, (b, o) -> b.elementwise().copy(o.normal(n, 2), o.result(2 * n)), "copy %d", n);
    }
  }

  @Test
  default void copyColumnsMovesAndAdds() {
    for (Write write : Write.values()) {
      for (int rows : KernelCheck.ROWS) {
        kernels()
            .check(
                kernels().elementwiseTolerance(),
                (b, o) ->
                    b.elementwise()
                        .copyColumns(o.normal(rows, 20), 3, o.both(rows, 31), 7, 13, write),
                "copyColumns %s, rows %d",
                write,
                rows);
      }
      kernels()
          .check(
              kernels().elementwiseTolerance(),
              (b, o) ->
                  b.elementwise()
                      .copyColumns(o.normal(5, 1), 0, o.result(write, 5, 1), 0, 1, write),
              "copyColumns %s of single columns",
              write);
      kernels()
          .check(
              kernels().elementwiseTolerance(),
              (b, o) ->
                  b.elementwise()
                      .copyColumns(o.normal(3, 207), 0, o.result(write, 3, 207), 0, 207, write),
              "copyColumns %s of whole rows",
              write);
    }
  }

  @Test
  default void addRepeatsATrailingShape() {
    for (int n : KernelCheck.SIZES) {
      kernels()
          .check(
              kernels().elementwiseTolerance(),
              (b, o) -> b.elementwise().add(o.normal(n), o.normal(n), o.result(n)),
              "add %d",
              n);
      for (int rows : KernelCheck.ROWS) {
        kernels()
            .check(
                kernels().elementwiseTolerance(),
                (b, o) -> b.elementwise().add(o.normal(rows, n), o.normal(n), o.result(rows, n)),
                "add [%d, %d] + [%d]",
                rows,
                n,
                n);
      }
    }
  }

  @Test
  default void addScaledMultiplyAndScale() {
    for (int n : KernelCheck.SIZES) {
      double t = kernels().elementwiseTolerance();
      kernels()
          .check(
              t,
              (b, o) -> b.elementwise().addScaled(-1.7, o.normal(n), o.both(n)),
              "addScaled %d",
              n);
      kernels()
          .check(
              t,
              (b, o) -> b.elementwise().addScaled(1, o.normal(n), o.both(n)),
              "addScaled by 1, %d",
              n);
      kernels()
          .check(
              t,
              (b, o) -> b.elementwise().multiply(o.normal(n), o.normal(n), o.result(n)),
              "multiply %d",
              n);
      kernels()
          .check(
              t,
              (b, o) -> {
                NdArray a = o.both(n);
                b.elementwise().multiply(a, o.normal(n), a);
              },
              "multiply in place of a, %d",
              n);
      kernels()
          .check(
              t,
              (b, o) -> {
                NdArray a = o.both(n);
                b.elementwise().multiply(o.normal(n), a, a);
              },
              "multiply in place of b, %d",
              n);
      kernels()
          .check(t, (b, o) -> b.elementwise().scale(0.3, o.normal(n), o.result(n)), "scale %d", n);
      kernels()
          .check(
              t,
              (b, o) -> {
                NdArray x = o.both(n);
                b.elementwise().scale(0.3, x, x);
              },
              "scale in place %d",
              n);
    }
  }

  @Test
  default void activationsAndTheirGradients() {
    double t = kernels().elementwiseTolerance();
    for (Activation f : Activation.values()) {
      for (int n : KernelCheck.SIZES) {
        kernels()
            .check(
                t,
                (b, o) -> b.elementwise().activation(f, o.normalAround(0, 3, n), o.result(n)),
                "%s %d",
                f,
                n);
        kernels()
            .check(
                t,
                (b, o) -> {
                  NdArray x = o.both(n);
                  b.elementwise().activation(f, x, x);
                },
                "%s in place %d",
                f,
                n);
        kernels()
            .check(
                t,
                (b, o) ->
                    b.elementwise()
                        .activationBackward(
                            f, o.normalAround(0, 3, n), o.normal(n), o.result(n), null, Write.SET),
                "%s backward %d",
                f,
                n);
        kernels()
            .check(
                t,
                (b, o) -> {
                  NdArray x = o.both(n);
                  b.elementwise().activationBackward(f, x, o.normal(n), x, null, Write.SET);
                },
                "%s backward in place of x %d",
                f,
                n);
        kernels()
            .check(
                t,
                (b, o) -> {
                  NdArray dy = o.both(n);
                  b.elementwise().activationBackward(f, o.normal(n), dy, dy, null, Write.SET);
                },
                "%s backward in place of dy %d",
                f,
                n);
      }
    }
  }

  @Test
  default void activationGradientsAreSummedForTheBias() {
    for (Activation f : Activation.values()) {
      for (Write write : Write.values()) {
        for (int rows : new int[] {1, 64, 130}) {
          for (int width : new int[] {1, 13, 207}) {
            kernels()
                .check(
                    kernels().sumTolerance(rows),
                    (b, o) -> {
                      NdArray x = o.both(rows, width);
                      NdArray dy = o.normal(rows, width);
                      b.elementwise()
                          .activationBackward(f, x, dy, x, o.result(write, width), write);
                    },
                    "%s backward with bias %s [%d, %d]",
                    f,
                    write,
                    rows,
                    width);
          }
        }
      }
    }
  }

  @Test
  default void activationsOfExtremeValuesAreFinite() {
    double[] extremes = {
      0, -0.0, 1e-30, -1e-30, 5, -5, 9, -9, 12, -12, 40, -40, 90, -90, 1e4, -1e4
    };
    for (Activation f : Activation.values()) {
      kernels()
          .check(
              kernels().elementwiseTolerance(),
              (b, o) -> {
                NdArray x = o.both(extremes.length);
                b.upload(extremes, 0, x);
                b.elementwise().activation(f, x, o.result(extremes.length));
                NdArray dy = o.result(extremes.length);
                b.fill(dy, 1);
                b.elementwise()
                    .activationBackward(f, x, dy, o.result(extremes.length), null, Write.SET);
              },
              "%s of extreme values",
              f);
    }
  }

  @Test
  default void swiGluAndItsGradient() {
    for (int rows : KernelCheck.ROWS) {
      for (int width : new int[] {1, 13, 64, 207}) {
        kernels()
            .check(
                kernels().elementwiseTolerance(),
                (b, o) -> b.elementwise().swiGlu(o.normal(rows, 2 * width), o.result(rows, width)),
                "swiGlu [%d, %d]",
                rows,
                width);
        kernels()
            .check(
                kernels().elementwiseTolerance(),
                (b, o) ->
                    b.elementwise()
                        .swiGluBackward(
                            o.normal(rows, 2 * width),
                            o.normal(rows, width),
                            o.result(rows, 2 * width)),
                "swiGluBackward [%d, %d]",
                rows,
                width);
      }
    }
  }

  @Test
  default void dropoutDrawsTheSameMask() {
    for (int n : KernelCheck.SIZES) {
      for (double p : new double[] {0, 0.1, 0.5, 0.9}) {
        kernels()
            .check(
                kernels().elementwiseTolerance(),
                (b, o) ->
                    b.elementwise()
                        .dropout(o.normal(n), 0x1234_5678_9abc_def0L + n, p, o.result(n)),
                "dropout %s of %d",
                p,
                n);
      }
    }
  }
}
