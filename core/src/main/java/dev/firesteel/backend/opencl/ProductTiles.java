package dev.firesteel.backend.opencl;

import java.util.Collections;
import java.util.EnumMap;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;

/** A tile for each class of matmuls. */
public final class ProductTiles {
  /** The default without measurements: fastest on PoCL, and a compromise elsewhere. */
  static final ProductTiles FIXED =
      new ProductTiles(
          Map.of(
              ProductShape.THIN, ProductTile.SMALL,
              ProductShape.SMALL, ProductTile.MEDIUM,
              ProductShape.MEDIUM, ProductTile.MEDIUM,
              ProductShape.LARGE, ProductTile.MEDIUM));

  private final Map<ProductShape, ProductTile> tiles;

  /**
   * @throws IllegalArgumentException if a class has none
   */
  ProductTiles(Map<ProductShape, ProductTile> tiles) {
    this.tiles = Collections.unmodifiableMap(new EnumMap<>(tiles));
    if (tiles.size() < ProductShape.values().length) {
      throw new IllegalArgumentException("each class of matmuls needs a tile, got " + tiles);
    }
  }

  /** The same tile for all classes. */
  public static ProductTiles all(ProductTile tile) {
    Map<ProductShape, ProductTile> tiles = new EnumMap<>(ProductShape.class);
    for (ProductShape shape : ProductShape.values()) {
      tiles.put(shape, tile);
    }
    return new ProductTiles(tiles);
  }

  ProductTile of(ProductShape shape) {
    return tiles.get(shape);
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof ProductTiles that && tiles.equals(that.tiles);
  }

  @Override
  public int hashCode() {
    return tiles.hashCode();
  }

  /** As {@code thin 32, small 32, medium 64, large 128}. */
  @Override
  public String toString() {
    return tiles.entrySet().stream()
        .map(e -> e.getKey().name().toLowerCase(Locale.ROOT) + " " + e.getValue().side())
        .collect(Collectors.joining(", "));
  }
}
