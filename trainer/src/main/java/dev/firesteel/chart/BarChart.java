package dev.firesteel.chart;

import java.util.List;
import java.util.Locale;

/** Horizontal bars with the interval of each value, as SVG. */
public final class BarChart {
  private static final int TOP = 30;
  private static final int ROW = 30;
  private static final int BAR = 18;
  private static final int CAP = 5;

  private final String title;
  private final List<Bar> bars;

  /**
   * A bar.
   *
   * @param value where it ends; it begins at 0
   * @param low lower end of the interval
   * @param high upper end of the interval
   */
  public record Bar(String label, double value, double low, double high) {
    /** Checks that all numbers are finite. */
    public Bar {
      if (!Double.isFinite(value) || !Double.isFinite(low) || !Double.isFinite(high)) {
        throw new IllegalArgumentException(
            "a bar must have finite numbers, got %s, %s, %s".formatted(value, low, high));
      }
    }
  }

  /**
   * A chart of bars in their order, each in a colour of its own.
   *
   * @param bars at least one
   */
  public BarChart(String title, List<Bar> bars) {
    if (bars.isEmpty()) {
      throw new IllegalArgumentException("a chart must have bars, got none");
    }
    this.title = title;
    this.bars = List.copyOf(bars);
  }

  /** The chart as an element of an HTML page, as wide as the place where it stands. */
  public String html(Theme theme) {
    Axis axis =
        Axis.ofValues(
            bars.stream().mapToDouble(bar -> Math.min(bar.value(), bar.low())).min().orElseThrow(),
            bars.stream().mapToDouble(bar -> Math.max(bar.value(), bar.high())).max().orElseThrow(),
            true,
            false);
    double left =
        bars.stream().mapToDouble(bar -> Svg.width(bar.label())).max().orElseThrow() + 2 * Svg.GAP;
    int bottom = TOP + ROW * bars.size();
    StringBuilder svg = Svg.begin("", theme, bottom + 26, title);
    Svg.title(svg, left, title);
    for (double tick : axis.ticks()) {
      double x = axis.place(tick, left, Svg.RIGHT);
      line(svg, theme.text(), 0.15, x, TOP, x, bottom);
      Svg.label(svg, x, bottom, axis.label(tick));
    }
    for (int i = 0; i < bars.size(); i++) {
      bar(svg, theme, axis, left, i);
    }
    return svg.append("</svg>\n").toString();
  }

  private void bar(StringBuilder svg, Theme theme, Axis axis, double left, int index) {
    Bar bar = bars.get(index);
    double middle = TOP + ROW * (index + 0.5);
    double zero = axis.place(0, left, Svg.RIGHT);
    double end = axis.place(bar.value(), left, Svg.RIGHT);
    double low = axis.place(bar.low(), left, Svg.RIGHT);
    double high = axis.place(bar.high(), left, Svg.RIGHT);
    Svg.append(
        svg,
        "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\">%s</text>\n",
        left - Svg.GAP,
        middle + 4,
        Svg.escape(bar.label()));
    Svg.append(
        svg,
        "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%d\" fill-opacity=\"0.75\" style=\"fill: %s\"><title>%s</title></rect>\n",
        Math.min(zero, end),
        middle - BAR / 2.0,
        Math.abs(end - zero),
        BAR,
        theme.line(index),
        String.format(Locale.ROOT, "%.4g (%.4g to %.4g)", bar.value(), bar.low(), bar.high()));
    line(svg, theme.text(), 0.8, low, middle, high, middle);
    line(svg, theme.text(), 0.8, low, middle - CAP, low, middle + CAP);
    line(svg, theme.text(), 0.8, high, middle - CAP, high, middle + CAP);
  }

  private static void line(
      StringBuilder svg, String color, double opacity, double x1, double y1, double x2, double y2) {
    Svg.append(
        svg,
        "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke-opacity=\"%.2f\" style=\"stroke: %s\"/>\n",
        x1,
        y1,
        x2,
        y2,
        opacity,
        color);
  }
}
