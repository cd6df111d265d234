package dev.firesteel.scaling;

/** A function with a gradient, to be minimized. */
interface SmoothFunction {
  /** Number of arguments. */
  int arguments();

  /**
   * The value at a point.
   *
   * @param x the point
   * @param gradient receives the derivatives by each argument
   */
  double value(double[] x, double[] gradient);
}
