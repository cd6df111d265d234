package dev.firesteel.inspect;

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/** An {@link Inspection} as text for a terminal. */
public final class InspectionText {
  private static final String GAP = "  ";

  private InspectionText() {}

  /** The lines: what it is, its facts, its tables, its checks. */
  public static List<String> lines(Inspection inspection) {
    List<String> lines = new ArrayList<>();
    lines.add(printable(inspection.path()) + ": " + inspection.kind());
    int width = inspection.facts().stream().mapToInt(fact -> fact.name().length()).max().orElse(0);
    for (Fact fact : inspection.facts()) {
      lines.add(GAP + padded(fact.name(), width, false) + GAP + cell(fact.value()));
    }
    for (Table table : inspection.tables()) {
      lines.add("");
      lines.addAll(lines(table));
    }
    if (!inspection.checks().isEmpty()) {
      lines.add("");
      lines.add("checks");
    }
    for (Check check : inspection.checks()) {
      lines.add(
          "%s%-6s  %s: %s"
              .formatted(
                  GAP,
                  check.passed() ? "ok" : "FAILED",
                  printable(check.name()),
                  printable(check.detail())));
    }
    return lines;
  }

  /** A table with its title and aligned columns: texts to the left, numbers to the right. */
  public static List<String> lines(Table table) {
    List<List<String>> cells = new ArrayList<>();
    cells.add(table.header());
    table.rows().forEach(row -> cells.add(row.stream().map(InspectionText::cell).toList()));
    int columns = table.header().size();
    int[] widths =
        IntStream.range(0, columns)
            .map(i -> cells.stream().mapToInt(row -> row.get(i).length()).max().orElse(0))
            .toArray();
    List<String> lines = new ArrayList<>();
    lines.add(printable(table.title()));
    for (List<String> row : cells) {
      lines.add(
          (GAP
                  + IntStream.range(0, columns)
                      .mapToObj(i -> padded(row.get(i), widths[i], isNumeric(table, i)))
                      .collect(Collectors.joining(GAP)))
              .stripTrailing());
    }
    return lines;
  }

  private static boolean isNumeric(Table table, int column) {
    return !table.rows().isEmpty()
        && table.rows().stream()
            .allMatch(row -> row.get(column) == null || row.get(column) instanceof Number);
  }

  private static String padded(String text, int width, boolean right) {
    String spaces = " ".repeat(Math.max(0, width - text.length()));
    return right ? spaces + text : text + spaces;
  }

  private static String cell(Object value) {
    if (value == null) {
      return "-";
    } else if (value instanceof Double number) {
      return number(number);
    } else if (value instanceof Number number) {
      return String.format(Locale.ROOT, "%,d", number.longValue());
    } else if (value instanceof Collection<?> several) {
      return several.stream().map(InspectionText::cell).collect(Collectors.joining(", "));
    }
    return printable(value.toString());
  }

  /** Four significant digits, without an exponent where the number is neither large nor small. */
  static String number(double value) {
    double magnitude = Math.abs(value);
    if (value == 0 || !Double.isFinite(value)) {
      return value == 0 ? "0" : String.valueOf(value);
    } else if (magnitude < 1e-4 || magnitude >= 1e6) {
      return String.format(Locale.ROOT, "%.2e", value);
    }
    int digits = Math.max(0, 3 - (int) Math.floor(Math.log10(magnitude)));
    return String.format(Locale.ROOT, "%." + Math.min(digits, 6) + "f", value);
  }

  /**
   * A text whose control characters are escaped, so that no name in a file can steer a terminal.
   */
  public static String printable(String text) {
    StringBuilder out = new StringBuilder();
    text.codePoints()
        .forEach(
            c -> {
              switch (Character.getType(c)) {
                case Character.CONTROL,
                    Character.FORMAT,
                    Character.LINE_SEPARATOR,
                    Character.PARAGRAPH_SEPARATOR,
                    Character.SURROGATE ->
                    out.append(escaped(c));
                default -> out.appendCodePoint(c);
              }
            });
    return out.toString();
  }

  private static String escaped(int c) {
    return switch (c) {
      case '\n' -> "\\n";
      case '\r' -> "\\r";
      case '\t' -> "\\t";
      default -> String.format(Locale.ROOT, "\\u%04x", c);
    };
  }
}
