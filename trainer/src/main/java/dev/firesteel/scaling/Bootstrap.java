package dev.firesteel.scaling;

import dev.firesteel.random.RandomStream;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ForkJoinPool;
import java.util.function.Supplier;
import java.util.stream.IntStream;

/**
 * Resamples: as many runs as a table has, drawn from it with replacement, and a fit of each. The
 * draws are a function of (seed, index) alone: the results are the same for any number of threads.
 *
 * @param count of resamples; 0: none, and no intervals
 * @param seed of the draws
 * @param threads that fit at the same time
 */
public record Bootstrap(int count, long seed, int threads) {
  /** A fit of a resample. */
  @FunctionalInterface
  public interface Refit {
    /**
     * The constants.
     *
     * @throws RefusedException if the resample does not allow the fit; it then has no constants
     */
    double[] of(RunTable resample) throws RefusedException;
  }

  /** Checks the counts. */
  public Bootstrap {
    if (count < 0 || threads < 1) {
      throw new IllegalArgumentException(
          "a bootstrap must have at least 0 resamples and 1 thread, got %d and %d"
              .formatted(count, threads));
    }
  }

  /** The constants of all resamples, in their order; a refused one has none. */
  public List<double[]> resample(RunTable table, Refit refit) {
    double[][] fitted = new double[count][];
    run(
        () -> {
          IntStream.range(0, count)
              .parallel()
              .forEach(
                  index -> {
                    try {
                      fitted[index] = refit.of(table.at(draw(table.size(), index)));
                    } catch (RefusedException e) {
                      fitted[index] = null;
                    }
                  });
          return true;
        });
    List<double[]> all = new ArrayList<>();
    for (double[] one : fitted) {
      if (one != null) {
        all.add(one);
      }
    }
    return all;
  }

  /** Runs parallel streams on this many threads. */
  <T> T run(Supplier<T> work) {
    ForkJoinPool pool = new ForkJoinPool(threads);
    try {
      return pool.submit(work::get).get();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while fitting", e);
    } catch (ExecutionException e) {
      throw new IllegalStateException("a fit failed", e.getCause());
    } finally {
      pool.shutdownNow();
    }
  }

  private int[] draw(int size, int index) {
    RandomStream random = RandomStream.of(seed, "bootstrap", index);
    int[] drawn = new int[size];
    for (int i = 0; i < size; i++) {
      drawn[i] = random.nextInt(size);
    }
    return drawn;
  }

  /** One constant of all resamples. */
  public static double[] column(List<double[]> resamples, int constant) {
    return resamples.stream().mapToDouble(one -> one[constant]).toArray();
  }
}
