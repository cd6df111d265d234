package dev.firesteel.backend.cpu;

import static org.bytedeco.dnnl.global.dnnl.dnnl_stream_destroy;

import java.nio.FloatBuffer;
import java.util.EnumMap;
import java.util.Map;
import org.bytedeco.dnnl.dnnl_stream;

/** State for computing in bf16 on one thread of the worker pool. Used by that thread only. */
final class Bf16Worker implements AutoCloseable {
  /** Elements that are converted at a time: both buffers stay in the first-level cache. */
  static final int STRIP = 4096;

  /** The purpose of a block of native memory. */
  enum Block {
    /** Scratch memory for oneDNN. */
    SCRATCHPAD,
    /** Attention: operands. */
    QUERIES,
    KEYS,
    VALUES,
    OUTPUT_GRADIENTS,
    PROBABILITIES,
    SCORE_GRADIENTS,
    /** Attention: float32 sums. */
    KEY_GRADIENTS,
    VALUE_GRADIENTS
  }

  private final int index;
  private final NativePool pool;
  private final dnnl_stream stream;
  private final NativeBlock tile;
  private final Map<Block, NativeBlock> blocks = new EnumMap<>(Block.class);
  final short[] shorts = new short[STRIP];
  final float[] floats = new float[STRIP];

  Bf16Worker(int index, OneDnn dnnl, NativePool pool) {
    this.index = index;
    this.pool = pool;
    this.stream = dnnl.stream();
    this.tile = pool.take((long) Bf16Gemm.TILE_ROWS * Bf16Gemm.MOST_TILE_COLUMNS * Float.BYTES);
  }

  int index() {
    return index;
  }

  dnnl_stream stream() {
    return stream;
  }

  /** Receives the results of matmuls. */
  FloatBuffer tile() {
    return tile.floats();
  }

  long tileAddress() {
    return tile.address();
  }

  /**
   * Memory for a purpose, with undefined content; a larger size than before allocates a new block.
   */
  NativeBlock block(Block purpose, long bytes) {
    NativeBlock block = blocks.get(purpose);
    if (block == null || block.bytes() < bytes) {
      if (block != null) {
        pool.giveBack(block);
      }
      block = pool.take(bytes);
      blocks.put(purpose, block);
    }
    return block;
  }

  /** Native blocks that this worker holds. */
  int heldBlocks() {
    return 1 + blocks.size();
  }

  /** Bytes of these blocks. */
  long heldBytes() {
    return tile.bytes() + blocks.values().stream().mapToLong(NativeBlock::bytes).sum();
  }

  @Override
  public void close() {
    pool.giveBack(tile);
    blocks.values().forEach(pool::giveBack);
    OneDnn.check(dnnl_stream_destroy(stream), "dnnl_stream_destroy");
  }
}
