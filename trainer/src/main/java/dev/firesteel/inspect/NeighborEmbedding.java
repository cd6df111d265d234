package dev.firesteel.inspect;

import tagbio.umap.Umap;

/**
 * UMAP (McInnes, Healy and Melville, arXiv:1802.03426): places on a plane such that near rows stay
 * near. Computed by tag-bio's umap-java, a port of its authors' umap-learn, from random places.
 *
 * <p>Rows are compared by their directions from the mean, {@code |a - b|^2 = 2 - 2 cos}: the length
 * of an embedding says more about the frequency of its token than about its meaning.
 */
final class NeighborEmbedding {
  /** Neighbours of a row that are kept together; fewer rows have fewer. */
  static final int NEIGHBORS = 15;

  /**
   * Of places, relative to the spread of a group: five times the usual one leaves room for texts.
   */
  private static final float LEAST_DISTANCE = 0.5f;

  private static final long SEED = 1;

  private NeighborEmbedding() {}

  /**
   * Places rows on a plane. The result is a function of the rows, to the bit.
   *
   * @param rows [n, c], n at least 3; unchanged
   * @return [n, 2]
   */
  static double[][] of(double[][] rows) {
    double[][] directions = directions(rows);
    Umap umap =
        new Umap()
            .setNumberComponents(2)
            .setNumberNearestNeighbours(Math.min(NEIGHBORS, rows.length - 1))
            .setMinDist(LEAST_DISTANCE)
            .setSeed(SEED)
            .setThreads(1); // more of them change places in any order
    return umap.fitTransform(directions);
  }

  /** The rows less their mean, at length 1; a row that is the mean stays 0. */
  private static double[][] directions(double[][] rows) {
    int width = rows[0].length;
    double[] mean = new double[width];
    for (double[] row : rows) {
      for (int j = 0; j < width; j++) {
        mean[j] += row[j] / rows.length;
      }
    }
    double[][] directions = new double[rows.length][width];
    for (int i = 0; i < rows.length; i++) {
      double squares = 0;
      for (int j = 0; j < width; j++) {
        directions[i][j] = rows[i][j] - mean[j];
        squares += directions[i][j] * directions[i][j];
      }
      double norm = squares == 0 ? 1 : Math.sqrt(squares);
      for (int j = 0; j < width; j++) {
        directions[i][j] /= norm;
      }
    }
    return directions;
  }
}
