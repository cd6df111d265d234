package dev.firesteel.metrics;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonValue;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.OptionalDouble;

/** An ordered set of named numbers, each metric at most once. Immutable. */
public final class Measures implements Iterable<Measure> {
  private static final Measures NONE = new Measures(List.of());

  private final List<Measure> all;

  @JsonCreator
  private Measures(List<Measure> all) {
    this.all = List.copyOf(all);
  }

  /** The empty set. */
  public static Measures none() {
    return NONE;
  }

  /** A set of one measure. */
  public static Measures of(Metric metric, double value) {
    return NONE.with(metric, value);
  }

  /** These measures with one more at the end. */
  public Measures with(Metric metric, double value) {
    if (all.stream().anyMatch(measure -> measure.metric().key().equals(metric.key()))) {
      throw new IllegalArgumentException(
          "each metric must be reported at most once per step, got a second value of "
              + metric.key());
    }
    List<Measure> more = new ArrayList<>(all);
    more.add(new Measure(metric, value));
    return new Measures(more);
  }

  /** These measures followed by the others. */
  public Measures with(Measures others) {
    Measures sum = this;
    for (Measure measure : others) {
      sum = sum.with(measure.metric(), measure.value());
    }
    return sum;
  }

  /** The value of a metric; empty where it was not reported. */
  public OptionalDouble get(Metric metric) {
    return get(metric.key());
  }

  /** The value of the metric of a key; empty where it was not reported. */
  public OptionalDouble get(String key) {
    return all.stream()
        .filter(measure -> measure.metric().key().equals(key))
        .mapToDouble(Measure::value)
        .findFirst();
  }

  /** Whether there are no measures. */
  public boolean isEmpty() {
    return all.isEmpty();
  }

  /** The measures, in order. */
  @JsonValue
  public List<Measure> list() {
    return all;
  }

  @Override
  public Iterator<Measure> iterator() {
    return all.iterator();
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Measures measures && all.equals(measures.all);
  }

  @Override
  public int hashCode() {
    return all.hashCode();
  }

  @Override
  public String toString() {
    return all.toString();
  }
}
