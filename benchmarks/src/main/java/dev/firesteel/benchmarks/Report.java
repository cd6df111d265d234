package dev.firesteel.benchmarks;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/** Lines of Markdown: shown as they are written, and kept for a file. */
final class Report {
  private final StringBuilder text = new StringBuilder();

  void line(String format, Object... arguments) {
    String line = String.format(Locale.ROOT, format, arguments);
    text.append(line).append('\n');
    System.out.println(line);
  }

  /** Writes all to a file; to none where the name is empty. */
  void save(String file) throws IOException {
    if (!file.isEmpty()) {
      Files.writeString(Path.of(file), text, StandardCharsets.UTF_8);
    }
  }

  static double median(double[] values) {
    return median(Arrays.stream(values).boxed().toList());
  }

  static double median(List<Double> values) {
    List<Double> sorted = values.stream().sorted().toList();
    int middle = sorted.size() / 2;
    return sorted.size() % 2 == 1
        ? sorted.get(middle)
        : (sorted.get(middle - 1) + sorted.get(middle)) / 2;
  }

  /** The extremes, as {@code min..max}. */
  static String range(List<Double> values, String format) {
    return String.format(Locale.ROOT, format, values.stream().min(Double::compare).orElseThrow())
        + ".."
        + String.format(Locale.ROOT, format, values.stream().max(Double::compare).orElseThrow());
  }
}
