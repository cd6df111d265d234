package dev.firesteel.backend;

import dev.firesteel.array.NdArray;
import dev.firesteel.backend.Backend.Write;
import org.junit.jupiter.api.Test;

/** Of {@link NormKernels}. */
interface NormContract extends KernelContract {

  @Test
  default void layerNormAndItsGradients() {
    for (int rows : KernelCheck.ROWS) {
      for (int width : KernelCheck.SIZES) {
        for (boolean biased : new boolean[] {false, true}) {
          kernels()
              .check(
                  kernels().rowTolerance(),
                  (b, o) ->
                      b.norms()
                          .layerNorm(
                              o.normalAround(0.5, 2, rows, width),
                              o.normal(width),
                              biased ? o.normal(width) : null,
                              KernelCheck.EPSILON,
                              o.result(rows, width),
                              o.result(rows),
                              o.result(rows)),
                  "layerNorm [%d, %d] bias %s",
                  rows,
                  width,
                  biased);
        }
        for (Write write : Write.values()) {
          // At width 1 the variance is 0 and rstd 316, which magnifies the rounding of x - mean.
          kernels()
              .check(
                  kernels().sumTolerance(Math.max(64, rows)),
                  (b, o) -> {
                    NdArray x = o.normalAround(0.5, 2, rows, width);
                    NdArray gain = o.normal(width);
                    NdArray mean = o.result(rows);
                    NdArray rstd = o.result(rows);
                    b.norms()
                        .layerNorm(
                            x, gain, null, KernelCheck.EPSILON, o.result(rows, width), mean, rstd);
                    b.norms()
                        .layerNormBackward(
                            x,
                            gain,
                            mean,
                            rstd,
                            o.normal(rows, width),
                            o.result(write, rows, width),
                            write,
                            o.result(write, width),
                            write,
                            o.result(write, width),
                            write);
                  },
                  "layerNormBackward %s [%d, %d]",
                  write,
                  rows,
                  width);
        }
      }
    }
  }

  /** For each result set or added to, or not wanted. */
  private static Write[] writesOrNone() {
    return new Write[] {Write.SET, Write.ADD, null};
  }

  @Test
  default void layerNormGivesTheGradientsThatAreWanted() {
    for (Write dx : writesOrNone()) {
      for (Write dGain : writesOrNone()) {
        for (Write dBias : writesOrNone()) {
          kernels()
              .check(
                  kernels().sumTolerance(64),
                  (b, o) -> {
                    NdArray mean = o.result(40);
                    NdArray rstd = o.result(40);
                    NdArray x = o.normal(40, 33);
                    NdArray gain = o.normal(33);
                    b.norms()
                        .layerNorm(
                            x, gain, null, KernelCheck.EPSILON, o.result(40, 33), mean, rstd);
                    b.norms()
                        .layerNormBackward(
                            x,
                            gain,
                            mean,
                            rstd,
                            o.normal(40, 33),
                            dx == null ? null : o.result(dx, 40, 33),
                            dx,
                            dGain == null ? null : o.result(dGain, 33),
                            dGain,
                            dBias == null ? null : o.result(dBias, 33),
                            dBias);
                  },
                  "layerNormBackward dx %s, dGain %s, dBias %s",
                  dx,
                  dGain,
                  dBias);
        }
      }
    }
  }

  @Test
  default void rmsNormGivesTheGradientsThatAreWanted() {
    for (Write dx : writesOrNone()) {
      for (Write dGain : writesOrNone()) {
        kernels()
            .check(
                kernels().sumTolerance(64),
                (b, o) -> {
                  NdArray rstd = o.result(40);
                  NdArray x = o.normal(40, 33);
                  NdArray gain = o.normal(33);
                  b.norms().rmsNorm(x, gain, KernelCheck.EPSILON, o.result(40, 33), rstd);
                  b.norms()
                      .rmsNormBackward(
                          x,
                          gain,
                          rstd,
                          o.normal(40, 33),
                          dx == null ? null : o.result(dx, 40, 33),
                          dx,
                          dGain == null ? null : o.result(dGain, 33),
                          dGain);
                },
                "rmsNormBackward dx %s, dGain %s",
                dx,
                dGain);
      }
    }
  }

  @Test
  default void layerNormSurvivesALargeMean() {
    // E[x^2] - E[x]^2 in float32 would lose all digits here.
    kernels()
        .check(
            2e-3,
            (b, o) ->
                b.norms()
                    .layerNorm(
                        o.normalAround(1000, 1, 65, 207),
                        o.normalAround(1, 0.1, 207),
                        null,
                        KernelCheck.EPSILON,
                        o.result(65, 207),
                        o.result(65),
                        o.result(65)),
            "layerNorm of mean 1000, deviation 1");
  }

  @Test
  default void rmsNormAndItsGradients() {
    for (int rows : KernelCheck.ROWS) {
      for (int width : KernelCheck.SIZES) {
        kernels()
            .check(
                kernels().rowTolerance(),
                (b, o) ->
                    b.norms()
                        .rmsNorm(
                            o.normalAround(0.5, 2, rows, width),
                            o.normal(width),
                            KernelCheck.EPSILON,
                            o.result(rows, width),
                            o.result(rows)),
                "rmsNorm [%d, %d]",
                rows,
                width);
        for (Write write : Write.values()) {
          kernels()
              .check(
                  kernels().sumTolerance(Math.max(64, rows)),
                  (b, o) -> {
                    // Away from 0, where rstd has no bound at width 1.
                    NdArray x = o.normalAround(4, 0.5, rows, width);
                    NdArray gain = o.normal(width);
                    NdArray rstd = o.result(rows);
                    b.norms().rmsNorm(x, gain, KernelCheck.EPSILON, o.result(rows, width), rstd);
                    b.norms()
                        .rmsNormBackward(
                            x,
                            gain,
                            rstd,
                            o.normal(rows, width),
                            o.result(write, rows, width),
                            write,
                            o.result(write, width),
                            write);
                  },
                  "rmsNormBackward %s [%d, %d]",
                  write,
                  rows,
                  width);
        }
      }
    }
  }
}
