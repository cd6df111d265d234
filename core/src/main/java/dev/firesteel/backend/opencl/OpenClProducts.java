package dev.firesteel.backend.opencl;

import static dev.firesteel.backend.opencl.Launcher.size;

import dev.firesteel.array.NdArray;
import dev.firesteel.backend.Activation;
import dev.firesteel.backend.Backend.Write;
import dev.firesteel.backend.IdChecks;
import dev.firesteel.backend.ProductKernels;
import java.util.Arrays;

/** Matmuls in tiles of the size that is fastest on the device, and lookup of rows by id. */
final class OpenClProducts implements ProductKernels {
  private final Launcher launcher;
  private final DeviceKernel kernel;
  private ProductTiles tiles = ProductTiles.FIXED;

  OpenClProducts(Launcher launcher) {
    this.launcher = launcher;
    kernel = launcher.kernel();
  }

  /** Sets the tiles for matmuls; results do not depend on them. */
  void use(ProductTiles choice) {
    tiles = choice;
  }

  /** The tiles used for matmuls. */
  ProductTiles tiles() {
    return tiles;
  }

  @Override
  public void linear(
      NdArray x, NdArray w, NdArray bias, Activation f, NdArray preActivation, NdArray out) {
    int inner = w.shape().dim(1);
    launcher.result(0, out);
    launcher.operand(1, x);
    launcher.operand(2, w);
    if (bias != null) {
      launcher.operand(3, bias);
    }
    if (preActivation != null) {
      launcher.result(4, preActivation);
    }
    launcher.activation(f);
    product(x.shape().rows(), w.shape().dim(0), inner, inner, 1, 1, inner);
  }

  @Override
  public void linearBackwardInput(NdArray dy, NdArray w, NdArray dx, Write write) {
    int columns = w.shape().dim(0);
    int inner = w.shape().dim(1);
    launcher.result(0, dx, write);
    launcher.operand(1, dy);
    launcher.operand(2, w);
    product(dy.shape().rows(), inner, columns, columns, 1, inner, 1);
  }

  @Override
  public void linearBackwardWeight(NdArray dy, NdArray x, NdArray dw, Write write) {
    int columns = dw.shape().dim(0);
    int inner = dw.shape().dim(1);
    launcher.result(0, dw, write);
    launcher.operand(1, dy);
    launcher.operand(2, x);
    product(columns, inner, dy.shape().rows(), 1, columns, inner, 1);
  }

  @Override
  public void matmul(
      NdArray a, boolean transposeA, NdArray b, boolean transposeB, NdArray out, Write write) {
    int rows = out.shape().dim(-2);
    int columns = out.shape().dim(-1);
    int inner = a.shape().dim(transposeA ? -2 : -1);
    int batch = rows * columns == 0 ? 0 : size(out) / (rows * columns);
    launcher.result(0, out, write);
    launcher.operand(1, a);
    launcher.operand(2, b);
    launcher.sizes(
        rows,
        columns,
        inner,
        transposeA ? 1 : inner,
        transposeA ? rows : 1,
        transposeB ? 1 : columns,
        transposeB ? inner : 1,
        rows * inner,
        inner * columns,
        columns);
    launchProduct(batch, rows, columns);
  }

  /** One matmul of the operands that are set, with a contiguous result. */
  void product(
      int rows, int columns, int inner, int leftRow, int leftInner, int rightInner, int rightRow) {
    launcher.sizes(rows, columns, inner, leftRow, leftInner, rightInner, rightRow, 0, 0, columns);
    launchProduct(1, rows, columns);
  }

  private void launchProduct(int batch, int rows, int columns) {
    ProductTile tile = tiles.of(ProductShape.of(batch, rows, columns));
    launcher.launch(tile.op(), tile.groups(batch, rows, columns));
  }

  @Override
  public void embedding(NdArray ids, NdArray table, NdArray out) {
    int width = table.shape().dim(1);
    int at = DeviceIntegers.at(ids);
    IdChecks.requireRows(kernel.integers, at, size(ids), table.shape().dim(0));
    launcher.result(0, out);
    launcher.operand(1, table);
    launcher.elementwise(DeviceKernel.EMBEDDING, size(out), width, at);
  }

  @Override
  public void embeddingBackward(NdArray ids, NdArray dy, NdArray dTable) {
    int width = dTable.shape().dim(1);
    int count = size(ids);
    if (count == 0) {
      return;
    }
    int at = DeviceIntegers.at(ids);
    // An id and the position of one of its rows; sorted, rows of equal id are in index order.
    long[] sorted = new long[count];
    for (int i = 0; i < count; i++) {
      sorted[i] = ((long) kernel.integers[at + i] << 32) | i;
    }
    Arrays.sort(sorted);
    DeviceIntegers entries = launcher.allocateIntegers(2L * count + 2);
    DeviceIntegers positions = launcher.allocateIntegers(count);
    int distinct = 0;
    for (int i = 0; i < count; i++) {
      int id = (int) (sorted[i] >>> 32);
      if (i == 0 || id != (int) (sorted[i - 1] >>> 32)) {
        kernel.integers[entries.offset() + 2 * distinct] = id;
        kernel.integers[entries.offset() + 2 * distinct + 1] = i;
        distinct++;
      }
      kernel.integers[positions.offset() + i] = (int) sorted[i];
    }
    kernel.integers[entries.offset() + 2 * distinct + 1] = count;
    launcher.integersChanged();
    launcher.result(0, dTable);
    launcher.operand(1, dy);
    launcher.sizes(distinct * width, width, entries.offset(), distinct, positions.offset());
    launcher.launchOver(DeviceKernel.EMBEDDING_BACKWARD, distinct * width);
    launcher.free(entries);
    launcher.free(positions);
  }
}
