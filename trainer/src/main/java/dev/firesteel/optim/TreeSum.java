package dev.firesteel.optim;

import java.util.ArrayList;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Objects;
import java.util.function.BinaryOperator;

/**
 * A sum of values that come one after the other, added as a binary tree: value i and i + 1 for even
 * i, then the pairs, and so on. Floating-point sums depend on their order; this one is cut so that
 * ranks that hold equal runs of 2^k values each, a power of two in number, compute subtrees of
 * their own and add them pairwise, nearest ranks first, to the same bits.
 *
 * <p>Works as a binary counter: of n values, a partial sum is kept for each 1 among n's bits, so
 * for a number that is no power of two the remaining sums are added from the smallest to the
 * largest.
 *
 * @param <T> what is added up
 */
public final class TreeSum<T> {
  private final BinaryOperator<T> plus;

  /** The sum of 2^level values, or null. */
  private final List<T> partialSums = new ArrayList<>();

  /**
   * @param plus the sum of an earlier and a later part; may reuse either
   */
  public TreeSum(BinaryOperator<T> plus) {
    this.plus = plus;
  }

  /** Adds the next value. */
  public void add(T value) {
    T sum = value;
    for (int level = 0; level < partialSums.size(); level++) {
      T earlier = partialSums.get(level);
      if (earlier == null) {
        partialSums.set(level, sum);
        return;
      }
      partialSums.set(level, null);
      sum = plus.apply(earlier, sum);
    }
    partialSums.add(sum);
  }

  /**
   * Takes the partial sums of all values since the last {@link #total}, of the fewest values first;
   * begins anew. Adding a last value to them one after the other, {@code value = plus(partial,
   * value)}, gives what {@link #add} and {@link #total} would give.
   */
  public List<T> drain() {
    List<T> partials = new ArrayList<>(partialSums);
    partials.removeIf(Objects::isNull);
    partialSums.clear();
    return partials;
  }

  /**
   * The sum of all values since the last call; begins anew.
   *
   * @throws NoSuchElementException when there were none
   */
  public T total() {
    T sum = null;
    for (T earlier : partialSums) {
      if (earlier != null) {
        sum = sum == null ? earlier : plus.apply(earlier, sum);
      }
    }
    if (sum == null) {
      throw new NoSuchElementException("total: nothing was added");
    }
    partialSums.clear();
    return sum;
  }
}
