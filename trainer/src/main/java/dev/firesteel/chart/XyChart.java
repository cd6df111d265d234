package dev.firesteel.chart;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.DoubleStream;
import java.util.stream.Stream;

/**
 * Points, lines and bands over two numeric axes, each linear or logarithmic, as SVG. Layers are
 * drawn in the order in which they were added; what lies outside of the axes is left out.
 */
public final class XyChart {
  private static final int PLOT_HEIGHT = 320;
  private static final int LEGEND_TOP = 36;
  private static final int LEGEND_ROW = 18;
  private static final int SWATCH = 18;
  private static final int GAP = Svg.GAP;

  /** From dark blue to yellow-green, of even brightness steps, readable on white. */
  private static final int[][] RAMP = {
    {0x3b, 0x0f, 0x70},
    {0x2c, 0x5a, 0xa0},
    {0x1b, 0x8a, 0x8f},
    {0x3f, 0xa8, 0x5b},
    {0xb8, 0xb4, 0x1f}
  };

  /** A point. */
  public record Point(double x, double y) {}

  /** How a layer is drawn. */
  private enum Kind {
    POINTS,
    RINGS,
    LINE,
    DASHES,
    BAND
  }

  /**
   * What is drawn together.
   *
   * @param label in the legend; empty for none
   * @param color as CSS has it; null for the next one of the theme
   * @param opacity 0 to 1
   * @param note beside its last point; empty for none
   */
  private record Layer(
      Kind kind, String label, String color, double opacity, List<Point> points, String note) {}

  private final String title;
  private final String xTitle;
  private final boolean xLogarithmic;
  private final String yTitle;
  private final boolean yLogarithmic;
  private final List<Layer> layers = new ArrayList<>();
  private double[] xRange;
  private double[] yRange;

  private XyChart(
      String title, String xTitle, boolean xLogarithmic, String yTitle, boolean yLogarithmic) {
    this.title = title;
    this.xTitle = xTitle;
    this.xLogarithmic = xLogarithmic;
    this.yTitle = yTitle;
    this.yLogarithmic = yLogarithmic;
  }

  /** A chart with both axes logarithmic. */
  public static XyChart logarithmic(String title, String xTitle, String yTitle) {
    return new XyChart(title, xTitle, true, yTitle, true);
  }

  /** A chart with a logarithmic x and a linear y. */
  public static XyChart semiLogarithmic(String title, String xTitle, String yTitle) {
    return new XyChart(title, xTitle, true, yTitle, false);
  }

  /** A chart with both axes linear. */
  public static XyChart linear(String title, String xTitle, String yTitle) {
    return new XyChart(title, xTitle, false, yTitle, false);
  }

  /** Draws x from one value to another, where the layers would have other ends. */
  public XyChart xFrom(double low, double high) {
    xRange = new double[] {low, high};
    return this;
  }

  /** Draws y from one value to another, where the layers would have other ends. */
  public XyChart yFrom(double low, double high) {
    yRange = new double[] {low, high};
    return this;
  }

  /** A colour of the scale from dark blue (0) to yellow-green (1), for ordered series. */
  public static String ramp(double share) {
    double place = Math.max(0, Math.min(1, share)) * (RAMP.length - 1);
    int below = Math.min((int) place, RAMP.length - 2);
    double part = place - below;
    StringBuilder color = new StringBuilder("#");
    for (int i = 0; i < 3; i++) {
      long mixed = Math.round(RAMP[below][i] + part * (RAMP[below + 1][i] - RAMP[below][i]));
      color.append(Character.forDigit((int) (mixed >> 4), 16));
      color.append(Character.forDigit((int) (mixed & 15), 16));
    }
    return color.toString();
  }

  /**
   * Adds filled circles.
   *
   * @param label in the legend; empty for none
   * @param color as CSS has it; null for the theme's next one
   */
  public XyChart points(String label, String color, double opacity, List<Point> points) {
    return add(new Layer(Kind.POINTS, label, color, opacity, points, ""));
  }

  /** Adds larger circles that are not filled, in colours as above. */
  public XyChart rings(String label, String color, List<Point> points) {
    return add(new Layer(Kind.RINGS, label, color, 1, points, ""));
  }

  /** Adds a line through points in their order, in colours as above. */
  public XyChart line(String label, String color, List<Point> points) {
    return add(new Layer(Kind.LINE, label, color, 1, points, ""));
  }

  /**
   * Adds a thin line with a note beside its last point inside of the axes, such as the level of a
   * contour.
   */
  public XyChart contour(String note, String color, List<Point> points) {
    return add(new Layer(Kind.LINE, "", color, 0.6, points, note));
  }

  /** Adds a dashed line, in colours as above. */
  public XyChart dashes(String label, String color, List<Point> points) {
    return add(new Layer(Kind.DASHES, label, color, 1, points, ""));
  }

  /**
   * Adds an area between two lines, in colours as above.
   *
   * @param low lower line, in ascending order of x
   * @param high upper line, likewise
   */
  public XyChart band(String label, String color, List<Point> low, List<Point> high) {
    List<Point> around = new ArrayList<>(low);
    for (int i = high.size() - 1; i >= 0; i--) {
      around.add(high.get(i));
    }
    return add(new Layer(Kind.BAND, label, color, 0.18, around, ""));
  }

  private XyChart add(Layer layer) {
    List<Point> drawable =
        layer.points().stream()
            .filter(point -> isDrawable(point.x(), xLogarithmic))
            .filter(point -> isDrawable(point.y(), yLogarithmic))
            .toList();
    if (!drawable.isEmpty()) {
      layers.add(
          new Layer(
              layer.kind(), layer.label(), layer.color(), layer.opacity(), drawable, layer.note()));
    }
    return this;
  }

  private static boolean isDrawable(double value, boolean logarithmic) {
    return Double.isFinite(value) && (!logarithmic || value > 0);
  }

  /** Whether no layer has a point that can be drawn. */
  public boolean isEmpty() {
    return layers.isEmpty();
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
    String size =
        " xmlns=\"http://www.w3.org/2000/svg\" width=\"" + Svg.WIDTH + "\" height=\"%1$d\"";
    return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n" + draw(size, theme);
  }

  private String draw(String attributes, Theme theme) {
    if (layers.isEmpty()) {
      throw new IllegalStateException("a chart must have something to draw, got nothing: " + title);
    }
    PlotAxis xAxis = axis(xTitle, xLogarithmic, xRange, all().mapToDouble(Point::x));
    PlotAxis yAxis = axis(yTitle, yLogarithmic, yRange, all().mapToDouble(Point::y));
    double labels =
        yAxis.ticks().stream()
            .mapToDouble(tick -> Svg.width(yAxis.label(tick)))
            .max()
            .orElse(Svg.CHARACTER);
    double left = labels + 3 * GAP + Svg.FONT;
    List<Entry> legend = legend(left, theme);
    int rows = legend.isEmpty() ? 0 : 1 + legend.get(legend.size() - 1).row();
    int top = LEGEND_TOP - (rows == 0 ? 8 : 0) + rows * LEGEND_ROW;
    Plot plot = new Plot(xAxis, yAxis, left, top, top + PLOT_HEIGHT);
    StringBuilder svg = Svg.begin(attributes, theme, plot.bottom() + 42, title);
    plot.frame(svg, theme, title);
    legend.forEach(entry -> entry.draw(svg));
    for (int i = 0; i < layers.size(); i++) {
      plot.layer(svg, layers.get(i), color(i, theme));
    }
    return svg.append("</svg>\n").toString();
  }

  private Stream<Point> all() {
    return layers.stream().flatMap(layer -> layer.points().stream());
  }

  private static PlotAxis axis(
      String title, boolean logarithmic, double[] range, DoubleStream values) {
    if (range != null) {
      return PlotAxis.of(title, logarithmic, range[0], range[1]);
    }
    double[] sorted = values.sorted().toArray();
    return PlotAxis.of(title, logarithmic, sorted[0], sorted[sorted.length - 1]);
  }

  /** The colour of a layer: its own, or the theme's next after those of layers before it. */
  private String color(int index, Theme theme) {
    if (layers.get(index).color() != null) {
      return layers.get(index).color();
    }
    int before = 0;
    for (int i = 0; i < index; i++) {
      before += layers.get(i).color() == null ? 1 : 0;
    }
    return theme.line(before);
  }

  private List<Entry> legend(double left, Theme theme) {
    List<Entry> entries = new ArrayList<>();
    double x = left;
    int row = 0;
    for (int i = 0; i < layers.size(); i++) {
      Layer layer = layers.get(i);
      if (layer.label().isEmpty()) {
        continue;
      }
      double width = SWATCH + GAP + Svg.width(layer.label());
      if (x > left && x + width > Svg.RIGHT) {
        x = left;
        row++;
      }
      entries.add(new Entry(layer, color(i, theme), x, row));
      x += width + 2 * GAP;
    }
    return entries;
  }

  /** An entry of the legend. */
  private record Entry(Layer layer, String color, double x, int row) {
    void draw(StringBuilder svg) {
      double y = LEGEND_TOP + row * LEGEND_ROW - 4;
      double middle = x + SWATCH / 2.0;
      switch (layer.kind()) {
        case POINTS -> circle(svg, middle, y, 3.5, color, 1);
        case RINGS -> ring(svg, middle, y, color);
        case BAND ->
            Svg.append(
                svg,
                "<rect x=\"%.1f\" y=\"%.1f\" width=\"%d\" height=\"10\" fill-opacity=\"0.25\" style=\"fill: %s\"/>\n",
                x,
                y - 5,
                SWATCH,
                color);
        case LINE, DASHES ->
            Svg.append(
                svg,
                "<line x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\" stroke-width=\"2.5\"%s style=\"stroke: %s\"/>\n",
                x,
                x + SWATCH,
                y,
                y,
                layer.kind() == Kind.DASHES ? " stroke-dasharray=\"5 4\"" : "",
                color);
      }
      Svg.append(
          svg,
          "<text x=\"%.1f\" y=\"%.1f\">%s</text>\n",
          x + SWATCH + GAP,
          y + 4,
          Svg.escape(layer.label()));
    }
  }

  private static void circle(
      StringBuilder svg, double x, double y, double radius, String color, double opacity) {
    Svg.append(
        svg,
        "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\" fill-opacity=\"%.2f\" style=\"fill: %s\"/>\n",
        x,
        y,
        radius,
        opacity,
        color);
  }

  private static void ring(StringBuilder svg, double x, double y, String color) {
    Svg.append(
        svg,
        "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"5.0\" stroke-width=\"2\" style=\"fill: none; stroke: %s\"/>\n",
        x,
        y,
        color);
  }

  /** The place of layers. */
  private record Plot(PlotAxis xAxis, PlotAxis yAxis, double left, int top, int bottom) {
    private double x(Point point) {
      return xAxis.place(point.x(), left, Svg.RIGHT);
    }

    private double y(Point point) {
      return yAxis.place(point.y(), bottom, top);
    }

    private boolean contains(Point point) {
      return xAxis.contains(point.x()) && yAxis.contains(point.y());
    }

    void frame(StringBuilder svg, Theme theme, String title) {
      Svg.title(svg, left, title);
      for (double tick : yAxis.ticks()) {
        Svg.horizontal(svg, theme, left, yAxis.place(tick, bottom, top), yAxis.label(tick));
      }
      for (double tick : xAxis.ticks()) {
        double x = xAxis.place(tick, left, Svg.RIGHT);
        Svg.append(
            svg,
            "<line x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\" stroke-opacity=\"0.15\" style=\"stroke: %s\"/>\n",
            x,
            x,
            top,
            bottom,
            theme.text());
        Svg.label(svg, x, bottom, xAxis.label(tick));
      }
      Svg.append(
          svg,
          "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%s</text>\n",
          (left + Svg.RIGHT) / 2,
          bottom + 36,
          Svg.escape(xAxis.title()));
      Svg.append(
          svg,
          "<text transform=\"translate(%d %d) rotate(-90)\" text-anchor=\"middle\">%s</text>\n",
          Svg.FONT + 2,
          (top + bottom) / 2,
          Svg.escape(yAxis.title()));
    }

    void layer(StringBuilder svg, Layer layer, String color) {
      switch (layer.kind()) {
        case POINTS ->
            layer.points().stream()
                .filter(this::contains)
                .forEach(point -> circle(svg, x(point), y(point), 2.5, color, layer.opacity()));
        case RINGS ->
            layer.points().stream()
                .filter(this::contains)
                .forEach(point -> ring(svg, x(point), y(point), color));
        case BAND -> band(svg, layer, color);
        case LINE, DASHES -> lines(svg, layer, color);
      }
    }

    private void band(StringBuilder svg, Layer layer, String color) {
      svg.append("<polygon style=\"fill: ")
          .append(color)
          .append("; stroke: none\" fill-opacity=\"");
      svg.append(layer.opacity()).append("\" points=\"");
      for (Point point : layer.points()) {
        Svg.append(
            svg,
            "%.1f,%.1f ",
            Math.max(left, Math.min(Svg.RIGHT, x(point))),
            Math.max(top, Math.min(bottom, y(point))));
      }
      svg.append("\"/>\n");
    }

    /** The parts of a line that lie inside. */
    private void lines(StringBuilder svg, Layer layer, String color) {
      List<Point> part = new ArrayList<>();
      Point last = null;
      for (Point point : layer.points()) {
        if (contains(point)) {
          part.add(point);
          last = point;
        } else {
          line(svg, layer, color, part);
          part.clear();
        }
      }
      line(svg, layer, color, part);
      if (last != null && !layer.note().isEmpty()) {
        note(svg, layer, color, last);
      }
    }

    private void line(StringBuilder svg, Layer layer, String color, List<Point> part) {
      if (part.size() < 2) {
        return;
      }
      Svg.append(
          svg,
          "<polyline stroke-linejoin=\"round\" stroke-width=\"%.1f\" stroke-opacity=\"%.2f\"%s style=\"fill: none; stroke: %s\" points=\"",
          layer.opacity() < 1 ? 1.2 : 1.8,
          layer.opacity(),
          layer.kind() == Kind.DASHES ? " stroke-dasharray=\"5 4\"" : "",
          color);
      for (Point point : part) {
        Svg.append(svg, "%.1f,%.1f ", x(point), y(point));
      }
      svg.append("\"/>\n");
    }

    /** Beside the end of a line, on the side where there is room. */
    private void note(StringBuilder svg, Layer layer, String color, Point at) {
      boolean fits = x(at) + GAP + Svg.width(layer.note()) < Svg.WIDTH;
      Svg.append(
          svg,
          "<text x=\"%.1f\" y=\"%.1f\" font-size=\"11\" text-anchor=\"%s\" style=\"fill: %s\">%s</text>\n",
          fits ? x(at) + 3 : x(at) - 3,
          Math.max(top + 10, y(at) - 3),
          fits ? "start" : "end",
          color,
          Svg.escape(layer.note()));
    }
  }
}
