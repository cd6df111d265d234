package dev.firesteel.chart;

import java.awt.AWTError;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Consumer;

/** Charts as files, each as SVG and as PNG. */
public final class ChartFiles {
  private static final int PNG_SCALE = 2;

  private ChartFiles() {}

  /**
   * The files by their names.
   *
   * @param charts by the names of their files without an extension
   * @param notices receives a line if PNG images cannot be drawn: they need fonts, which a
   *     container may lack
   */
  public static Map<String, byte[]> of(Map<String, XyChart> charts, Consumer<String> notices) {
    Map<String, byte[]> files = new LinkedHashMap<>();
    charts.forEach(
        (name, chart) ->
            files.put(name + ".svg", chart.file(Theme.PAPER).getBytes(StandardCharsets.UTF_8)));
    try {
      charts.forEach(
          (name, chart) ->
              files.put(name + ".png", PngImage.of(chart.file(Theme.PAPER), PNG_SCALE)));
    } catch (RuntimeException | LinkageError | InternalError | AWTError e) { // No fonts, no AWT.
      notices.accept("The charts are there as SVG alone, PNG images could not be drawn: " + e);
    }
    return files;
  }
}
