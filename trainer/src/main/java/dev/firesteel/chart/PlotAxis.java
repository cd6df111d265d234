package dev.firesteel.chart;

import java.math.BigDecimal;
import java.math.MathContext;
import java.util.ArrayList;
import java.util.List;

/**
 * An axis of an {@link XyChart}: linear, with the ticks of {@link Axis}, or logarithmic, with ticks
 * at powers of ten and, where there are few of these, at 2 and 5 times them.
 *
 * @param title below or beside it
 * @param linear its ticks; null if it is logarithmic
 * @param low at the beginning
 * @param high at the end
 */
record PlotAxis(String title, Axis linear, double low, double high) {
  private static final String[] UNITS = {"", "k", "M", "G", "T"};
  private static final int FEW_DECADES = 3;
  private static final int MOST_TICKS = 9;
  private static final double EQUAL = 1e-9;

  /** Between two ticks, as a share of the axis: labels must not touch. */
  private static final double LEAST_DISTANCE = 0.06;

  /** Smallest value on a logarithmic axis; its inverse is the largest. Their ratio is finite. */
  private static final double LEAST = 1e-140;

  /** Space around the values, as a share of their range. */
  private static final double MARGIN = 0.03;

  /**
   * An axis around values.
   *
   * @param logarithmic whether equal ratios are equally wide; values are then above 0
   */
  static PlotAxis of(String title, boolean logarithmic, double lowest, double highest) {
    if (!logarithmic) {
      Axis axis = Axis.ofValues(lowest, highest, false, false);
      return new PlotAxis(title, axis, axis.low(), axis.high());
    }
    double low = Math.max(LEAST, Math.min(lowest, 1 / LEAST));
    double high = Math.max(LEAST, Math.min(highest, 1 / LEAST));
    if (high <= low * (1 + EQUAL)) {
      low /= 2;
      high *= 2;
    }
    double margin = Math.pow(high / low, MARGIN);
    return new PlotAxis(title, null, low / margin, high * margin);
  }

  boolean contains(double value) {
    double slack = EQUAL * Math.max(Math.abs(low), Math.abs(high));
    return value >= low - slack && value <= high + slack;
  }

  /** Where a value lies between two pixels. */
  double place(double value, double atLow, double atHigh) {
    return linear != null
        ? linear.place(value, atLow, atHigh)
        : atLow + Math.log(value / low) / Math.log(high / low) * (atHigh - atLow);
  }

  List<Double> ticks() {
    if (linear != null) {
      return linear.ticks();
    }
    int first = (int) Math.floor(Math.log10(low));
    int last = (int) Math.ceil(Math.log10(high));
    double decades = Math.log10(high / low);
    int[] steps =
        decades < 1
            ? new int[] {10, 12, 15, 20, 25, 30, 40, 50, 60, 70, 80, 90}
            : decades < FEW_DECADES ? new int[] {10, 20, 50} : new int[] {10};
    int every = Math.max(1, (int) Math.ceil(decades / MOST_TICKS));
    List<Double> ticks = new ArrayList<>();
    for (int power = first; power <= last; power++) {
      for (int step : steps) {
        double tick = step * Math.pow(10, power - 1.0);
        boolean apart =
            ticks.isEmpty()
                || place(tick, 0, 1) - place(ticks.get(ticks.size() - 1), 0, 1) > LEAST_DISTANCE;
        if (contains(tick) && apart && Math.floorMod(power, every) == 0) {
          ticks.add(tick);
        }
      }
    }
    return ticks;
  }

  /** A tick as text. */
  String label(double value) {
    return linear != null ? linear.label(value) : number(value);
  }

  /** A number with three digits at most: 20M, 1e19, 0.05. */
  static String number(double value) {
    if (value == 0) {
      return "0";
    }
    double size = Math.abs(value);
    if (size >= 1e15 || size < 1e-3) {
      int exponent = (int) Math.floor(Math.log10(size) + EQUAL);
      return plain(value / Math.pow(10, exponent)) + "e" + exponent;
    }
    int unit = size < 1e4 ? 0 : (int) Math.floor(Math.log10(size) / 3 + EQUAL);
    return plain(value / Math.pow(1000, unit)) + UNITS[unit];
  }

  /** Without zeros at the end. */
  private static String plain(double value) {
    return new BigDecimal(value).round(new MathContext(3)).stripTrailingZeros().toPlainString();
  }
}
