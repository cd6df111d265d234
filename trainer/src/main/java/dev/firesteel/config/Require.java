package dev.firesteel.config;

import dev.firesteel.error.UserException;

/**
 * Validation of record components: each message names the key, what is required and what was given.
 */
final class Require {
  private Require() {}

  static void atLeast(String key, long value, long least) {
    if (value < least) {
      throw UserException.usage(key + " must be at least " + least + ", got " + value);
    }
  }

  static void positive(String key, double value) {
    if (!(value > 0) || Double.isInfinite(value)) {
      throw UserException.usage(key + " must be greater than 0, got " + value);
    }
  }

  static void notNegative(String key, double value) {
    if (!(value >= 0) || Double.isInfinite(value)) {
      throw UserException.usage(key + " must be at least 0, got " + value);
    }
  }

  /** {@code 0 <= value < 1}: a probability other than 1, or a moment's decay rate. */
  static void fraction(String key, double value) {
    if (!(value >= 0 && value < 1)) {
      throw UserException.usage(key + " must be at least 0 and less than 1, got " + value);
    }
  }

  static void upToOne(String key, double value) {
    if (!(value >= 0 && value <= 1)) {
      throw UserException.usage(key + " must be between 0 and 1, got " + value);
    }
  }

  static void that(boolean condition, String message) {
    if (!condition) {
      throw UserException.usage(message);
    }
  }
}
