package dev.firesteel.metrics;

/**
 * A number that a run reports over its steps: its name and how it is displayed.
 *
 * @param key in {@code metrics.jsonl}, in the JSON of the Spark tab and in gauges; in snake case
 * @param label name for display, in lower case
 * @param unit unit of its values
 * @param chart title of its chart; metrics with the same title share a chart
 * @param fromZero whether the chart's vertical axis starts at 0
 * @param onProgressLine whether the progress line shows it
 */
public record Metric(
    String key, String label, Unit unit, String chart, boolean fromZero, boolean onProgressLine) {

  /** A metric with its own chart, shown on the progress line. */
  public static Metric of(String key, String label, Unit unit) {
    String title = Character.toUpperCase(label.charAt(0)) + label.substring(1);
    return new Metric(key, label, unit, title, false, true);
  }

  /** The same metric, drawn in the chart with this title. */
  public Metric in(String title) {
    return new Metric(key, label, unit, title, fromZero, onProgressLine);
  }

  /** The same metric, with a vertical axis that starts at 0. */
  public Metric startingAtZero() {
    return new Metric(key, label, unit, chart, true, onProgressLine);
  }

  /** The same metric, not shown on the progress line. */
  public Metric offProgressLine() {
    return new Metric(key, label, unit, chart, fromZero, false);
  }

  /** Label and value, such as {@code loss 2.0413} or {@code 45120 tokens/s}. */
  public String text(double value) {
    String number = unit.format(value);
    return label.equals(unit.symbol()) ? number + " " + label : label + " " + number;
  }
}
