package dev.firesteel.backend.cpu;

import static org.bytedeco.dnnl.global.dnnl.dnnl_stream_destroy;

import java.nio.FloatBuffer;
import org.bytedeco.dnnl.dnnl_stream;

/** What one thread of the worker pool needs to compute in bf16. Used by that thread only. */
final class Bf16Worker implements AutoCloseable {
  /** Elements that are converted at a time: both buffers stay in the first-level cache. */
  static final int STRIP = 4096;

  /** Native blocks that a worker holds from its first tile on. */
  static final int BLOCKS = 2;

  private final int index;
  private final NativePool pool;
  private final dnnl_stream stream;
  private final NativeBlock tile;
  private NativeBlock scratchpad;
  final short[] shorts = new short[STRIP];
  final float[] floats = new float[STRIP];

  Bf16Worker(int index, OneDnn dnnl, NativePool pool) {
    this.index = index;
    this.pool = pool;
    this.stream = dnnl.stream();
    this.tile = pool.take((long) Bf16Gemm.TILE_ROWS * Bf16Gemm.TILE_COLUMNS * Float.BYTES);
    this.scratchpad = pool.take(1);
  }

  int index() {
    return index;
  }

  dnnl_stream stream() {
    return stream;
  }

  /** Where products leave their result. */
  FloatBuffer tile() {
    return tile.floats();
  }

  long tileAddress() {
    return tile.address();
  }

  /** Memory for a product's intermediate values. */
  long scratchpadAddress(long bytes) {
    if (scratchpad.bytes() < bytes) {
      pool.giveBack(scratchpad);
      scratchpad = pool.take(bytes);
    }
    return scratchpad.address();
  }

  @Override
  public void close() {
    pool.giveBack(tile);
    pool.giveBack(scratchpad);
    OneDnn.check(dnnl_stream_destroy(stream), "dnnl_stream_destroy");
  }
}
