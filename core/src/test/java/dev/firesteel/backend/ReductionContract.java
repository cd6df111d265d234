package dev.firesteel.backend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.firesteel.array.DType;
import dev.firesteel.backend.Backend.Write;
import org.junit.jupiter.api.Test;

/** Of {@link ReductionKernels}. */
interface ReductionContract extends KernelContract {

  @Test
  default void sumRowsSumsEachColumn() {
    for (Write write : Write.values()) {
      for (int rows : new int[] {1, 63, 64, 65, 130, 1024}) {
        for (int width : KernelCheck.SIZES) {
          kernels()
              .check(
                  kernels().sumTolerance(rows),
                  (b, o) ->
                      b.reductions().sumRows(o.normal(rows, width), o.result(write, width), write),
                  "sumRows %s [%d, %d]",
                  write,
                  rows,
                  width);
        }
      }
    }
  }

  @Test
  default void sumAndSumOfSquares() {
    for (int n : new int[] {1, 13, 207, 1024, 65536, 65537, 150_001}) {
      kernels()
          .check(
              kernels().sumTolerance(n),
              (b, o) -> b.reductions().sum(o.normal(n), o.result()),
              "sum %d",
              n);
      Operands subject = new Operands(kernels().backend(), DType.F32, 3, n);
      Operands oracle = new Operands(kernels().reference(), DType.F64, 3, n);
      double got = kernels().backend().reductions().sumOfSquares(subject.normal(n));
      assertThat(got)
          .as("sumOfSquares of %s", n)
          .isEqualTo(
              kernels()
                  .backend()
                  .reductions()
                  .sumOfSquares(new Operands(kernels().backend(), DType.F32, 0, n).normal(n)))
          .isCloseTo(
              kernels().reference().reductions().sumOfSquares(oracle.normal(n)),
              within(1e-12 * got));
    }
  }
}
