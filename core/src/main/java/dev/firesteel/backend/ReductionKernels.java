package dev.firesteel.backend;

import dev.firesteel.array.NdArray;
import dev.firesteel.backend.Backend.Write;

/**
 * Sums over rows and over whole arrays.
 *
 * <p>The conventions of {@link Backend} hold here.
 */
public interface ReductionKernels {

  /** {@code out[n] (+)= sum over rows of x[r, n]}, rows in fixed blocks in index order. */
  void sumRows(NdArray x, NdArray out, Write write);

  /** {@code out[] = sum of x}; {@code out} is a scalar array. */
  void sum(NdArray x, NdArray out);

  /**
   * The sums of squares, in double, of the blocks of {@value #BLOCK} elements counted from the
   * array's start: that of block {@code i} is written to {@code sums[first + i]}. The last block
   * may be shorter.
   */
  void sumsOfSquares(NdArray x, double[] sums, int first);

  /** The sum of squares: {@link #sumsOfSquares} of the blocks, added in index order. */
  default double sumOfSquares(NdArray x) {
    double[] sums = new double[blocks(x.size())];
    sumsOfSquares(x, sums, 0);
    double total = 0;
    for (double sum : sums) {
      total += sum;
    }
    return total;
  }

  /** The number of blocks of {@link #sumsOfSquares} in an array of {@code size} elements. */
  static int blocks(long size) {
    return Math.toIntExact((size + BLOCK - 1) / BLOCK);
  }

  /** Elements of one partial sum in {@link #sumsOfSquares} and {@link #sum}. */
  int BLOCK = 16384;
}
