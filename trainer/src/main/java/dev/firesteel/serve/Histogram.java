package dev.firesteel.serve;

import java.util.Arrays;
import java.util.concurrent.atomic.DoubleAdder;
import java.util.concurrent.atomic.LongAdder;

/** Counts of values by upper bound, as Prometheus has them. Thread-safe. */
final class Histogram {
  /** For answers and their first tokens, in seconds. */
  private static final double[] SECONDS = {
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300
  };

  private final LongAdder[] counts = new LongAdder[SECONDS.length + 1];
  private final DoubleAdder sum = new DoubleAdder();

  Histogram() {
    Arrays.setAll(counts, i -> new LongAdder());
  }

  /** Counts a duration. */
  void observe(double seconds) {
    int bucket = 0;
    while (bucket < SECONDS.length && seconds > SECONDS[bucket]) {
      bucket++;
    }
    counts[bucket].increment();
    sum.add(seconds);
  }

  /**
   * Its lines in the text format.
   *
   * @param labels {@code name="value"}, separated by commas, not empty
   */
  void write(StringBuilder out, String name, String labels) {
    long total = 0;
    for (int i = 0; i < counts.length; i++) {
      total += counts[i].sum();
      String bound = i < SECONDS.length ? Double.toString(SECONDS[i]) : "+Inf";
      out.append(name).append("_bucket{").append(labels).append(",le=\"").append(bound);
      out.append("\"} ").append(total).append('\n');
    }
    out.append(name).append("_sum{").append(labels).append("} ").append(sum.sum()).append('\n');
    out.append(name).append("_count{").append(labels).append("} ").append(total).append('\n');
  }
}
