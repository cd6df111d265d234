package dev.firesteel.backend;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.firesteel.array.DType;
import dev.firesteel.array.NdArray;
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
}
