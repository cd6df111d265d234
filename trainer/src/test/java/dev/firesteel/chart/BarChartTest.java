package dev.firesteel.chart;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** The charts beside curves: bars and calibration. */
class BarChartTest {
  @Test
  void barsAreAsLongAsTheirValuesAndKeepTheirOrder() {
    String svg =
        new BarChart(
                "Gold <score>",
                List.of(
                    new BarChart.Bar("base", 0.2, 0.1, 0.3),
                    new BarChart.Bar("sft", 0.4, 0.4, 0.4)))
            .html(Theme.PAPER);

    List<Double> widths = numbers(svg, "<rect x=\"[0-9.]+\" y=\"[0-9.]+\" width=\"([0-9.]+)\"");
    assertThat(widths).hasSize(2);
    assertThat(widths.get(1) / widths.get(0)).isBetween(1.99, 2.01);
    assertThat(svg)
        .contains("Gold &lt;score&gt;", "<title>0.2000 (0.1000 to 0.3000)</title>")
        .contains(Theme.LINES.get(0), Theme.LINES.get(1));
    assertThat(svg.indexOf(">base<")).isLessThan(svg.indexOf(">sft<"));
  }

  @Test
  void negativeBarsEndLeftOfZero() {
    String svg =
        new BarChart(
                "Score",
                List.of(
                    new BarChart.Bar("worse", -1, -1.2, -0.8),
                    new BarChart.Bar("better", 1, 0.8, 1.2)))
            .html(Theme.PAPER);

    List<Double> starts = numbers(svg, "<rect x=\"([0-9.]+)\" y");
    List<Double> widths = numbers(svg, "<rect x=\"[0-9.]+\" y=\"[0-9.]+\" width=\"([0-9.]+)\"");
    assertThat(starts.get(0) + widths.get(0)).isBetween(starts.get(1) - 0.2, starts.get(1) + 0.2);
  }

  @Test
  void refusesWhatCannotBeDrawn() {
    assertThatThrownBy(() -> new BarChart("x", List.of()))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> new BarChart.Bar("x", Double.NaN, 0, 0))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void calibratedBinsLieOnTheDiagonal() {
    String svg =
        new CalibrationChart(
                "Calibration",
                List.of(
                    new CalibrationChart.Bin(100, 0.6, 0.6),
                    new CalibrationChart.Bin(25, 0.9, 0.5)))
            .html(Theme.PAPER);

    List<Double> x = numbers(svg, "cx=\"([0-9.]+)\"");
    List<Double> y = numbers(svg, "cy=\"([0-9.]+)\"");
    List<Double> radius = numbers(svg, " r=\"([0-9.]+)\"");
    List<Double> from = numbers(svg, "<line x1=\"([0-9.]+)\" y1=\"[0-9.]+\" x2=\"[0-9.]+\" y2");
    double x1 = from.get(from.size() - 1);
    double y1 = last(svg, "x1=\"[0-9.]+\" y1=\"([0-9.]+)\" x2=\"[0-9.]+\" y2");
    double x2 = last(svg, "x1=\"[0-9.]+\" y1=\"[0-9.]+\" x2=\"([0-9.]+)\" y2");
    double y2 = last(svg, "y1=\"[0-9.]+\" x2=\"[0-9.]+\" y2=\"([0-9.]+)\" stroke-dasharray");
    double onDiagonal = y1 + (x.get(0) - x1) / (x2 - x1) * (y2 - y1);
    assertThat(y.get(0)).isBetween(onDiagonal - 0.2, onDiagonal + 0.2);
    assertThat(y.get(1)).as("overconfident: below").isGreaterThan(y.get(0));
    assertThat(radius.get(0)).isEqualTo(2 * radius.get(1));
    assertThat(svg).contains("<title>100 pairs: confidence 0.600, right 0.600</title>");
  }

  private static double last(String svg, String pattern) {
    List<Double> all = numbers(svg, pattern);
    return all.get(all.size() - 1);
  }

  private static List<Double> numbers(String svg, String pattern) {
    return Pattern.compile(pattern)
        .matcher(svg)
        .results()
        .map((MatchResult found) -> Double.parseDouble(found.group(1)))
        .toList();
  }
}
