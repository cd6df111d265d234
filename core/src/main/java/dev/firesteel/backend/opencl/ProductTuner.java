package dev.firesteel.backend.opencl;

import dev.firesteel.array.DType;
import dev.firesteel.array.NdArray;
import dev.firesteel.array.Shape;
import dev.firesteel.backend.Backend.Write;
import java.util.EnumMap;
import java.util.Map;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Finds a device's fastest tile for each class of matmuls, by measuring all tiles on the class's
 * representative matmul. This takes a few seconds, so the choice is saved in a {@link TuningFile}.
 */
final class ProductTuner {
  private static final Logger LOG = LoggerFactory.getLogger(ProductTuner.class);

  /** Number of launches of each, of which the fastest counts; preceded by a warm-up launch. */
  private static final int ROUNDS = 3;

  /** If a device exceeds this time, the remaining measurements are skipped. */
  private static final long ENOUGH_NANOS = 500_000_000;

  private ProductTuner() {}

  /** Times a tile on the representative matmul of a class. */
  @FunctionalInterface
  interface Stopwatch {
    double seconds(ProductShape shape, ProductTile tile);
  }

  /** The choice of an earlier run, or else that of a measurement now. */
  static ProductTiles tiles(TuningFile file, String device, Stopwatch stopwatch) {
    Optional<ProductTiles> known = file.read();
    if (known.isPresent()) {
      return known.get();
    }
    LOG.info("Measuring matmuls on {}, once for this device and driver", device);
    ProductTiles tiles = fastest(stopwatch);
    LOG.info("Fastest tiles on {}: {}", device, tiles);
    file.write(tiles);
    return tiles;
  }

  static ProductTiles fastest(Stopwatch stopwatch) {
    Map<ProductShape, ProductTile> tiles = new EnumMap<>(ProductShape.class);
    for (ProductShape shape : ProductShape.values()) {
      double least = Double.POSITIVE_INFINITY;
      for (ProductTile tile : ProductTile.values()) {
        double seconds = stopwatch.seconds(shape, tile);
        LOG.debug("{} products with tile {}: {} s", shape, tile.side(), seconds);
        if (seconds < least) {
          least = seconds;
          tiles.put(shape, tile);
        }
      }
    }
    return new ProductTiles(tiles);
  }

  /**
   * Seconds of a layer's three matmuls with the result of a class: forward, for the input's
   * gradient, and for the weight's.
   */
  static double seconds(OpenClBackend backend, ProductShape shape, ProductTile tile) {
    int rows = shape.rows();
    int inner = shape.inner();
    int columns = shape.columns();
    NdArray left = ones(backend, rows * inner);
    NdArray right = ones(backend, inner * columns);
    NdArray out = ones(backend, rows * columns).reshape(Shape.of(rows, columns));
    NdArray leftAcross = left.reshape(Shape.of(rows, inner));
    NdArray leftDown = left.reshape(Shape.of(inner, rows));
    NdArray rightAcross = right.reshape(Shape.of(inner, columns));
    NdArray rightDown = right.reshape(Shape.of(columns, inner));
    backend.use(ProductTiles.all(tile));
    double seconds =
        least(() -> backend.products().matmul(leftAcross, false, rightDown, true, out, Write.SET))
            + least(
                () ->
                    backend
                        .products()
                        .matmul(leftAcross, false, rightAcross, false, out, Write.SET))
            + least(
                () ->
                    backend.products().matmul(leftDown, true, rightAcross, false, out, Write.SET));
    for (NdArray array : new NdArray[] {left, right, out}) {
      backend.free(array.storage());
    }
    return seconds;
  }

  private static double least(Runnable product) {
    product.run();
    long least = Long.MAX_VALUE;
    long spent = 0;
    for (int round = 0; round < ROUNDS && spent < ENOUGH_NANOS; round++) {
      long start = System.nanoTime();
      product.run();
      long nanos = System.nanoTime() - start;
      least = Math.min(least, nanos);
      spent += nanos;
    }
    return least * 1e-9;
  }

  private static NdArray ones(OpenClBackend backend, int size) {
    NdArray array = new NdArray(backend.allocate(DType.F32, size), 0, Shape.of(size));
    backend.fill(array, 1);
    return array;
  }
}
