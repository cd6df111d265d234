package dev.firesteel.backend.opencl;

/**
 * The kinds of matrix products in {@link DeviceKernel}: how many results a group computes. All give
 * the same bits; which one is fastest depends on the product and on the device.
 */
public enum ProductTile {
  SMALL(DeviceKernel.SMALL_PRODUCT, DeviceKernel.SMALL_TILE),
  MEDIUM(DeviceKernel.PRODUCT, DeviceKernel.TILE),
  LARGE(DeviceKernel.LARGE_PRODUCT, DeviceKernel.LARGE_TILE);

  private final int op;
  private final int side;

  ProductTile(int op, int side) {
    this.op = op;
    this.side = side;
  }

  /** The kernel's operation. */
  int op() {
    return op;
  }

  /** Rows, and columns, of one group's results. */
  public int side() {
    return side;
  }

  /** Groups of {@code batch} products with results of [rows, columns]. */
  int groups(int batch, int rows, int columns) {
    return Math.multiplyExact(batch, Math.multiplyExact(tiles(rows), tiles(columns)));
  }

  private int tiles(int size) {
    return (size + side - 1) / side;
  }
}
