package dev.firesteel.backend;

import dev.firesteel.array.NdArray;
import dev.firesteel.backend.Backend.Write;

/**
 * Matmuls, and lookup of table rows by id, which is a matmul with a one-hot matrix.
 *
 * <p>The conventions of {@link Backend} hold here.
 */
public interface ProductKernels {

  /**
   * {@code out[m, n] = f(sum_k x[m, k] * w[n, k] + bias[n])}.
   *
   * @param x [M, K] (any leading shape)
   * @param w [N, K], one row per output
   * @param bias [N] or null
   * @param f applied to the sum; {@link Activation#IDENTITY} for none
   * @param preActivation [M, N], receives the sum before {@code f} for the backward pass; null if
   *     not needed
   * @param out [M, N]
   */
  void linear(NdArray x, NdArray w, NdArray bias, Activation f, NdArray preActivation, NdArray out);

  /** {@code dx[m, k] (+)= sum_n dy[m, n] * w[n, k]}. */
  void linearBackwardInput(NdArray dy, NdArray w, NdArray dx, Write write);

  /**
   * {@code dw[n, k] (+)= sum_m dy[m, n] * x[m, k]}.
   *
   * @param x [M, K], or what {@link #keep} returned for it
   */
  void linearBackwardWeight(NdArray dy, NdArray x, NdArray dw, Write write);

  /**
   * What {@link #linearBackwardWeight} reads of its operand {@code x}, for a caller that wants to
   * release x in between: an array of the same shape and element type that takes the place of x
   * there, with the same bits, and that no other kernel accepts. By default that is x itself.
   *
   * @return x if this backend has no smaller form of it; otherwise an array with a block of its
   *     own, which the caller releases ({@link dev.firesteel.array.ArrayScope#adopt})
   */
  default NdArray keep(NdArray x) {
    return x;
  }

  /**
   * Batched matmul {@code out[i] (+)= op(a[i]) * op(b[i])} over the leading axes, where op
   * optionally transposes the last two axes.
   *
   * @param a [..., M, K], or [..., K, M] when {@code transposeA}
   * @param b [..., K, N], or [..., N, K] when {@code transposeB}; the same leading axes as a
   * @param out [..., M, N]
   */
  void matmul(
      NdArray a, boolean transposeA, NdArray b, boolean transposeB, NdArray out, Write write);

  /**
   * {@code out[i, :] = table[ids[i], :]}.
   *
   * @throws IllegalArgumentException if an id is not a row of the table
   */
  void embedding(NdArray ids, NdArray table, NdArray out);

  /**
   * {@code dTable[ids[i], :] += dy[i, :]}, rows of equal id in index order; the ids are those that
   * {@link #embedding} accepted.
   */
  void embeddingBackward(NdArray ids, NdArray dy, NdArray dTable);
}
