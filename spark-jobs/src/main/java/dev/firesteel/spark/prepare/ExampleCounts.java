package dev.firesteel.spark.prepare;

import dev.firesteel.data.ExampleManifest;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;

/** The counts of prepared examples in words. */
public final class ExampleCounts {
  private ExampleCounts() {}

  /** The counts as one line. */
  public static String describe(ExampleManifest.Counts counts) {
    StringBuilder line = new StringBuilder();
    line.append("Read %d records, kept %d".formatted(counts.read(), counts.kept()));
    if (counts.truncated() > 0) {
      line.append(" (%d truncated)".formatted(counts.truncated()));
    }
    if (counts.badCount() > 0) {
      line.append("; bad: ").append(reasons(counts.bad(), counts.first()));
    }
    if (!counts.dropped().isEmpty()) {
      line.append("; dropped: ").append(reasons(counts.dropped(), counts.first()));
    }
    if (counts.overLimit() > 0) {
      line.append("; %d over the limit".formatted(counts.overLimit()));
    }
    return line.toString();
  }

  /** Counts with the first record of each reason. */
  static String reasons(Map<String, Long> counts, Map<String, String> first) {
    return counts.entrySet().stream()
        .map(
            entry ->
                "%d %s (%s)"
                    .formatted(
                        entry.getValue(), entry.getKey(), first.getOrDefault(entry.getKey(), "")))
        .collect(Collectors.joining(", "));
  }

  /** A fraction as a percentage. */
  static String percent(double fraction) {
    return String.format(Locale.ROOT, "%s %%", trimmed(100 * fraction));
  }

  private static String trimmed(double value) {
    return value == Math.rint(value) ? String.valueOf((long) value) : String.valueOf(value);
  }
}
