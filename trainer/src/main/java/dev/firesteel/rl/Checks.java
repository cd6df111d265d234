package dev.firesteel.rl;

import dev.firesteel.loss.TokenGroups;

/** Requirements on arguments. */
final class Checks {
  private Checks() {}

  static void tokens(String name, double[] ofTokens, TokenGroups tokens) {
    size(name, ofTokens.length, tokens.size());
  }

  static void sequences(String name, double[] ofSequences, TokenGroups tokens) {
    size(name, ofSequences.length, tokens.count());
  }

  static void size(String name, int got, int required) {
    if (got != required) {
      throw new IllegalArgumentException(
          "rl: " + name + " must have " + required + " elements, got " + got);
    }
  }

  static double positive(String name, double value) {
    if (!(value > 0) || Double.isInfinite(value)) {
      throw new IllegalArgumentException(
          "rl: " + name + " must be positive and finite, got " + value);
    }
    return value;
  }

  static double notNegative(String name, double value) {
    if (!(value >= 0) || Double.isInfinite(value)) {
      throw new IllegalArgumentException(
          "rl: " + name + " must be finite and not negative, got " + value);
    }
    return value;
  }

  static double share(String name, double value) {
    if (!(value >= 0 && value <= 1)) {
      throw new IllegalArgumentException("rl: " + name + " must be in [0, 1], got " + value);
    }
    return value;
  }
}
