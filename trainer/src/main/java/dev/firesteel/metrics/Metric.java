package dev.firesteel.metrics;

/**
 * A number that a run reports over its steps: what it is called, and how it is shown.
 *
 * @param key in {@code metrics.jsonl}, in the JSON of the Spark tab and in gauges; snake case
 * @param label as people read it, in lower case
 * @param unit of its values
 * @param chart title of the chart that draws it; metrics of one title share a chart
 * @param fromZero whether the chart's vertical axis begins at 0
 * @param onProgressLine whether the progress line has room for it
 */
public record Metric(
    String key, String label, Unit unit, String chart, boolean fromZero, boolean onProgressLine) {

  /** A metric with a chart of its own and a place on the progress line. */
  public static Metric of(String key, String label, Unit unit) {
    String title = Character.toUpperCase(label.charAt(0)) + label.substring(1);
    return new Metric(key, label, unit, title, false, true);
  }

  /** The same metric, drawn in the chart of this title. */
  public Metric in(String title) {
    return new Metric(key, label, unit, title, fromZero, onProgressLine);
  }

  /** The same metric, with a vertical axis that begins at 0. */
  public Metric startingAtZero() {
    return new Metric(key, label, unit, chart, true, onProgressLine);
  }

  /** The same metric, without a place on the progress line. */
  public Metric offProgressLine() {
    return new Metric(key, label, unit, chart, fromZero, false);
  }

  /** Label and value, such as {@code loss 2.0413} or {@code 45120 tokens/s}. */
  public String text(double value) {
    String number = unit.format(value);
    return label.equals(unit.symbol()) ? number + " " + label : label + " " + number;
  }
}
