package dev.firesteel.train;

import com.fasterxml.jackson.databind.JsonNode;
import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.Dimension;
import java.awt.Font;
import java.awt.Graphics2D;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import javax.imageio.ImageIO;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.parsers.ParserConfigurationException;
import org.apache.batik.svggen.SVGGraphics2D;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.XYSeries;
import org.knowm.xchart.style.Styler.LegendPosition;
import org.knowm.xchart.style.XYStyler;
import org.knowm.xchart.style.markers.SeriesMarkers;
import org.w3c.dom.Document;
import org.w3c.dom.Element;

/** Charts of the rows of {@code metrics.jsonl} over the step. */
final class RunCharts {
  private static final int WIDTH = 760;
  private static final int HEIGHT = 400;

  /** More points than pixels only make the file large. */
  private static final int MOST_POINTS = WIDTH;

  private static final Color BLUE = new Color(0x1f77b4);
  private static final Color ORANGE = new Color(0xd6600a);
  private static final Color GRID = new Color(0xe4e4e4);
  private static final float LINE = 1.6f;

  private final List<JsonNode> rows;

  RunCharts(List<JsonNode> rows) {
    this.rows = List.copyOf(rows);
  }

  /** Training and validation loss, in nats per token. */
  XYChart loss() {
    XYChart chart = chart("Loss", "nats per token");
    add(chart, "training", "loss", BLUE);
    add(chart, "validation", "val_loss", ORANGE);
    return chart;
  }

  /** The learning rate. */
  XYChart learningRate() {
    XYChart chart = chart("Learning rate", "");
    add(chart, "learning rate", "lr", BLUE);
    chart.getStyler().setYAxisDecimalPattern("0.######");
    chart.getStyler().setLegendVisible(false);
    chart.getStyler().setYAxisMin(0.0);
    return chart;
  }

  /** The gradient's norm before clipping. */
  XYChart gradientNorm() {
    XYChart chart = chart("Gradient norm before clipping", "");
    add(chart, "gradient norm", "grad_norm", BLUE);
    chart.getStyler().setLegendVisible(false);
    chart.getStyler().setYAxisMin(0.0);
    return chart;
  }

  /** Tokens per second. */
  XYChart throughput() {
    XYChart chart = chart("Throughput", "tokens per second");
    add(chart, "tokens per second", "tokens_per_second", BLUE);
    chart.getStyler().setLegendVisible(false);
    chart.getStyler().setYAxisMin(0.0);
    return chart;
  }

  private static XYChart chart(String title, String yAxis) {
    XYChart chart =
        new XYChartBuilder()
            .width(WIDTH)
            .height(HEIGHT)
            .title(title)
            .xAxisTitle("step")
            .yAxisTitle(yAxis)
            .build();
    Font plain = new Font(Font.SANS_SERIF, Font.PLAIN, 12);
    XYStyler style = chart.getStyler();
    style.setLegendPosition(LegendPosition.InsideNE);
    style.setLegendFont(plain);
    style.setChartBackgroundColor(Color.WHITE);
    style.setPlotBackgroundColor(Color.WHITE);
    style.setChartTitleFont(new Font(Font.SANS_SERIF, Font.BOLD, 14));
    style.setPlotBorderVisible(false);
    style.setPlotGridLinesColor(GRID);
    style.setPlotGridLinesStroke(new BasicStroke(1));
    style.setAxisTickLabelsFont(plain);
    style.setAxisTitleFont(plain);
    style.setLocale(Locale.ROOT);
    return chart;
  }

  /** Adds the rows that have a key; many rows become means of as many neighbours each. */
  private void add(XYChart chart, String name, String key, Color color) {
    List<JsonNode> with = rows.stream().filter(row -> row.has(key)).toList();
    if (with.isEmpty()) {
      return;
    }
    int group = (with.size() + MOST_POINTS - 1) / MOST_POINTS;
    List<Double> steps = new ArrayList<>();
    List<Double> values = new ArrayList<>();
    for (int start = 0; start < with.size(); start += group) {
      List<JsonNode> part = with.subList(start, Math.min(start + group, with.size()));
      steps.add(part.stream().mapToLong(row -> row.get("step").asLong()).average().orElseThrow());
      values.add(part.stream().mapToDouble(row -> row.get(key).asDouble()).average().orElseThrow());
    }
    XYSeries series = chart.addSeries(name, steps, values);
    series.setLineColor(color);
    series.setLineWidth(LINE);
    series.setMarker(with.size() > 30 ? SeriesMarkers.NONE : SeriesMarkers.CIRCLE);
    series.setMarkerColor(color);
  }

  /** A chart as SVG, for a page or a file of its own. */
  static String svg(XYChart chart) {
    try {
      Document document =
          DocumentBuilderFactory.newInstance()
              .newDocumentBuilder()
              .getDOMImplementation()
              .createDocument("http://www.w3.org/2000/svg", "svg", null);
      SVGGraphics2D graphics = new SVGGraphics2D(document);
      graphics.setSVGCanvasSize(new Dimension(WIDTH, HEIGHT));
      chart.paint(graphics, WIDTH, HEIGHT);
      StringWriter svg = new StringWriter();
      Element root = graphics.getRoot();
      // So that it scales with what shows it.
      root.setAttributeNS(null, "viewBox", "0 0 " + WIDTH + " " + HEIGHT);
      graphics.stream(root, svg, true, false);
      return svg.toString();
    } catch (ParserConfigurationException e) {
      throw new AssertionError("every JDK can make an XML document", e);
    } catch (IOException e) {
      throw new UncheckedIOException("writing to memory", e);
    }
  }

  /** A chart as PNG, at twice the size for screens of today. */
  static byte[] png(XYChart chart) {
    BufferedImage image = new BufferedImage(2 * WIDTH, 2 * HEIGHT, BufferedImage.TYPE_INT_RGB);
    Graphics2D graphics = image.createGraphics();
    graphics.scale(2, 2);
    chart.paint(graphics, WIDTH, HEIGHT);
    graphics.dispose();
    ByteArrayOutputStream png = new ByteArrayOutputStream();
    try {
      ImageIO.write(image, "png", png);
    } catch (IOException e) {
      throw new UncheckedIOException("writing to memory", e);
    }
    return png.toByteArray();
  }
}
