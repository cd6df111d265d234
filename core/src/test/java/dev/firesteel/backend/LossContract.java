package dev.firesteel.backend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.firesteel.array.DType;
import dev.firesteel.array.NdArray;
import dev.firesteel.backend.Backend.Write;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

/** Of {@link LossKernels}. */
interface LossContract extends KernelContract {

  @Test
  default void crossEntropyAndItsGradient() {
    for (int rows : KernelCheck.ROWS) {
      for (int vocabulary : new int[] {1, 13, 207, 1024, 5003}) {
        kernels()
            .check(
                kernels().rowTolerance(),
                (b, o) -> {
                  NdArray logits = o.normalAround(10, 3, rows, vocabulary);
                  // A quarter of small vocabularies' targets is negative: ignored.
                  NdArray targets = o.integers(-(vocabulary + 3) / 4, vocabulary, rows);
                  NdArray logSumExp = o.result(rows);
                  b.losses().crossEntropy(logits, targets, o.result(rows), logSumExp);
                  b.losses()
                      .crossEntropyBackward(
                          logits, targets, logSumExp, o.normal(rows), o.result(rows, vocabulary));
                },
                "crossEntropy [%d, %d]",
                rows,
                vocabulary);
      }
    }
  }

  @Test
  default void crossEntropyRefusesTargetsBeyondTheVocabulary() {
    Operands o = new Operands(kernels().backend(), DType.F32, 0, 1);
    NdArray logits = o.normal(2, 5);
    NdArray targets = o.integersOf(new int[] {0, 5}, 2);
    NdArray losses = o.result(2);
    NdArray logSumExp = o.result(2);
    assertThatThrownBy(
            () -> kernels().backend().losses().crossEntropy(logits, targets, losses, logSumExp))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("crossEntropy: targets must be less than 5, got 5 at index 1");
    NdArray x = o.normal(2, 3);
    NdArray w = o.normal(5, 3);
    assertThatThrownBy(
            () ->
                kernels()
                    .backend()
                    .losses()
                    .linearCrossEntropy(x, w, targets, 1, losses, null, null))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("crossEntropy: targets must be less than 5, got 5 at index 1");
  }

  @Test
  default void linearCrossEntropyAndItsGradients() {
    for (int rows : new int[] {1, 13, 65, 130}) {
      for (int width : new int[] {13, 64}) {
        for (int vocabulary : new int[] {1, 7, 207, 1024}) {
          for (int flags = 0; flags < 4; flags++) {
            boolean wantsX = (flags & 1) != 0;
            boolean wantsW = (flags & 2) != 0;
            kernels()
                .check(
                    2 * kernels().productTolerance(Math.max(rows, width)),
                    (b, o) -> {
                      NdArray x = o.normal(rows, width);
                      NdArray w = o.normal(vocabulary, width);
                      NdArray targets = o.integers(-(vocabulary + 3) / 4, vocabulary, rows);
                      b.losses()
                          .linearCrossEntropy(
                              x,
                              w,
                              targets,
                              0.75,
                              o.result(rows),
                              wantsX ? o.result(rows, width) : null,
                              wantsW ? o.result(vocabulary, width) : null);
                    },
                    "linearCrossEntropy M %d C %d V %d, dx %s, dw %s",
                    rows,
                    width,
                    vocabulary,
                    wantsX,
                    wantsW);
          }
        }
      }
    }
  }

  @Test
  default void linearCrossEntropyAddsUpItsChunksOfRows() {
    kernels()
        .check(
            2 * kernels().productTolerance(1030),
            (b, o) ->
                b.losses()
                    .linearCrossEntropy(
                        o.normal(1030, 13),
                        o.normal(7, 13),
                        o.integers(-1, 7, 1030),
                        0.75,
                        o.result(1030),
                        o.result(1030, 13),
                        o.result(7, 13)),
            "linearCrossEntropy of 1030 rows");
  }

  @Test
  default void tokenLossesAndTheirGradients() {
    for (int rows : new int[] {1, 13, 130}) {
      for (int vocabulary : new int[] {1, 7, 207, 1024}) {
        for (double temperature : new double[] {1, 0.7}) {
          for (boolean entropies : new boolean[] {false, true}) {
            tokenLosses(rows, 40, vocabulary, temperature, entropies, Write.SET, Write.ADD);
          }
        }
      }
    }
  }

  /**
   * As in generation and evaluation, with one gradient wanted, or without a gradient of entropies.
   */
  @Test
  default void tokenLossesWithFewerOperands() {
    tokenLosses(65, 13, 207, 1.5, true, null, Write.SET);
    tokenLosses(65, 13, 207, 1.5, true, Write.ADD, null);
    tokenLosses(65, 13, 207, 1.5, false, Write.ADD, null);
    kernels()
        .check(
            2 * kernels().productTolerance(13),
            (b, o) ->
                b.losses()
                    .tokenLosses(
                        o.normal(65, 13),
                        o.normal(31, 13),
                        o.integers(-3, 31, 65),
                        1,
                        o.result(65),
                        null,
                        null),
            "tokenLosses that nothing is kept of");
  }

  @Test
  default void tokenLossesAddUpTheirChunksOfRows() {
    tokenLosses(1030, 13, 7, 0.9, true, Write.SET, Write.SET);
    tokenLosses(1030, 13, 7, 0.9, true, Write.ADD, Write.ADD);
  }

  /** A null write: that gradient is not wanted. */
  private void tokenLosses(
      int rows,
      int width,
      int vocabulary,
      double temperature,
      boolean entropies,
      Write dxWrite,
      Write dwWrite) {
    kernels()
        .check(
            4 * kernels().productTolerance(Math.max(rows, width)),
            (b, o) -> {
              NdArray x = o.normal(rows, width);
              NdArray w = o.normal(vocabulary, width);
              NdArray targets = o.integers(-(vocabulary + 3) / 4, vocabulary, rows);
              NdArray logSumExp = o.result(rows);
              NdArray entropy = entropies ? o.result(rows) : null;
              b.losses()
                  .tokenLosses(x, w, targets, temperature, o.result(rows), logSumExp, entropy);
              b.losses()
                  .tokenLossesBackward(
                      x,
                      w,
                      targets,
                      temperature,
                      logSumExp,
                      entropy,
                      o.normal(rows),
                      entropies ? o.normal(rows) : null,
                      dxWrite == null ? null : o.result(dxWrite, rows, width),
                      dxWrite,
                      dwWrite == null ? null : o.result(dwWrite, vocabulary, width),
                      dwWrite);
            },
            "tokenLosses M %d C %d V %d, temperature %s, entropies %s, dx %s, dw %s",
            rows,
            width,
            vocabulary,
            temperature,
            entropies,
            dxWrite,
            dwWrite);
  }

  @Test
  default void tokenLossesRefuseTargetsBeyondTheVocabulary() {
    Operands o = new Operands(kernels().backend(), DType.F32, 0, 1);
    NdArray x = o.normal(2, 3);
    NdArray w = o.normal(5, 3);
    NdArray targets = o.integersOf(new int[] {0, 5}, 2);
    NdArray losses = o.result(2);
    assertThatThrownBy(
            () -> kernels().backend().losses().tokenLosses(x, w, targets, 1, losses, null, null))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("crossEntropy: targets must be less than 5, got 5 at index 1");
  }

  /**
   * A row's loss and entropy have the same bits in any batch of rows; at temperature 1 the losses
   * are those of logits as a whole, and of the fused loss.
   */
  @Test
  default void tokenLossesOfARowDependOnItAlone() {
    Backend b = kernels().backend();
    assumeTrue(kernels().rowsKeepTheirBits(), b.description() + " does not promise it");
    int rows = 700;
    int vocabulary = 301;
    // In float32 the reference would round the logits that it stores.
    Operands o = new Operands(b, b.supports(DType.F64) ? DType.F64 : DType.F32, 0, 1);
    NdArray x = o.normal(rows, 40);
    NdArray w = o.normal(vocabulary, 40);
    NdArray targets = o.integers(0, vocabulary, rows);
    double[] losses = downloaded(b, tokenLosses(b, o, x, w, targets, 1, false)[0]);
    NdArray fused = o.result(rows);
    b.losses().linearCrossEntropy(x, w, targets, 1, fused, null, null);
    assertThat(downloaded(b, fused)).isEqualTo(losses);
    b.losses()
        .linearCrossEntropy(x, w, targets, 1, fused, o.result(rows, 40), o.result(vocabulary, 40));
    assertThat(downloaded(b, fused)).isEqualTo(losses);
    NdArray logits = o.result(rows, vocabulary);
    b.products().linear(x, w, null, Activation.IDENTITY, null, logits);
    NdArray whole = o.result(rows);
    b.losses().crossEntropy(logits, targets, whole, o.result(rows));
    assertThat(downloaded(b, whole)).isEqualTo(losses);
    for (double temperature : new double[] {1, 0.8}) {
      NdArray[] all = tokenLosses(b, o, x, w, targets, temperature, true);
      for (int[] part : new int[][] {{0, 1}, {699, 700}, {3, 68}, {100, 613}}) {
        NdArray[] some =
            tokenLosses(
                b,
                o,
                x.slice(part[0], part[1]),
                w,
                targets.slice(part[0], part[1]),
                temperature,
                true);
        for (int i = 0; i < all.length; i++) {
          assertThat(downloaded(b, some[i]))
              .as("rows %s to %s, temperature %s, result %s", part[0], part[1], temperature, i)
              .isEqualTo(Arrays.copyOfRange(downloaded(b, all[i]), part[0], part[1]));
        }
      }
      // Without entropies the losses are computed in another way, with the same result.
      assertThat(downloaded(b, tokenLosses(b, o, x, w, targets, temperature, false)[0]))
          .isEqualTo(downloaded(b, all[0]));
    }
    o.free();
  }

  private static NdArray[] tokenLosses(
      Backend b,
      Operands o,
      NdArray x,
      NdArray w,
      NdArray targets,
      double temperature,
      boolean entropies) {
    int rows = x.shape().rows();
    NdArray losses = o.result(rows);
    NdArray logSumExp = o.result(rows);
    NdArray entropy = entropies ? o.result(rows) : null;
    b.losses().tokenLosses(x, w, targets, temperature, losses, logSumExp, entropy);
    return entropies
        ? new NdArray[] {losses, logSumExp, entropy}
        : new NdArray[] {losses, logSumExp};
  }

  private static double[] downloaded(Backend b, NdArray array) {
    double[] values = new double[(int) array.size()];
    b.download(array, values, 0);
    return values;
  }
}
