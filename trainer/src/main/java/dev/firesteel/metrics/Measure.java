package dev.firesteel.metrics;

/** The value of a metric at a step; NaN if it could not be measured. */
public record Measure(Metric metric, double value) {
  /** Label and value, see {@link Metric#text}. */
  public String text() {
    return metric.text(value);
  }
}
