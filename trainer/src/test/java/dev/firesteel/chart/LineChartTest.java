package dev.firesteel.chart;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.firesteel.chart.Curve.Point;
import dev.firesteel.chart.LineChart.Series;
import dev.firesteel.metrics.Metric;
import dev.firesteel.metrics.Metrics;
import dev.firesteel.metrics.Unit;
import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.StringReader;
import java.util.ArrayList;
import java.util.List;
import java.util.function.DoubleUnaryOperator;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import javax.imageio.ImageIO;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.xml.sax.InputSource;

class LineChartTest {
  private static final Metric REWARD = Metric.of("reward", "reward", Unit.NONE);

  @Test
  void drawsPointsFromTheFirstStepToTheLast() throws Exception {
    String svg = html(Metrics.LOSS, new Point(0, 6), new Point(50, 3), new Point(100, 2));

    List<String> line = points(svg).get(0);
    // The lower right corner of the plot is (666, 284), the upper one (666, 54).
    assertThat(line).hasSize(3);
    assertThat(line.get(0)).endsWith(",54.0");
    assertThat(line.get(1)).endsWith(",226.5");
    assertThat(line.get(2)).isEqualTo("666.0,284.0");
    assertThat(labels(svg)).contains("2", "3", "4", "5", "6", "0", "20", "40", "60", "80", "100");
    assertThat(labels(svg)).contains("step", "nats per token", "Loss", "loss 2.0000");
    assertThat(svg.split("<circle", -1)).hasSize(1 + 3);
    assertWellFormed(svg);
  }

  @Test
  void anAxisFromZeroHasRoundTicks() {
    String svg = html(Metrics.TOKENS_PER_SECOND, new Point(10, 41_000), new Point(20, 43_210));
    assertThat(labels(svg)).contains("0", "10,000", "50,000", "43210 tokens/s");
    assertThat(labels(svg)).doesNotContain("60,000");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "NATS | false | 1.2321 | 1.2345 | 1.2320 1.2325 1.2330 1.2335 1.2340 1.2345",
        "NONE | true | 0 | 3e-5 | 0 1e-5 2e-5 3e-5",
        "NONE | true | 1e-3 | 3e-3 | 0 0.001 0.002 0.003",
        "NONE | false | -2 | 1 | -2 -1 0 1",
        "NONE | false | 2e6 | 4.5e6 | 2.0M 2.5M 3.0M 3.5M 4.0M 4.5M",
        "NONE | false | 1e20 | 2e20 | 1.0e20 1.2e20 1.4e20 1.6e20 1.8e20 2.0e20",
        "BYTES | true | 100 | 20480 | 0 5·KiB 10·KiB 15·KiB 20·KiB",
        "BYTES | true | 3221225472 | 4294967296 | 0 1·GiB 2·GiB 3·GiB 4·GiB",
      })
  void ticksAreRound(Unit unit, boolean fromZero, double low, double high, String labels) {
    Axis axis = Axis.ofValues(low, high, fromZero, unit == Unit.BYTES);
    assertThat(axis.ticks().stream().map(axis::label).map(label -> label.replace(' ', '·')))
        .containsExactly(labels.split(" "));
  }

  @ParameterizedTest
  @CsvSource({"0, 5", "5, 5", "-3, 5", "1e-5, 5", "0.7321, 5", "1e-300, 5", "1e18, 5"})
  void onePointAndEqualPointsHaveAnAxisToo(double value, long step) throws Exception {
    for (Point[] points :
        List.of(
            new Point[] {new Point(0, value)},
            new Point[] {new Point(1, value), new Point(step, value)})) {
      String svg = html(REWARD, points);
      assertThat(svg).doesNotContain("NaN", "Infinity").contains("<circle");
      assertThat(labels(svg).stream().distinct().count()).isGreaterThan(4);
      assertWellFormed(svg);
    }
  }

  @Test
  void aNoisyCurveIsDrawnFaintAndSmoothed() {
    String svg = html(Metrics.LOSS, points(2000, step -> 2 + step % 2 + step / 1000));

    assertThat(svg).contains("stroke-opacity=\"0.35\"").doesNotContain("<circle");
    assertThat(points(svg)).hasSize(2);
    // Of the points on one column of pixels the lowest and the highest: no peak is lost.
    assertThat(points(svg).get(0)).hasSizeBetween(LineChart.WIDTH, 2 * LineChart.WIDTH);
    assertThat(labels(svg)).as("the last value as it was reported").contains("loss 4.0000");
  }

  @Test
  void aScheduleIsNotSmoothed() {
    String svg =
        html(
            Metrics.LEARNING_RATE,
            points(2000, step -> step < 100 ? step : 100 * (1 + Math.cos(step / 700))));
    assertThat(points(svg)).hasSize(1);
  }

  @Test
  void smoothingIsNotLate() {
    List<Point> smooth = Smoothing.of(List.of(points(500, step -> 3 * step)));
    assertThat(smooth).hasSize(500);
    for (int i = 100; i < 400; i++) {
      assertThat(smooth.get(i).value()).isCloseTo(3.0 * (i + 1), within(1e-3));
    }
  }

  @Test
  void smoothingIsTheWeightedMeanOfItsFormula() {
    double[] values = {4, -1, 2.5, 7, 3, 3};
    List<Point> points = new ArrayList<>();
    for (int i = 0; i < values.length; i++) {
      points.add(new Point(10L * i, values[i]));
    }
    List<Point> smooth = Smoothing.of(points);
    double beta = 1 - 2 / 6.0; // The shortest span.
    for (int t = 0; t < values.length; t++) {
      double sum = 0;
      double weights = 0;
      for (int u = 0; u < values.length; u++) {
        sum += Math.pow(beta, Math.abs(t - u)) * values[u];
        weights += Math.pow(beta, Math.abs(t - u));
      }
      assertThat(smooth.get(t).value()).isCloseTo(sum / weights, within(1e-12));
      assertThat(smooth.get(t).step()).isEqualTo(10L * t);
    }
  }

  @Test
  void metricsOfOneTitleShareAChart() {
    List<LineChart> charts =
        LineChart.of(
            List.of(
                curve(Metrics.VALIDATION_LOSS, 5, step -> 2),
                curve(Metrics.GC_MILLIS, 5, step -> 2),
                curve(Metrics.TOKENS_PER_SECOND, 5, step -> 2),
                curve(Metrics.BITS_PER_BYTE, 0, step -> 2),
                curve(Metrics.LOSS, 5, step -> 3),
                curve(REWARD, 5, step -> 4)),
            "reward");

    assertThat(charts.stream().map(LineChart::title))
        .as("the headline's, those of the progress line, the others")
        .containsExactly("Reward", "Loss", "Throughput", "Garbage collection per step");
    assertThat(charts.get(1).has("loss")).isTrue();
    assertThat(charts.get(1).has("val_loss")).isTrue();
    assertThat(charts.get(1).has("reward")).isFalse();
    assertThat(labels(charts.get(1).html(Theme.PAPER)))
        .as("each keeps its colour, whichever was reported first")
        .containsSubsequence("loss 3.0000", "validation loss 2.0000");
  }

  @Test
  void longNamesTakeLinesOfTheirOwnAndAreCutAtLast() throws Exception {
    String chart = "Rewards of " + "many, ".repeat(30);
    List<Series> series = new ArrayList<>();
    for (String name : List.of("chosen answers, <mean> & more", "rejected answers".repeat(3))) {
      series.add(curve(Metric.of(name.substring(0, 3), name, Unit.NONE).in(chart), 3, step -> 1));
    }
    series.add(curve(Metric.of("x", "long ".repeat(50), Unit.NONE).in(chart), 3, step -> 1));
    String svg = LineChart.of(series, "").get(0).html(Theme.PAPER);

    List<MatchResult> legend =
        Pattern.compile("<text x=\"([0-9.]+)\" y=\"(\\d+)\">([^<]*)</text>")
            .matcher(svg)
            .results()
            .toList();
    assertThat(legend).hasSize(3);
    assertThat(legend.stream().map(each -> each.group(2)).distinct()).hasSize(3);
    assertThat(legend.get(0).group(3)).isEqualTo("chosen answers, &lt;mean&gt; &amp; more 1.000");
    assertThat(legend.get(2).group(3)).contains("long long").endsWith("… 1.000");
    assertThat(legend.get(2).group(3).length()).isLessThan(100);
    assertThat(labels(svg).get(0)).startsWith("Rewards of many, many").hasSizeLessThan(70);
    assertWellFormed(svg);
  }

  @Test
  void whatIsNotFiniteIsNotDrawn() {
    assertThat(LineChart.of(List.of(new Series(REWARD, List.of(new Point(1, Double.NaN)))), ""))
        .isEmpty();
    assertThat(
            points(html(REWARD, new Point(1, 1), new Point(2, Double.NaN), new Point(3, 3))).get(0))
        .hasSize(2);
  }

  @Test
  void aFileStandsAlone() throws Exception {
    LineChart chart =
        LineChart.of(List.of(curve(Metrics.LOSS, 2000, step -> 9 / step + step % 2)), "loss")
            .get(0);
    String svg = chart.file(Theme.PAPER);

    assertThat(svg).contains(" xmlns=\"http://www.w3.org/2000/svg\" width=\"680\" height=\"");
    assertThat(chart.html(Theme.PAPER)).doesNotContain("http");
    assertWellFormed(svg);

    BufferedImage png = ImageIO.read(new ByteArrayInputStream(PngImage.of(svg, 2)));
    assertThat(png.getWidth()).isEqualTo(2 * LineChart.WIDTH);
    assertThat(png.getRGB(1, 1) & 0xffffff).isEqualTo(0xffffff);
    int blue = 0;
    for (int x = 0; x < png.getWidth(); x++) {
      for (int y = 0; y < png.getHeight(); y++) {
        blue += (png.getRGB(x, y) & 0xffffff) == 0x1f77b4 ? 1 : 0;
      }
    }
    assertThat((double) blue / (png.getWidth() * png.getHeight())).isGreaterThan(0.001);
  }

  private static Series curve(Metric metric, int steps, DoubleUnaryOperator value) {
    List<Point> points = new ArrayList<>();
    for (int step = 1; step <= steps; step++) {
      points.add(new Point(step, value.applyAsDouble(step)));
    }
    return new Series(metric, points);
  }

  private static Point[] points(int steps, DoubleUnaryOperator value) {
    return curve(REWARD, steps, value).points().toArray(Point[]::new);
  }

  private static String html(Metric metric, Point... points) {
    return LineChart.of(List.of(new Series(metric, List.of(points))), "").get(0).html(Theme.PAPER);
  }

  private static List<String> labels(String svg) {
    return Pattern.compile("<text [^>]*>([^<]*)</text>")
        .matcher(svg)
        .results()
        .map(match -> match.group(1))
        .toList();
  }

  private static List<List<String>> points(String svg) {
    return Pattern.compile(" points=\"([^\"]*) \"")
        .matcher(svg)
        .results()
        .map(match -> List.of(match.group(1).split(" ")))
        .toList();
  }

  private static void assertWellFormed(String svg) throws Exception {
    DocumentBuilderFactory.newInstance()
        .newDocumentBuilder()
        .parse(new InputSource(new StringReader(svg)));
  }
}
