package dev.firesteel.inspect;

import dev.firesteel.error.UserException;
import dev.firesteel.train.HtmlPage;
import java.util.Locale;

/** How embeddings, rows of a matrix, become places on a page. */
public enum EmbeddingMap {
  /** Their first two principal components. */
  PCA {
    @Override
    Places place(double[][] rows) {
      PrincipalComponents components = PrincipalComponents.of(rows, 2);
      return new Places(
          components.scores(),
          new HtmlPage.Fact(
              "variance on the two axes",
              String.format(
                  Locale.ROOT,
                  "%.1f %% and %.1f %%",
                  100 * components.share(0),
                  100 * components.share(1))),
          "The first two principal components: the directions in which these embeddings vary most."
              + " Tokens that are near each other here may be far apart on the other axes.");
    }
  },

  /** UMAP: neighbours stay neighbours. */
  UMAP {
    @Override
    Places place(double[][] rows) {
      return new Places(
          NeighborEmbedding.of(rows),
          new HtmlPage.Fact("map", "UMAP, %d neighbours".formatted(NeighborEmbedding.NEIGHBORS)),
          "UMAP: tokens are near each other whose embeddings have a similar direction. The axes mean"
              + " nothing, nor do the sizes of groups and the distances between them.");
    }
  };

  /** The map of an option's value, {@code pca} or {@code umap}. */
  public static EmbeddingMap of(String name) {
    return switch (name) {
      case "pca" -> PCA;
      case "umap" -> UMAP;
      default -> throw UserException.usage("--map must be pca or umap, got %s".formatted(name));
    };
  }

  /**
   * Places rows on a plane.
   *
   * @param rows [n, c], changed in place
   */
  abstract Places place(double[][] rows);

  /** Places [n, 2], and what the page says about them. */
  static final class Places {
    private final double[][] coordinates;
    private final HtmlPage.Fact fact;
    private final String explanation;

    private Places(double[][] coordinates, HtmlPage.Fact fact, String explanation) {
      this.coordinates = coordinates;
      this.fact = fact;
      this.explanation = explanation;
    }

    int count() {
      return coordinates.length;
    }

    double x(int row) {
      return coordinates[row][0];
    }

    double y(int row) {
      return coordinates[row][1];
    }

    HtmlPage.Fact fact() {
      return fact;
    }

    String explanation() {
      return explanation;
    }
  }
}
