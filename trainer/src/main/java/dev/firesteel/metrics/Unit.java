package dev.firesteel.metrics;

import java.util.Locale;

/** The unit of a metric, and how its values are written. */
public enum Unit {
  /** A plain number. */
  NONE("", "%.4g"),
  /** Cross-entropy per token, whose exponential is the perplexity. */
  NATS("nats per token", "%.4f"),
  /** Cross-entropy, comparable between tokenizers. */
  BITS_PER_BYTE("bits per byte", "%.4f"),
  /** A share between 0 and 1. */
  SHARE("", "%.4f"),
  /** A rate of training. */
  TOKENS_PER_SECOND("tokens/s", "%.0f"),
  /** A duration. */
  MILLISECONDS("ms", "%,.1f"),
  /** A size. */
  BYTES("bytes", "%,.0f");

  private final String symbol;
  private final String format;

  Unit(String symbol, String format) {
    this.symbol = symbol;
    this.format = format;
  }

  /** The unit's symbol, written after a number; empty for a plain number. */
  public String symbol() {
    return symbol;
  }

  /** A value formatted with the precision suited to its unit, without the symbol. */
  public String format(double value) {
    return String.format(Locale.ROOT, format, value);
  }

  /** A value with its symbol, such as {@code 2.0413 nats per token}. */
  public String text(double value) {
    return symbol.isEmpty() ? format(value) : format(value) + " " + symbol;
  }

  /** A value as it is stored: times and rates do not need 17 digits. */
  public double rounded(double value) {
    return switch (this) {
      case TOKENS_PER_SECOND, MILLISECONDS ->
          Double.isFinite(value) ? Math.round(value * 1000) / 1000.0 : value;
      case BYTES -> Math.rint(value);
      case NONE, NATS, BITS_PER_BYTE, SHARE -> value;
    };
  }
}
