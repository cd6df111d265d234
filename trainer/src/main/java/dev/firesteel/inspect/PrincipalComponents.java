package dev.firesteel.inspect;

import org.apache.commons.math3.linear.Array2DRowRealMatrix;
import org.apache.commons.math3.linear.SingularValueDecomposition;

/**
 * Principal component analysis (Pearson 1901): rows x, centred, are {@code U S V^T}; the scores of
 * a row on the components of most variance are its elements of {@code U S}.
 */
final class PrincipalComponents {
  private final double[][] scores;
  private final double[] shares;

  private PrincipalComponents(double[][] scores, double[] shares) {
    this.scores = scores;
    this.shares = shares;
  }

  /**
   * Analyses rows, which are centred in place.
   *
   * @param rows [n, c], n and c at least {@code components}
   */
  static PrincipalComponents of(double[][] rows, int components) {
    int width = rows[0].length;
    for (int j = 0; j < width; j++) {
      double mean = 0;
      for (double[] row : rows) {
        mean += row[j] / rows.length;
      }
      for (double[] row : rows) {
        row[j] -= mean;
      }
    }
    var decomposition = new SingularValueDecomposition(new Array2DRowRealMatrix(rows, false));
    double[] values = decomposition.getSingularValues(); // in descending order
    double variance = 0;
    for (double value : values) {
      variance += value * value;
    }
    double[][] scores = new double[rows.length][components];
    double[] shares = new double[components];
    for (int component = 0; component < components; component++) {
      double[] column = decomposition.getU().getColumn(component);
      double sign = sign(column);
      for (int i = 0; i < rows.length; i++) {
        scores[i][component] = sign * column[i] * values[component];
      }
      shares[component] = variance == 0 ? 0 : values[component] * values[component] / variance;
    }
    return new PrincipalComponents(scores, shares);
  }

  /** The sign is free: the element of the largest magnitude becomes positive. */
  private static double sign(double... column) {
    double largest = 0;
    for (double each : column) {
      largest = Math.abs(each) > Math.abs(largest) ? each : largest;
    }
    return largest < 0 ? -1 : 1;
  }

  /** The scores of the rows on the components, [n, components], the one of most variance first. */
  double[][] scores() {
    return scores;
  }

  /** The share of the variance that is along a component. */
  double share(int component) {
    return shares[component];
  }
}
