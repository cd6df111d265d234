package dev.firesteel.collective;

import java.util.ArrayList;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Objects;
import java.util.function.BinaryOperator;

/**
 * A sum of values that arrive one after the other, added in an order that does not depend on how
 * many ranks share them. Of {@code n = 2^k r} values, r odd, runs of r are added sequentially, and
 * the runs as a binary tree: runs i and i + 1 for even i, then the pairs, and so on. Floating-point
 * sums depend on their order; with this one, a power-of-two number of ranks that hold equally many
 * values each compute their own subtrees and add them pairwise, nearest ranks first, with
 * bit-identical results.
 *
 * <p>Works like a binary counter: of n runs, a partial sum is kept for each 1 bit of n; if n is not
 * a power of two, the remaining sums are added from the smallest to the largest.
 *
 * @param <T> what is added up
 */
public final class TreeSum<T> {
  private final BinaryOperator<T> plus;
  private final int runLength;

  /** The sum of 2^level runs, or null. */
  private final List<T> partialSums = new ArrayList<>();

  /** The sum of an incomplete run, or null. */
  private T run;

  private int inRun;

  /**
   * @param plus the sum of an earlier and a later part; may reuse either
   * @param values the number of values on all ranks together, which determines the length of runs
   */
  public TreeSum(BinaryOperator<T> plus, int values) {
    if (values < 1) {
      throw new IllegalArgumentException("a sum has at least one value, got " + values);
    }
    this.plus = plus;
    this.runLength = values / Integer.lowestOneBit(values);
  }

  /** Adds the next value. */
  public void add(T value) {
    run = run == null ? value : plus.apply(run, value);
    inRun++;
    if (inRun == runLength) {
      T sum = run;
      run = null;
      inRun = 0;
      addRun(sum);
    }
  }

  private void addRun(T first) {
    T sum = first;
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
   * Takes the partial sums of all values since the last {@link #total}, fewest values first, and
   * restarts. Adding a last value to them in turn, {@code value = plus(partial, value)}, gives the
   * result of {@link #add} and {@link #total}.
   */
  public List<T> drain() {
    List<T> partials = new ArrayList<>();
    partials.add(run);
    partials.addAll(partialSums);
    partials.removeIf(Objects::isNull);
    partialSums.clear();
    run = null;
    inRun = 0;
    return partials;
  }

  /**
   * The sum of all values since the last call; restarts.
   *
   * @throws NoSuchElementException when there were none
   */
  public T total() {
    T sum = null;
    for (T earlier : drain()) {
      sum = sum == null ? earlier : plus.apply(earlier, sum);
    }
    if (sum == null) {
      throw new NoSuchElementException("total: nothing was added");
    }
    return sum;
  }
}
