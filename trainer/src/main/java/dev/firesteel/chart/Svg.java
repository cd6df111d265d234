package dev.firesteel.chart;

import java.util.Locale;

/** What the charts draw alike: sizes, labels and lines of the grid. */
final class Svg {
  static final int WIDTH = 680;
  static final int RIGHT = WIDTH - 14;
  static final int FONT = 12;
  static final int TITLE_FONT = 14;
  static final int GAP = 6;

  /** Width of a character, on the safe side for common fonts: no text may run into the next. */
  static final double CHARACTER = 0.62 * FONT;

  private Svg() {}

  /** The beginning of a chart, with its background. */
  static StringBuilder begin(String attributes, Theme theme, int height, String label) {
    StringBuilder svg = new StringBuilder();
    append(
        svg,
        "<svg viewBox=\"0 0 "
            + WIDTH
            + " %1$d\""
            + attributes
            + " role=\"img\" aria-label=\"%2$s\" font-size=\"%3$d\" style=\"font-family: %4$s; fill: %5$s\">\n",
        height,
        escape(label),
        FONT,
        theme.font(),
        theme.text());
    if (!theme.background().isEmpty()) {
      append(
          svg,
          "<rect width=\"%d\" height=\"%d\" style=\"fill: %s\"/>\n",
          WIDTH,
          height,
          theme.background());
    }
    return svg;
  }

  /** The title above a plot that begins at a place. */
  static void title(StringBuilder svg, double left, String title) {
    append(
        svg,
        "<text x=\"%.1f\" y=\"18\" font-size=\"%d\" font-weight=\"bold\">%s</text>\n",
        left,
        TITLE_FONT,
        escape(cut(title, (int) ((RIGHT - left) / (0.75 * TITLE_FONT)))));
  }

  /** A line of the grid with its label on the left. */
  static void horizontal(StringBuilder svg, Theme theme, double left, double y, String label) {
    append(
        svg,
        "<line x1=\"%.1f\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\" stroke-opacity=\"0.15\" style=\"stroke: %s\"/>\n",
        left,
        RIGHT,
        y,
        y,
        theme.text());
    append(
        svg,
        "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\">%s</text>\n",
        left - GAP,
        y + 4,
        label);
  }

  /** A label below the plot; one that would stick out on the right ends there. */
  static void label(StringBuilder svg, double x, int bottom, String label) {
    boolean out = x + width(label) / 2 > WIDTH;
    append(
        svg,
        "<text x=\"%.1f\" y=\"%d\" text-anchor=\"%s\">%s</text>\n",
        out ? WIDTH - 2 : x,
        bottom + 16,
        out ? "end" : "middle",
        label);
  }

  static double width(String text) {
    return text.length() * CHARACTER;
  }

  static String cut(String text, int most) {
    return text.length() <= most ? text : text.substring(0, most - 1) + "…";
  }

  static String escape(String text) {
    return text.replace("&", "&amp;")
        .replace("<", "&lt;")
        .replace(">", "&gt;")
        .replace("\"", "&quot;");
  }

  static void append(StringBuilder svg, String format, Object... values) {
    svg.append(String.format(Locale.ROOT, format, values));
  }
}
