package dev.firesteel.backend.opencl;

/**
 * The kinds of matmul in {@link DeviceKernel}, by the number of results that a group computes. All
 * are bit-identical; which one is fastest depends on the matmul and the device.
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

  /** Number of groups for {@code batch} matmuls with results of [rows, columns]. */
  int groups(int batch, int rows, int columns) {
    return Math.multiplyExact(batch, Math.multiplyExact(tiles(rows), tiles(columns)));
  }

  private int tiles(int size) {
    return (size + side - 1) / side;
  }
}
