package dev.firesteel.inspect;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.Test;

class NeighborEmbeddingTest {
  private static final int GROUPS = 4;
  private static final int WIDTH = 12;

  @Test
  void rowsOfSimilarDirectionAreNeighboursOnThePlane() {
    int count = 160;
    double[][] places = NeighborEmbedding.of(rows(count));

    assertThat(places).hasDimensions(count, 2);
    int inTheGroup = 0;
    for (int i = 0; i < count; i++) {
      inTheGroup += nearest(places, i) % GROUPS == i % GROUPS ? 1 : 0;
    }
    assertThat(inTheGroup).isEqualTo(count);
  }

  @Test
  void thePlacesAreAFunctionOfTheRowsAlone() throws Exception {
    double[][] first = NeighborEmbedding.of(rows(110));
    NeighborEmbedding.of(rows(100));
    ExecutorService other = Executors.newSingleThreadExecutor();
    try {
      assertThat(other.submit(() -> NeighborEmbedding.of(rows(110))).get()).isDeepEqualTo(first);
    } finally {
      other.shutdown();
    }
  }

  @Test
  void fewRowsAndEqualOnesHavePlaces() {
    for (int count = 3; count < 20; count++) {
      assertFinite(NeighborEmbedding.of(rows(count)));
      assertFinite(NeighborEmbedding.of(new double[count][WIDTH]));
    }
  }

  private static void assertFinite(double[][] places) {
    for (double[] place : places) {
      assertThat(place).hasSize(2).satisfies(at -> assertThat(at[0] + at[1]).isFinite());
    }
  }

  /** Row i is near the direction of group i mod 4, at any length. */
  private static double[][] rows(int count) {
    Random random = new Random(5);
    double[][] rows = new double[count][WIDTH];
    for (int i = 0; i < count; i++) {
      double length = 0.5 + 3 * random.nextDouble();
      for (int j = 0; j < WIDTH; j++) {
        rows[i][j] = length * ((j % GROUPS == i % GROUPS ? 1 : 0) + 0.15 * random.nextGaussian());
      }
    }
    return rows;
  }

  private static int nearest(double[][] places, int of) {
    int nearest = -1;
    double least = Double.POSITIVE_INFINITY;
    for (int i = 0; i < places.length; i++) {
      double distance = Math.hypot(places[i][0] - places[of][0], places[i][1] - places[of][1]);
      if (i != of && distance < least) {
        least = distance;
        nearest = i;
      }
    }
    return nearest;
  }
}
