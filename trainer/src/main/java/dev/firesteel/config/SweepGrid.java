package dev.firesteel.config;

import dev.firesteel.error.UserException;
import java.math.BigDecimal;
import java.math.MathContext;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The values of an axis of a sweep, each as text: values as they are, {@code log:from:to:count} for
 * numbers with equal ratios, {@code range:from:to:step} for numbers with equal differences, both
 * ends included.
 */
final class SweepGrid {
  private static final Pattern GRID = Pattern.compile("(log|range):([^:]+):([^:]+):([^:]+)");

  /** Enough for every grid that can be trained, and little enough for an error in a step. */
  private static final int MOST = 10_000;

  private static final MathContext DIGITS = new MathContext(3);

  private SweepGrid() {}

  /**
   * The values of a list of values and grids.
   *
   * @param key for messages
   * @throws UserException for a grid that cannot be read
   */
  static List<String> expand(String key, List<String> elements) {
    List<String> values = new ArrayList<>();
    for (String element : elements) {
      Matcher call = GRID.matcher(element.strip());
      if (call.matches()) {
        double from = number(key, call.group(2));
        double to = number(key, call.group(3));
        values.addAll(
            call.group(1).equals("log")
                ? logarithmic(key, from, to, integer(key, call.group(4)))
                : linear(key, from, to, number(key, call.group(4))));
      } else if (element.matches("\\s*(log|range)[:(].*")) {
        throw UserException.usage(
            "a grid of %s must be log:from:to:count or range:from:to:step, got %s"
                .formatted(key, element));
      } else {
        values.add(element);
      }
    }
    return values;
  }

  private static List<String> logarithmic(String key, double from, double to, int count) {
    Require.that(
        from > 0 && to > from && count >= 2 && count <= MOST,
        "log:from:to:count of %s must have 0 < from < to and at least 2 values, got log:%s:%s:%d"
            .formatted(key, text(from), text(to), count));
    List<String> values = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      double value = from * Math.pow(to / from, (double) i / (count - 1));
      values.add(text(new BigDecimal(value).round(DIGITS).doubleValue()));
    }
    return values;
  }

  private static List<String> linear(String key, double from, double to, double step) {
    Require.that(
        step > 0 && to >= from && (to - from) / step < MOST,
        "range:from:to:step of %s must have from <= to and a positive step, got range:%s:%s:%s"
            .formatted(key, text(from), text(to), text(step)));
    List<String> values = new ArrayList<>();
    // Half a step of room, so that the last value is not lost to rounding.
    for (int i = 0; from + i * step <= to + step / 2; i++) {
      values.add(text(from + i * step));
    }
    return values;
  }

  static double number(String key, String text) {
    try {
      double value = Double.parseDouble(text.strip());
      if (Double.isFinite(value)) {
        return value;
      }
    } catch (NumberFormatException e) {
      throw notANumber(key, text, e);
    }
    throw notANumber(key, text, null);
  }

  private static UserException notANumber(String key, String text, Exception cause) {
    return UserException.usage(
        "a value of %s must be a number, got %s".formatted(key, text), cause);
  }

  static int integer(String key, String text) {
    double value = number(key, text);
    Require.that(
        value == Math.rint(value) && Math.abs(value) < Integer.MAX_VALUE,
        "a value of %s must be a whole number, got %s".formatted(key, text));
    return (int) value;
  }

  /** Whole numbers without a fraction, large and small ones with a power of ten. */
  static String text(double value) {
    BigDecimal exact = new BigDecimal(Double.toString(value)).stripTrailingZeros();
    if (value == 0 || (Math.abs(value) >= 1e-3 && Math.abs(value) < 1e6)) {
      return exact.toPlainString();
    }
    int exponent = exact.precision() - exact.scale() - 1;
    return exact.movePointLeft(exponent).stripTrailingZeros().toPlainString() + "e" + exponent;
  }
}
