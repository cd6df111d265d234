package dev.firesteel.loss;

/** Requirements on arguments. */
final class Checks {
  private Checks() {}

  static void size(String name, double[] array, int size) {
    if (array.length != size) {
      throw new IllegalArgumentException(
          "loss: " + name + " must have " + size + " elements, got " + array.length);
    }
  }

  static double positive(String name, double value) {
    if (!(value > 0) || Double.isInfinite(value)) {
      throw new IllegalArgumentException(
          "loss: " + name + " must be positive and finite, got " + value);
    }
    return value;
  }

  static double notNegative(String name, double value) {
    if (!(value >= 0) || Double.isInfinite(value)) {
      throw new IllegalArgumentException(
          "loss: " + name + " must be finite and not negative, got " + value);
    }
    return value;
  }
}
