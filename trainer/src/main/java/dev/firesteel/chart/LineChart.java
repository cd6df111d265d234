package dev.firesteel.chart;

import dev.firesteel.chart.Curve.Point;
import dev.firesteel.metrics.Metric;
import dev.firesteel.metrics.Unit;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Curves of metrics over the step as SVG. A noisy curve of more than {@value #MOST_MARKED} points
 * is drawn twice: faint as it is, and smoothed over that ({@link Smoothing} has the formulas).
 *
 * <p>The legend has each metric's last value, as it was reported. Where many points fall on one
 * pixel, the lowest and the highest are drawn: no peak is lost.
 */
public final class LineChart {
  static final int WIDTH = Svg.WIDTH;
  static final int MOST_MARKED = 30;
  private static final int PLOT_HEIGHT = 230;
  private static final int RIGHT = Svg.RIGHT;
  private static final int LEGEND_TOP = 36;
  private static final int LEGEND_ROW = 18;
  private static final int FONT = Svg.FONT;
  private static final int SWATCH = 18;
  private static final int GAP = Svg.GAP;

  private final String title;
  private final List<Series> series;

  /** A metric and its points, in the order of their steps. */
  public record Series(Metric metric, List<Point> points) {
    public Series {
      points = points.stream().filter(point -> Double.isFinite(point.value())).toList();
    }
  }

  /** Where a legend's entry lies. */
  private record Entry(int index, double x, int row, String text) {}

  private LineChart(String title, List<Series> series) {
    this.title = title;
    this.series = series;
  }

  /**
   * The charts of metrics, one for each title. First is the one with the headline, then those with
   * a metric of the progress line, then the others, each in the order of the series. Within a chart
   * metrics are in the order of their keys, so that each keeps its colour from run to run. Series
   * without points are left out.
   *
   * @param headline key of the metric whose chart comes first
   */
  public static List<LineChart> of(List<Series> series, String headline) {
    Map<String, List<Series>> byTitle =
        series.stream()
            .filter(one -> !one.points().isEmpty())
            .sorted(Comparator.comparing(one -> one.metric().key()))
            .collect(Collectors.groupingBy(one -> one.metric().chart()));
    Map<String, LineChart> charts = new LinkedHashMap<>();
    for (Series one : series) {
      String title = one.metric().chart();
      if (byTitle.containsKey(title)) {
        charts.computeIfAbsent(title, same -> new LineChart(title, byTitle.get(title)));
      }
    }
    return charts.values().stream()
        .sorted(Comparator.comparing((LineChart chart) -> chart.place(headline)))
        .toList();
  }

  private int place(String headline) {
    if (has(headline)) {
      return 0;
    }
    return series.stream().anyMatch(one -> one.metric().onProgressLine()) ? 1 : 2;
  }

  /** Whether the metric of a key is drawn. */
  public boolean has(String key) {
    return series.stream().anyMatch(one -> one.metric().key().equals(key));
  }

  /** What the chart is of. */
  public String title() {
    return title;
  }

  /** The chart as an element of an HTML page, as wide as the place where it stands. */
  public String html(Theme theme) {
    return draw("", theme);
  }

  /** The chart as a file of its own. */
  public String file(Theme theme) {
    String size = " xmlns=\"http://www.w3.org/2000/svg\" width=\"" + WIDTH + "\" height=\"%1$d\"";
    return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n" + draw(size, theme);
  }

  /**
   * @param attributes of the element; {@code %1$d} is the height
   */
  private String draw(String attributes, Theme theme) {
    Axis steps = Axis.ofSteps(points().mapToLong(Point::step).max().orElseThrow());
    Axis values = values();
    double labels =
        values.ticks().stream()
            .mapToDouble(tick -> Svg.width(values.label(tick)))
            .max()
            .orElseThrow();
    double left = labels + GAP + (unit().isEmpty() ? GAP : 2 * GAP + FONT);
    List<Entry> legend = legend(left);
    int top = LEGEND_TOP + (1 + legend.get(legend.size() - 1).row()) * LEGEND_ROW;
    Plot plot = new Plot(steps, values, left, top, top + PLOT_HEIGHT);
    int height = plot.bottom() + 40;
    StringBuilder svg = Svg.begin(attributes, theme, height, title + " over the step");
    axes(svg, theme, plot);
    legend.forEach(entry -> legend(svg, theme.line(entry.index()), entry));
    curves(svg, theme, plot);
    return svg.append("</svg>\n").toString();
  }

  /** The title, the grid and what stands beside it. */
  private void axes(StringBuilder svg, Theme theme, Plot plot) {
    Svg.title(svg, plot.left(), title);
    if (!unit().isEmpty()) {
      Svg.append(
          svg,
          "<text transform=\"translate(%d %d) rotate(-90)\" text-anchor=\"middle\">%s</text>\n",
          FONT + 2,
          (plot.top() + plot.bottom()) / 2,
          Svg.escape(unit()));
    }
    for (double value : plot.values().ticks()) {
      double y = plot.values().place(value, plot.bottom(), plot.top());
      Svg.horizontal(svg, theme, plot.left(), y, plot.values().label(value));
    }
    for (double step : plot.steps().ticks()) {
      double x = plot.steps().place(step, plot.left(), RIGHT);
      Svg.label(svg, x, plot.bottom(), plot.steps().label(step));
    }
    Svg.append(
        svg,
        "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">step</text>\n",
        (plot.left() + RIGHT) / 2,
        plot.bottom() + 34);
  }

  /** What was reported lies below what is smoothed. */
  private void curves(StringBuilder svg, Theme theme, Plot plot) {
    for (int i = 0; i < series.size(); i++) {
      if (isNoisy(series.get(i))) {
        plot.line(svg, theme.line(i), series.get(i).points(), 1, 0.35);
      }
    }
    for (int i = 0; i < series.size(); i++) {
      List<Point> points = series.get(i).points();
      List<Point> drawn = isNoisy(series.get(i)) ? Smoothing.of(points) : points;
      plot.line(svg, theme.line(i), drawn, 1.8, 1);
      if (points.size() <= MOST_MARKED) {
        plot.marks(svg, theme.line(i), points);
      }
    }
  }

  private static boolean isNoisy(Series one) {
    return one.points().size() > MOST_MARKED && Smoothing.isNoisy(one.points());
  }

  private Stream<Point> points() {
    return series.stream().flatMap(one -> one.points().stream());
  }

  private Axis values() {
    return Axis.ofValues(
        points().mapToDouble(Point::value).min().orElseThrow(),
        points().mapToDouble(Point::value).max().orElseThrow(),
        series.stream().anyMatch(one -> one.metric().fromZero()),
        counts(Unit.BYTES));
  }

  private boolean counts(Unit unit) {
    return series.stream().allMatch(one -> one.metric().unit() == unit);
  }

  /** The units' symbols; bytes have theirs on the labels. */
  private String unit() {
    return counts(Unit.BYTES)
        ? ""
        : series.stream()
            .map(one -> one.metric().unit().symbol())
            .filter(symbol -> !symbol.isEmpty())
            .distinct()
            .collect(Collectors.joining(", "));
  }

  /** Metrics and their last values, beside each other as far as there is room. */
  private List<Entry> legend(double left) {
    List<Entry> entries = new ArrayList<>();
    double x = left;
    int row = 0;
    double room = RIGHT - left - SWATCH - GAP;
    for (Series one : series) {
      double last = one.points().get(one.points().size() - 1).value();
      String text = shortened(one.metric(), last, (int) (room / Svg.CHARACTER));
      double width = SWATCH + GAP + Svg.width(text);
      if (x > left && x + width > RIGHT) {
        x = left;
        row++;
      }
      entries.add(new Entry(entries.size(), x, row, text));
      x += width + 2 * GAP;
    }
    return entries;
  }

  /** The label is cut before the value is. */
  private static String shortened(Metric metric, double value, int most) {
    String bytes = metric.unit() == Unit.BYTES ? " bytes" : "";
    String text = metric.text(value) + bytes;
    int label = metric.label().length() - (text.length() - most) - 1;
    if (text.length() <= most || label <= 0) {
      return text;
    }
    return text.replace(metric.label(), Svg.cut(metric.label(), label + 1));
  }

  private static void legend(StringBuilder svg, String color, Entry entry) {
    int y = LEGEND_TOP + entry.row() * LEGEND_ROW;
    Svg.append(
        svg,
        "<line x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\" stroke-width=\"3\" style=\"stroke: %s\"/>\n",
        entry.x(),
        entry.x() + SWATCH,
        y - 4,
        y - 4,
        color);
    Svg.append(
        svg,
        "<text x=\"%.1f\" y=\"%d\">%s</text>\n",
        entry.x() + SWATCH + GAP,
        y,
        Svg.escape(entry.text()));
  }

  /** The place of curves. */
  private record Plot(Axis steps, Axis values, double left, int top, int bottom) {
    private double x(Point point) {
      return steps.place((double) point.step(), left, RIGHT);
    }

    private double y(Point point) {
      return values.place(point.value(), bottom, top);
    }

    void line(StringBuilder svg, String color, List<Point> points, double width, double opacity) {
      svg.append("<polyline stroke-linejoin=\"round\" style=\"fill: none; stroke: ")
          .append(color)
          .append("\" stroke-width=\"")
          .append(width)
          .append("\" stroke-opacity=\"")
          .append(opacity)
          .append("\" points=\"");
      int start = 0;
      while (start < points.size()) {
        int end = start + 1;
        while (end < points.size() && (int) x(points.get(end)) == (int) x(points.get(start))) {
          end++;
        }
        extremes(points.subList(start, end)).forEach(point -> append(svg, point));
        start = end;
      }
      svg.append("\"/>\n");
    }

    private void append(StringBuilder svg, Point point) {
      svg.append(tenth(x(point))).append(',').append(tenth(y(point))).append(' ');
    }

    private static double tenth(double pixels) {
      return Math.round(10 * pixels) / 10.0;
    }

    /** Of points on one column of pixels, those that are seen. */
    private static List<Point> extremes(List<Point> column) {
      if (column.size() <= 2) {
        return column;
      }
      Comparator<Point> byValue = Comparator.comparingDouble(Point::value);
      Point low = column.stream().min(byValue).orElseThrow();
      Point high = column.stream().max(byValue).orElseThrow();
      return low.step() <= high.step() ? List.of(low, high) : List.of(high, low);
    }

    void marks(StringBuilder svg, String color, List<Point> points) {
      for (Point point : points) {
        Svg.append(
            svg,
            "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"2.5\" style=\"fill: %s\"/>\n",
            x(point),
            y(point),
            color);
      }
    }
  }
}
