package dev.firesteel.plan;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What the kernels of a backend keep for themselves, from the products that they are asked for. The
 * rules are those of {@code backend.cpu} and {@code backend.opencl}; {@code PlannedMemoryTest}
 * holds those of the first against the heap that training takes.
 */
abstract class Workspace {
  static final int TILE_COLUMNS = 32;
  private static final int REDUCTION_ROWS = 64;
  private static final int ATTENTION_PANEL = 64;

  /** A thread's panels of left operands, edges and rows. */
  private static final long THREAD_BYTES = 1 << 18;

  private long reductionFloats;
  private long attentionFloats;

  /** Row-wise sums of [rows, columns]. */
  void reduceRows(long rows, long columns) {
    reductionFloats = Math.max(reductionFloats, ceilDiv(rows, REDUCTION_ROWS) * columns);
  }

  /**
   * Attention over T tokens with heads of width K: keys, values and their gradients in panels, and
   * two blocks of scores.
   */
  void attend(long tokens, long width) {
    long panels = tokens * roundUp(width, ATTENTION_PANEL);
    attentionFloats = Math.max(attentionFloats, 4 * panels + 2 * tokens * ATTENTION_PANEL);
  }

  /**
   * {@code x [rows, K] w^T} for w [N, K], which begins at {@code offset} of the weights. Nothing is
   * kept for products unless a backend says so.
   */
  void linear(long rows, long n, long k, long offset) {}

  void linearBackwardInput(long rows, long n, long k) {}

  void linearBackwardWeight(long rows, long n, long k) {}

  /** The head [V, C] with the loss of [rows, C]. */
  abstract void head(long rows, long vocabulary, long width, long offset);

  abstract List<MemoryPart> parts(Heap heap);

  /** What each of {@code threads} keeps, and the sums over rows. */
  MemoryPart scratch(Heap heap, int threads) {
    return new MemoryPart(
        "scratch of " + threads + (threads == 1 ? " thread" : " threads"),
        threads * (THREAD_BYTES + attentionFloats * Float.BYTES) + floats(heap, reductionFloats),
        0);
  }

  static long floats(Heap heap, long count) {
    return heap.arrayBytes(count * Float.BYTES);
  }

  static long roundUp(long value, long multiple) {
    return ceilDiv(value, multiple) * multiple;
  }

  private static long ceilDiv(long value, long divisor) {
    return (value + divisor - 1) / divisor;
  }

  /** Of plain loops: nothing. */
  static final class None extends Workspace {
    @Override
    void head(long rows, long vocabulary, long width, long offset) {}

    @Override
    List<MemoryPart> parts(Heap heap) {
      return List.of();
    }
  }

  /** On an OpenCL device: the logits by chunk, sums over rows; nothing for each thread. */
  static final class OpenCl extends Workspace {
    private static final int HEAD_ROWS = 512;

    private long logits;

    @Override
    void head(long rows, long vocabulary, long width, long offset) {
      logits = Math.max(logits, Math.min(rows, HEAD_ROWS) * vocabulary);
    }

    @Override
    List<MemoryPart> parts(Heap heap) {
      return List.of(new MemoryPart("logits of one chunk", floats(heap, logits), 0));
    }

    @Override
    MemoryPart scratch(Heap heap, int threads) {
      return super.scratch(heap, 0);
    }
  }

  /** Each weight once in panels, one operand of the present product in panels, logits by chunk. */
  static final class Fp32 extends Workspace {
    private static final int HEAD_ROWS = 512;
    private static final int LOGITS_MULTIPLE = 16;
    private static final int MAX_TASK_COLUMNS = 1024;
    private static final int SHARED_ROWS = 256;
    private static final int MAX_SHARED_SIZE = 1 << 22;

    private final Map<Long, Long> packedWeights = new LinkedHashMap<>();
    private long panels;
    private long sharedRows;
    private long headPanels;
    private long logits;

    @Override
    void linear(long rows, long n, long k, long offset) {
      packedWeights.put(offset, panels(k, n));
      multiply(rows, n, k);
    }

    @Override
    void linearBackwardInput(long rows, long n, long k) {
      panels = Math.max(panels, panels(n, k));
      multiply(rows, k, n);
    }

    @Override
    void linearBackwardWeight(long rows, long n, long k) {
      panels = Math.max(panels, panels(rows, k));
      multiply(n, k, rows);
    }

    /** Rows of a left operand [rows, depth] that tasks share, where the result is wide. */
    private void multiply(long rows, long columns, long depth) {
      if (columns > MAX_TASK_COLUMNS) {
        long most = MAX_SHARED_SIZE / depth / SHARED_ROWS * SHARED_ROWS;
        long slab = Math.min(rows, Math.max(SHARED_ROWS, most));
        sharedRows = Math.max(sharedRows, slab * depth);
      }
    }

    @Override
    void head(long rows, long vocabulary, long width, long offset) {
      linear(Math.min(rows, HEAD_ROWS), vocabulary, width, offset);
      headPanels = panels(vocabulary, width);
      long chunk = Math.min(rows, HEAD_ROWS);
      logits = Math.max(logits, chunk * roundUp(vocabulary, LOGITS_MULTIPLE));
      linearBackwardWeight(chunk, vocabulary, width);
    }

    private static long panels(long depth, long columns) {
      return depth * roundUp(columns, TILE_COLUMNS);
    }

    @Override
    List<MemoryPart> parts(Heap heap) {
      long weights = packedWeights.values().stream().mapToLong(size -> floats(heap, size)).sum();
      return List.of(
          new MemoryPart("packed weights", weights + floats(heap, headPanels), 0),
          new MemoryPart(
              "packed operands of a product", floats(heap, panels) + floats(heap, sharedRows), 0),
          new MemoryPart("logits of one chunk", floats(heap, logits), 0));
    }
  }

  /** The logits by chunk; the rest is native (see {@link Bf16Copies}). */
  static final class Bf16 extends Workspace {
    private static final long HEAD_LOGITS = 1 << 25;
    private static final int TILE_ROWS = 256;

    private long logits;

    @Override
    void head(long rows, long vocabulary, long width, long offset) {
      long stride = roundUp(vocabulary, TILE_COLUMNS);
      long most = Math.max(1, HEAD_LOGITS / stride / TILE_ROWS) * TILE_ROWS;
      logits = Math.max(logits, Math.min(rows, most) * stride);
    }

    @Override
    List<MemoryPart> parts(Heap heap) {
      return List.of(
          new MemoryPart("logits of one chunk", floats(heap, logits), logits * Short.BYTES));
    }
  }
}
