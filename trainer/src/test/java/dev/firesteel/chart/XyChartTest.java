package dev.firesteel.chart;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import dev.firesteel.chart.XyChart.Point;
import java.time.Duration;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

class XyChartTest {
  @Test
  void equalRatiosAreEquallyFarApartOnALogarithmicAxis() {
    String svg =
        XyChart.logarithmic("Loss <over> compute", "C", "L")
            .points(
                "runs",
                "#123456",
                1,
                List.of(new Point(1e18, 2), new Point(1e19, 4), new Point(1e20, 8)))
            .html(Theme.PAPER);

    List<Double> x = numbers(svg, "<circle cx=\"([0-9.]+)\" cy=\"[0-9.]+\" r=\"2.5\"");
    List<Double> y = numbers(svg, "<circle cx=\"[0-9.]+\" cy=\"([0-9.]+)\" r=\"2.5\"");
    assertThat(x).hasSize(3);
    assertThat(x.get(1) - x.get(0)).isCloseTo(x.get(2) - x.get(1), within(0.2));
    assertThat(y.get(0) - y.get(1)).isCloseTo(y.get(1) - y.get(2), within(0.2));
    assertThat(svg).contains("Loss &lt;over&gt; compute", ">1e18<", ">1e19<", ">runs<");
  }

  @Test
  void whatLiesOutsideIsLeftOut() {
    String svg =
        XyChart.linear("t", "x", "y")
            .xFrom(0, 10)
            .yFrom(0, 10)
            .points("", "#111111", 1, List.of(new Point(5, 5), new Point(50, 5)))
            .line(
                "",
                "#222222",
                List.of(
                    new Point(1, 1),
                    new Point(2, 2),
                    new Point(3, 99),
                    new Point(4, 4),
                    new Point(5, 5)))
            .html(Theme.PAPER);

    assertThat(numbers(svg, "<circle cx=\"([0-9.]+)\"")).hasSize(1);
    assertThat(Pattern.compile("<polyline").matcher(svg).results()).hasSize(2);
  }

  @Test
  void valuesThatAnAxisCannotShowAreNotDrawn() {
    assertThatThrownBy(
            () ->
                XyChart.logarithmic("nothing", "x", "y")
                    .points("", null, 1, List.of(new Point(0, 1), new Point(1, Double.NaN)))
                    .html(Theme.PAPER))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("got nothing: nothing");
  }

  @Test
  void aFileIsDrawnAsAnImage() {
    String svg =
        XyChart.semiLogarithmic("bands", "x", "y")
            .band(
                "interval",
                null,
                List.of(new Point(1, 1), new Point(10, 2)),
                List.of(new Point(1, 2), new Point(10, 4)))
            .dashes("law", null, List.of(new Point(1, 1.5), new Point(10, 3)))
            .contour("2.5", "#333333", List.of(new Point(1, 3), new Point(10, 1)))
            .rings("vertices", null, List.of(new Point(3, 2)))
            .file(Theme.PAPER);

    byte[] png = PngImage.of(svg, 1);
    assertThat(png).startsWith(0x89, 'P', 'N', 'G');
    assertThat(svg).contains("<polygon", "stroke-dasharray", ">2.5<", Theme.LINES.get(2));
  }

  @Test
  void numbersHaveThreeDigitsAtMost() {
    assertThat(PlotAxis.number(0)).isEqualTo("0");
    assertThat(PlotAxis.number(5000)).isEqualTo("5000");
    assertThat(PlotAxis.number(20_000_000)).isEqualTo("20M");
    assertThat(PlotAxis.number(1.5e9)).isEqualTo("1.5G");
    assertThat(PlotAxis.number(1e18)).isEqualTo("1e18");
    assertThat(PlotAxis.number(2.5e-4)).isEqualTo("2.5e-4");
    assertThat(PlotAxis.number(0.05)).isEqualTo("0.05");
  }

  @Test
  void labelsOfALogarithmicAxisDoNotTouch() {
    for (double high : new double[] {1.2, 3, 9.9, 50, 1e3, 1e9, 1e20}) {
      PlotAxis axis = PlotAxis.of("x", true, 1, high);
      List<Double> ticks = axis.ticks();
      assertThat(ticks).as("up to %s", high).hasSizeBetween(2, 14);
      for (int i = 1; i < ticks.size(); i++) {
        assertThat(axis.place(ticks.get(i), 0, 1) - axis.place(ticks.get(i - 1), 0, 1))
            .isGreaterThan(0.05);
      }
    }
  }

  @Test
  void theRampGoesFromDarkToLight() {
    assertThat(XyChart.ramp(0)).isEqualTo("#3b0f70");
    assertThat(XyChart.ramp(1)).isEqualTo("#b8b41f");
    assertThat(XyChart.ramp(0.5)).isEqualTo("#1b8a8f");
    assertThat(XyChart.ramp(2)).isEqualTo(XyChart.ramp(1));
  }

  private static List<Double> numbers(String svg, String pattern) {
    return Pattern.compile(pattern)
        .matcher(svg)
        .results()
        .map((MatchResult match) -> Double.parseDouble(match.group(1)))
        .toList();
  }

  @Test
  void pointsThatCannotBeDrawnAreLeftOut() {
    XyChart chart =
        XyChart.logarithmic("t", "x", "y")
            .line("", null, List.of(new XyChart.Point(Double.NaN, 1), new XyChart.Point(1, -1)));
    assertThat(chart.isEmpty()).isTrue();
    XyChart wide =
        XyChart.logarithmic("t", "x", "y")
            .line("", null, List.of(new XyChart.Point(1e-320, 1), new XyChart.Point(1e300, 2)));
    assertThat(wide.isEmpty()).isFalse();
    assertTimeoutPreemptively(Duration.ofSeconds(30), () -> wide.html(Theme.PAPER));
  }
}
