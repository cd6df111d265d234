package dev.firesteel.backend;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.firesteel.array.DType;
import dev.firesteel.array.NdArray;
import dev.firesteel.backend.Backend.Write;
import org.junit.jupiter.api.Test;

/** Of {@link ProductKernels}. */
interface ProductContract extends KernelContract {

  /** Rows, inner and output columns: below, at and above tiles and K blocks. */
  private static int[][] products() {
    return new int[][] {
      {1, 1, 1},
      {1, 64, 207},
      {2, 3, 5},
      {13, 13, 13},
      {63, 31, 33},
      {64, 64, 64},
      {65, 207, 65},
      {130, 256, 70},
      {67, 257, 31},
      {207, 13, 207},
      {33, 600, 97},
      {5, 1024, 1},
      {128, 40, 515}
    };
  }

  @Test
  default void linearWithEveryEpilogue() {
    for (int[] p : products()) {
      for (Activation f : Activation.values()) {
        for (boolean biased : new boolean[] {false, true}) {
          for (boolean kept : new boolean[] {false, true}) {
            kernels()
                .check(
                    kernels().productTolerance(p[1] + 1),
                    (b, o) ->
                        b.products()
                            .linear(
                                o.normal(p[0], p[1]),
                                o.normal(p[2], p[1]),
                                biased ? o.normal(p[2]) : null,
                                f,
                                kept ? o.result(p[0], p[2]) : null,
                                o.result(p[0], p[2])),
                    "linear M %d K %d N %d, %s, bias %s, kept %s",
                    p[0],
                    p[1],
                    p[2],
                    f,
                    biased,
                    kept);
          }
        }
      }
    }
  }

  @Test
  default void linearReadsLeadingAxesAsRows() {
    kernels()
        .check(
            kernels().productTolerance(13),
            (b, o) ->
                b.products()
                    .linear(
                        o.normal(2, 3, 5, 13),
                        o.normal(7, 13),
                        null,
                        Activation.IDENTITY,
                        null,
                        o.result(2, 3, 5, 7)),
            "linear of rank 4");
  }

  @Test
  default void linearBackward() {
    for (int[] p : products()) {
      for (Write write : Write.values()) {
        kernels()
            .check(
                kernels().productTolerance(p[2]),
                (b, o) ->
                    b.products()
                        .linearBackwardInput(
                            o.normal(p[0], p[2]),
                            o.normal(p[2], p[1]),
                            o.result(write, p[0], p[1]),
                            write),
                "linearBackwardInput %s M %d K %d N %d",
                write,
                p[0],
                p[1],
                p[2]);
        kernels()
            .check(
                kernels().productTolerance(p[0]),
                (b, o) ->
                    b.products()
                        .linearBackwardWeight(
                            o.normal(p[0], p[2]),
                            o.normal(p[0], p[1]),
                            o.result(write, p[2], p[1]),
                            write),
                "linearBackwardWeight %s M %d K %d N %d",
                write,
                p[0],
                p[1],
                p[2]);
      }
    }
  }

  @Test
  default void linearSeesAWeightThatWasWritten() {
    // Packed or converted copies of a weight must not outlive its content.
    kernels()
        .check(
            kernels().productTolerance(65),
            (b, o) -> {
              NdArray x = o.normal(33, 65);
              NdArray w = o.both(40, 65);
              b.products().linear(x, w, null, Activation.IDENTITY, null, o.result(33, 40));
              b.elementwise().scale(-2, w, w);
              b.products().linear(x, w, null, Activation.IDENTITY, null, o.result(33, 40));
              b.products().linearBackwardInput(o.normal(33, 40), w, o.result(33, 65), Write.SET);
              b.elementwise().addScaled(1, o.normal(40, 65), w);
              b.products().linearBackwardInput(o.normal(33, 40), w, o.result(33, 65), Write.SET);
            },
            "linear after its weight was written");
  }

  @Test
  default void matmulWithEveryTransposition() {
    int[][] shapes = {
      {1, 1, 1, 1}, {3, 13, 7, 5}, {2, 65, 33, 64}, {1, 64, 257, 31}, {4, 1, 130, 63}
    };
    for (int[] s : shapes) {
      for (int flags = 0; flags < 4; flags++) {
        boolean transposeA = (flags & 1) != 0;
        boolean transposeB = (flags & 2) != 0;
        for (Write write : Write.values()) {
          kernels()
              .check(
                  kernels().productTolerance(s[2]),
                  (b, o) ->
                      b.products()
                          .matmul(
                              transposeA ? o.normal(s[0], s[2], s[1]) : o.normal(s[0], s[1], s[2]),
                              transposeA,
                              transposeB ? o.normal(s[0], s[3], s[2]) : o.normal(s[0], s[2], s[3]),
                              transposeB,
                              o.result(write, s[0], s[1], s[3]),
                              write),
                  "matmul %s batch %d M %d K %d N %d, transposed %s %s",
                  write,
                  s[0],
                  s[1],
                  s[2],
                  s[3],
                  transposeA,
                  transposeB);
        }
      }
    }
    kernels()
        .check(
            kernels().productTolerance(7),
            (b, o) ->
                b.products()
                    .matmul(
                        o.normal(2, 3, 5, 7),
                        false,
                        o.normal(2, 3, 7, 4),
                        false,
                        o.result(2, 3, 5, 4),
                        Write.SET),
            "matmul of rank 4");
  }

  @Test
  default void embeddingAndItsGradientWithRepeatedIds() {
    for (int rows : KernelCheck.ROWS) {
      for (int width : KernelCheck.SIZES) {
        kernels()
            .check(
                0,
                (b, o) ->
                    b.products()
                        .embedding(
                            o.integers(0, 10, rows), o.normal(10, width), o.result(rows, width)),
                "embedding of %d ids, width %d",
                rows,
                width);
        kernels()
            .check(
                kernels().sumTolerance(rows),
                (b, o) ->
                    b.products()
                        .embeddingBackward(
                            o.integers(0, 10, rows), o.normal(rows, width), o.both(10, width)),
                "embeddingBackward of %d ids, width %d",
                rows,
                width);
      }
    }
  }

  @Test
  default void embeddingRefusesUnknownIds() {
    for (int id : new int[] {-1, 10}) {
      Operands o = new Operands(kernels().backend(), DType.F32, 0, 1);
      NdArray ids = o.integersOf(new int[] {3, id}, 2);
      NdArray table = o.normal(10, 4);
      NdArray out = o.result(2, 4);
      assertThatThrownBy(() -> kernels().backend().products().embedding(ids, table, out))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("embedding: ids must be in [0, 10), got " + id + " at index 1");
    }
  }
}
