package dev.firesteel.chart;

import java.util.List;

/**
 * The colours of a chart, as CSS has them.
 *
 * @param font family
 * @param background behind the chart; empty where the page shows through
 * @param text of title, labels and grid
 * @param lines of the series, in their order; a chart with more series reuses them
 */
public record Theme(String font, String background, String text, List<String> lines) {
  /** Distinguishable on white and on black, to most colour-blind readers too. */
  public static final List<String> LINES =
      List.of("#1f77b4", "#d6600a", "#2c9c46", "#8a56c2", "#c9302c", "#8c6d46", "#0f9fa8");

  /** For a standalone file: on a white background. */
  public static final Theme PAPER = new Theme("sans-serif", "#ffffff", "#222222", LINES);

  public Theme {
    if (lines.isEmpty()) {
      throw new IllegalArgumentException("a theme must have a colour for lines, got none");
    }
    lines = List.copyOf(lines);
  }

  /** The colour of the series of an index. */
  String line(int index) {
    return lines.get(index % lines.size());
  }
}
