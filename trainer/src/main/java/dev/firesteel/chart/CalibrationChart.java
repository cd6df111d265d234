package dev.firesteel.chart;

import java.util.List;
import java.util.Locale;

/**
 * How often predictions of a confidence are right, as SVG: a point for each bin of confidences, as
 * large as the bin has predictions, and the diagonal on which a calibrated model's points lie.
 */
public final class CalibrationChart {
  private static final int TOP = 30;
  private static final int BOTTOM = 290;
  private static final double LARGEST = 10;
  private static final double SMALLEST = 2.5;
  private static final double LEAST_CONFIDENCE = 0.5;

  private final String title;
  private final List<Bin> bins;

  /**
   * A bin of predictions.
   *
   * @param count of its predictions, above 0
   * @param confidence mean, 0.5 to 1
   * @param accuracy share of them that are right
   */
  public record Bin(long count, double confidence, double accuracy) {}

  /**
   * A chart.
   *
   * @param bins at least one
   */
  public CalibrationChart(String title, List<Bin> bins) {
    if (bins.isEmpty()) {
      throw new IllegalArgumentException("a chart must have bins, got none");
    }
    this.title = title;
    this.bins = List.copyOf(bins);
  }

  /** The chart as an element of an HTML page, as wide as the place where it stands. */
  public String html(Theme theme) {
    Axis confidences = Axis.ofValues(LEAST_CONFIDENCE, 1, false, false);
    Axis accuracies = Axis.ofValues(0, 1, true, false);
    double left = 60;
    StringBuilder svg = Svg.begin("", theme, BOTTOM + 40, title);
    Svg.title(svg, left, title);
    for (double tick : accuracies.ticks()) {
      double y = accuracies.place(tick, BOTTOM, TOP);
      Svg.horizontal(svg, theme, left, y, accuracies.label(tick));
    }
    for (double tick : confidences.ticks()) {
      Svg.label(svg, confidences.place(tick, left, Svg.RIGHT), BOTTOM, confidences.label(tick));
    }
    Svg.append(
        svg,
        "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">confidence</text>\n",
        (left + Svg.RIGHT) / 2,
        BOTTOM + 34);
    Svg.append(
        svg,
        "<text transform=\"translate(%d %d) rotate(-90)\" text-anchor=\"middle\">share that is right</text>\n",
        Svg.FONT + 2,
        (TOP + BOTTOM) / 2);
    Svg.append(
        svg,
        "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke-dasharray=\"5 4\" style=\"stroke: %s\"/>\n",
        left,
        accuracies.place(LEAST_CONFIDENCE, BOTTOM, TOP),
        confidences.place(1, left, Svg.RIGHT),
        accuracies.place(1, BOTTOM, TOP),
        theme.text());
    double most = bins.stream().mapToLong(Bin::count).max().orElseThrow();
    for (Bin bin : bins) {
      Svg.append(
          svg,
          "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\" fill-opacity=\"0.75\" style=\"fill: %s\"><title>%s</title></circle>\n",
          confidences.place(bin.confidence(), left, Svg.RIGHT),
          accuracies.place(bin.accuracy(), BOTTOM, TOP),
          Math.max(SMALLEST, LARGEST * Math.sqrt(bin.count() / most)),
          theme.line(0),
          String.format(
              Locale.ROOT,
              "%d pairs: confidence %.3f, right %.3f",
              bin.count(),
              bin.confidence(),
              bin.accuracy()));
    }
    return svg.append("</svg>\n").toString();
  }
}
