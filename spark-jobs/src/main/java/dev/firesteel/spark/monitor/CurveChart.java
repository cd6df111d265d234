package dev.firesteel.spark.monitor;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.apache.commons.text.StringEscapeUtils;

/**
 * A line chart over the step as SVG, for a page that is made anew every few seconds while a run
 * computes. The run's report has charts by XChart instead, which draws through AWT: that needs
 * fonts on the machine, which a container of an executor often lacks, and a white page.
 */
final class CurveChart {
  private static final int WIDTH = 640;
  private static final int HEIGHT = 260;
  private static final int LEFT = 76;
  private static final int RIGHT = WIDTH - 14;
  private static final int TOP = 26;
  private static final int BOTTOM = HEIGHT - 40;
  private static final int TICKS = 5;

  private final String title;
  private final boolean fromZero;
  private final List<Series> series = new ArrayList<>();

  private record Series(String name, String color, List<Curve.Point> points) {}

  /** Values between two bounds, with ticks at round numbers. */
  private record Axis(double low, double high, double tick) {
    /** The smallest axis of about {@link #TICKS} ticks around values that may all be equal. */
    static Axis around(double low, double high) {
      double range = high > low ? high - low : Math.max(1, Math.abs(high));
      double magnitude = Math.pow(10, Math.floor(Math.log10(range / TICKS)));
      double fraction = range / TICKS / magnitude;
      double tick = magnitude * (fraction <= 1 ? 1 : fraction <= 2 ? 2 : fraction <= 5 ? 5 : 10);
      double bottom = Math.floor(low / tick) * tick;
      double top = Math.ceil(high / tick) * tick;
      return new Axis(bottom, top > bottom ? top : bottom + tick, tick);
    }

    /** Where a value lies between two pixels. */
    double place(double value, int atLow, int atHigh) {
      return atLow + (value - low) / (high - low) * (atHigh - atLow);
    }

    List<Double> ticks() {
      List<Double> ticks = new ArrayList<>();
      int count = (int) Math.round((high - low) / tick);
      for (int i = 0; i <= count; i++) {
        ticks.add(low + i * tick);
      }
      return ticks;
    }

    String label(double value) {
      int digits = (int) Math.max(0, -Math.floor(Math.log10(tick) + 1e-9));
      return String.format(Locale.ROOT, "%,." + digits + "f", value);
    }
  }

  /**
   * @param title for those who do not see the chart
   * @param fromZero whether the vertical axis begins at 0
   */
  CurveChart(String title, boolean fromZero) {
    this.title = title;
    this.fromZero = fromZero;
  }

  /**
   * Adds a line, if it has points.
   *
   * @param color as CSS has it
   */
  CurveChart add(String name, String color, List<Curve.Point> points) {
    if (!points.isEmpty()) {
      series.add(new Series(name, color, points));
    }
    return this;
  }

  /** The chart, or a sentence where there is nothing to draw yet. */
  String html() {
    if (series.isEmpty()) {
      return "<p class=\"text-muted\">Nothing has been reported yet.</p>\n";
    }
    List<Curve.Point> all = series.stream().flatMap(one -> one.points().stream()).toList();
    double lastStep = all.stream().mapToDouble(Curve.Point::step).max().orElseThrow();
    Axis steps = Axis.around(0, Math.max(TICKS, lastStep));
    double lowest = all.stream().mapToDouble(Curve.Point::value).min().orElseThrow();
    double highest = all.stream().mapToDouble(Curve.Point::value).max().orElseThrow();
    Axis values = Axis.around(fromZero ? Math.min(0, lowest) : lowest, highest);
    StringBuilder svg = new StringBuilder();
    append(
        svg,
        "<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"%s\" font-size=\"12\" fill=\"currentColor\">%n",
        WIDTH,
        HEIGHT,
        StringEscapeUtils.escapeHtml4(title));
    grid(svg, steps, values);
    for (int i = 0; i < series.size(); i++) {
      legend(svg, i);
      line(svg, series.get(i), steps, values);
    }
    return svg.append("</svg>\n").toString();
  }

  private static void grid(StringBuilder svg, Axis steps, Axis values) {
    for (double value : values.ticks()) {
      double y = values.place(value, BOTTOM, TOP);
      append(
          svg,
          "<line x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\" stroke=\"currentColor\" stroke-opacity=\"0.15\"/>%n",
          LEFT,
          RIGHT,
          y,
          y);
      append(
          svg,
          "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%s</text>%n",
          LEFT - 6,
          y + 4,
          values.label(value));
    }
    for (double step : steps.ticks()) {
      append(
          svg,
          "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%s</text>%n",
          steps.place(step, LEFT, RIGHT),
          BOTTOM + 16,
          steps.label(step));
    }
    append(
        svg,
        "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">step</text>%n",
        (LEFT + RIGHT) / 2,
        HEIGHT - 6);
  }

  /** The name and the last value, one series beside the other. */
  private void legend(StringBuilder svg, int index) {
    Series one = series.get(index);
    double last = one.points().get(one.points().size() - 1).value();
    append(
        svg,
        "<text x=\"%d\" y=\"14\" style=\"fill: %s\">%s %s</text>%n",
        LEFT + index * 180,
        one.color(),
        StringEscapeUtils.escapeHtml4(one.name()),
        String.format(Locale.ROOT, last < 100 ? "%.4f" : "%,.0f", last));
  }

  private static void line(StringBuilder svg, Series one, Axis steps, Axis values) {
    append(
        svg,
        "<polyline fill=\"none\" style=\"stroke: %s\" stroke-width=\"1.6\" points=\"",
        one.color());
    for (Curve.Point point : one.points()) {
      append(
          svg,
          "%.1f,%.1f ",
          steps.place((double) point.step(), LEFT, RIGHT),
          values.place(point.value(), BOTTOM, TOP));
    }
    svg.append("\"/>\n");
    Curve.Point last = one.points().get(one.points().size() - 1);
    append(
        svg,
        "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"2.5\" style=\"fill: %s\"/>%n",
        steps.place((double) last.step(), LEFT, RIGHT),
        values.place(last.value(), BOTTOM, TOP),
        one.color());
  }

  private static void append(StringBuilder svg, String format, Object... values) {
    svg.append(String.format(Locale.ROOT, format, values));
  }
}
