package dev.firesteel.scaling;

/** Solves systems of two or three equations, inside loops that make millions of them. */
final class SmallLinearSystem {
  private SmallLinearSystem() {}

  /**
   * Gauss's elimination with a choice of the row.
   *
   * @param rows n rows of n coefficients and the right side; overwritten
   * @return the unknowns; not finite if the system has no single solution
   */
  static double[] solve(double[][] rows) {
    int n = rows.length;
    for (int column = 0; column < n; column++) {
      int pivot = column;
      for (int row = column + 1; row < n; row++) {
        pivot = Math.abs(rows[row][column]) > Math.abs(rows[pivot][column]) ? row : pivot;
      }
      double[] swapped = rows[column];
      rows[column] = rows[pivot];
      rows[pivot] = swapped;
      for (int row = column + 1; row < n; row++) {
        double factor = rows[row][column] / rows[column][column];
        for (int k = column; k <= n; k++) {
          rows[row][k] -= factor * rows[column][k];
        }
      }
    }
    double[] x = new double[n];
    for (int row = n - 1; row >= 0; row--) {
      double sum = rows[row][n];
      for (int k = row + 1; k < n; k++) {
        sum -= rows[row][k] * x[k];
      }
      x[row] = sum / rows[row][row];
    }
    return x;
  }
}
