package dev.firesteel.chart;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * Values between two bounds, with ticks at round numbers.
 *
 * @param low at the beginning
 * @param high at the end
 * @param tick between two ticks, which are multiples of it
 * @param scale of the labels
 */
record Axis(double low, double high, double tick, Scale scale) {
  private static final int TICKS = 5;

  /** Values that are closer than this, relative to their size, are drawn as equal. */
  private static final double EQUAL = 1e-9;

  /**
   * What labels count in.
   *
   * @param unit that is 1 on a label
   * @param suffix of the label of every number but 0
   */
  private record Scale(double unit, String suffix) {
    private static final String[] BINARY = {"", " KiB", " MiB", " GiB", " TiB", " PiB"};
    private static final String[] LARGE = {"", "", "M", "G", "T", "P"};

    static Scale bytes(double largest) {
      int power = 0;
      while (power < BINARY.length - 1 && largest >= Math.pow(1024, power + 1)) {
        power++;
      }
      return new Scale(Math.pow(1024, power), BINARY[power]);
    }

    static Scale numbers(double largest) {
      if (largest == 0 || (largest >= 1e-3 && largest < 1e6)) {
        return new Scale(1, "");
      }
      int exponent = (int) Math.floor(Math.log10(largest) + EQUAL);
      int thousands = exponent / 3;
      if (exponent >= 6 && thousands < LARGE.length) {
        return new Scale(Math.pow(1000, thousands), LARGE[thousands]);
      }
      return new Scale(Math.pow(10, exponent), "e" + exponent);
    }
  }

  /**
   * The smallest axis around values, which may all be equal, that begins and ends at ticks.
   *
   * @param fromZero whether 0 is to be on it
   * @param bytes whether it counts bytes, whose round numbers are KiB, MiB and so on
   */
  static Axis ofValues(double lowest, double highest, boolean fromZero, boolean bytes) {
    double low = fromZero ? Math.min(0, lowest) : lowest;
    double high = fromZero ? Math.max(0, highest) : highest;
    double largest = Math.max(Math.abs(low), Math.abs(high));
    if (largest == 0) {
      high = 1;
    } else if (high - low <= EQUAL * largest) {
      low -= largest / 2;
      high += largest / 2;
    }
    largest = Math.max(Math.abs(low), Math.abs(high));
    Scale scale = bytes ? Scale.bytes(largest) : Scale.numbers(largest);
    double tick = scale.unit() * round((high - low) / scale.unit() / TICKS);
    return new Axis(
        tick * Math.floor(low / tick + EQUAL), tick * Math.ceil(high / tick - EQUAL), tick, scale);
  }

  /** From step 0 to the last one. */
  static Axis ofSteps(long last) {
    double high = Math.max(1, last);
    return new Axis(0, high, Math.max(1, round(high / TICKS)), Scale.numbers(high));
  }

  /** The number 1, 2 or 5 times a power of ten that is not below a value. */
  private static double round(double value) {
    double magnitude = Math.pow(10, Math.floor(Math.log10(value)));
    double fraction = value / magnitude;
    return magnitude * (fraction <= 1 ? 1 : fraction <= 2 ? 2 : fraction <= 5 ? 5 : 10);
  }

  /** Where a value lies between two pixels. */
  double place(double value, double atLow, double atHigh) {
    return atLow + (value - low) / (high - low) * (atHigh - atLow);
  }

  List<Double> ticks() {
    List<Double> ticks = new ArrayList<>();
    long first = Math.round(low / tick);
    for (long i = first; i * tick <= high + EQUAL * tick; i++) {
      ticks.add(i * tick);
    }
    return ticks;
  }

  /** A tick as text, with the digits that tell it from its neighbours. */
  String label(double value) {
    if (value == 0) {
      return "0";
    }
    int digits = (int) Math.max(0, Math.ceil(-Math.log10(tick / scale.unit()) - EQUAL));
    return String.format(Locale.ROOT, "%,." + digits + "f", value / scale.unit()) + scale.suffix();
  }
}
