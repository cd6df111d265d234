package dev.firesteel.backend.cpu;

import static dev.firesteel.backend.cpu.AttentionSimd.GROUP;
import static dev.firesteel.backend.cpu.AttentionSimd.PANEL;

import dev.firesteel.backend.cpu.Attention.Rows;
import dev.firesteel.backend.cpu.Bf16Kernel.Extent;
import dev.firesteel.backend.cpu.Bf16Worker.Block;
import dev.firesteel.backend.cpu.Worker.Scratch;
import java.nio.FloatBuffer;
import java.nio.ShortBuffer;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Function;

/**
 * {@link Attention} with matmuls of bf16 operands: queries (times the scale), keys, values, output
 * gradients, probabilities and score gradients are rounded; scores, softmax and all sums are
 * float32.
 *
 * <p>Blocks, scores {@code [key, query]} and softmax are those of {@link Attention}, on the heap;
 * matmuls are performed by oneDNN, on native copies padded with zero rows to whole blocks, so that
 * a few compiled shapes serve all lengths. Sums over more than {@value #CHUNK} keys are accumulated
 * in chunks of that size. A query's result does not depend on keys that none of its block's queries
 * sees.
 */
final class Bf16Attention implements HeadAttention, AutoCloseable {
  /** Maximum number of keys in one matmul. */
  private static final int CHUNK = 512;

  /** Maximum head width: a block of results is a worker's tile. */
  static final int MOST_WIDTH = Bf16Gemm.TILE_ROWS * Bf16Gemm.MOST_TILE_COLUMNS / PANEL;

  /** Rows of operands begin at a multiple of this: what one instruction multiplies of a row. */
  private static final int STRIDE_MULTIPLE = Bf16Twins.PADDING;

  private static final float[] ZEROS = new float[Bf16Worker.STRIP];

  private final OneDnn dnnl;
  private final int workers;
  private final Function<Worker, Bf16Worker> states;
  private final int width;
  private final int stride;
  private final Map<Extent, Bf16Kernel> compiled = new HashMap<>();

  /** By blocks of keys in the product, from 1: scores of a block of queries, [keys, queries]. */
  private final Bf16Kernel[] scores = new Bf16Kernel[CHUNK / PANEL + 1];

  /** Sums over keys, [queries, width], of the first chunk and of later ones. */
  private final Bf16Kernel[] sumsOverKeys = new Bf16Kernel[CHUNK / PANEL + 1];

  private final Bf16Kernel[] moreOverKeys = new Bf16Kernel[CHUNK / PANEL + 1];

  /** What a block of queries adds to sums over queries, [keys, width]. */
  private final Bf16Kernel[] sumsOverQueries = new Bf16Kernel[CHUNK / PANEL + 1];

  /**
   * @param states bf16 state of each worker
   * @param width of the heads, at most {@link #MOST_WIDTH}
   */
  Bf16Attention(OneDnn dnnl, int workers, Function<Worker, Bf16Worker> states, int width) {
    this.dnnl = dnnl;
    this.workers = workers;
    this.states = states;
    this.width = width;
    this.stride = Gemm.roundUp(width, STRIDE_MULTIPLE);
  }

  /**
   * Compiles the kernels for sequences of the given number of keys; must not be called while heads
   * are being computed.
   */
  Bf16Attention compiledFor(int keys) {
    for (int blocks = 1; blocks <= CHUNK / PANEL; blocks++) {
      int count = blocks * PANEL;
      if (count < keys + PANEL && scores[blocks] == null) {
        scores[blocks] = kernel(count, PANEL, width, false, stride, true, stride, PANEL, false);
        sumsOverKeys[blocks] =
            kernel(PANEL, width, count, true, PANEL, false, stride, width, false);
        sumsOverQueries[blocks] =
            kernel(count, width, PANEL, false, PANEL, false, stride, width, true);
      }
      if (CHUNK < keys && moreOverKeys[blocks] == null) {
        moreOverKeys[blocks] = kernel(PANEL, width, count, true, PANEL, false, stride, width, true);
      }
    }
    return this;
  }

  private Bf16Kernel kernel(
      int m, int n, int k, boolean ta, int sa, boolean tb, int sb, int sc, boolean add) {
    return compiled.computeIfAbsent(
        new Extent(m, n, k, ta, sa, tb, sb, sc, add),
        extent -> new Bf16Kernel(dnnl, extent, workers));
  }

  @Override
  public void forward(Worker worker, Head head, Rows out, float[] logSumExp, int logSumExpOffset) {
    Bf16Worker state = states.apply(worker);
    AttentionSimd simd = worker.simd().attention();
    int seen = head.ranges().endKey();
    int keyRows = Gemm.roundUp(seen, PANEL);
    NativeBlock keys = state.block(Block.KEYS, bytes(keyRows));
    NativeBlock values = state.block(Block.VALUES, bytes(keyRows));
    NativeBlock queries = state.block(Block.QUERIES, bytes(PANEL));
    NativeBlock probabilities =
        state.block(Block.PROBABILITIES, (long) Short.BYTES * keyRows * PANEL);
    round(worker, state, head.k(), 0, seen, 1f, keys);
    round(worker, state, head.v(), 0, seen, 1f, values);
    float[] block = worker.scratch(Scratch.SCORES, keyRows * PANEL);
    float[] maxima = worker.scratch(Scratch.FIRST, PANEL);
    float[] sums = worker.scratch(Scratch.SECOND, PANEL);
    float scale = (float) head.spec().scale();
    VisibleKeys visible = worker.visibleKeys();
    for (int start = 0; start < head.queries(); start += PANEL) {
      int rows = Math.min(PANEL, head.queries() - start);
      visible.set(head.ranges(), start, rows);
      int from = visible.first() - visible.first() % PANEL;
      int end = Gemm.roundUp(visible.end(), PANEL);
      round(worker, state, head.q(), start, rows, scale, queries);
      products(state, keys, queries, from, end, block);
      if (head.bias() != null) {
        Attention.addBias(head, head.bias(), start, rows, visible, block);
      }
      for (int group = 0; group < visible.groups(); group++) {
        int first = visible.first(group);
        visible.mask(block, group);
        int at = first * PANEL + group * GROUP;
        simd.exponentials(block, at, visible.end(group) - first, maxima, sums, group * GROUP);
      }
      visible.zeroOutside(block, from, end);
      round(worker, state, block, from * PANEL, end * PANEL, probabilities);
      sumOverKeys(state, probabilities, values, from, end);
      Attention.invert(sums, maxima, rows, logSumExp, logSumExpOffset + start);
      unpack(worker, state.tile(), 0, out, start, rows, sums);
    }
  }

  @Override
  public void backward(
      Worker worker,
      Head head,
      float[] logSumExp,
      int logSumExpOffset,
      Rows dOut,
      Rows dQ,
      Rows dK,
      Rows dV,
      Rows dBias) {
    Bf16Worker state = states.apply(worker);
    AttentionSimd simd = worker.simd().attention();
    int keyCount = head.keys();
    int keyRows = Gemm.roundUp(keyCount, PANEL);
    NativeBlock keys = state.block(Block.KEYS, bytes(keyRows));
    NativeBlock values = state.block(Block.VALUES, bytes(keyRows));
    NativeBlock queries = state.block(Block.QUERIES, bytes(PANEL));
    NativeBlock outGradients = state.block(Block.OUTPUT_GRADIENTS, bytes(PANEL));
    NativeBlock probabilities =
        state.block(Block.PROBABILITIES, (long) Short.BYTES * keyRows * PANEL);
    NativeBlock scoreGradients =
        state.block(Block.SCORE_GRADIENTS, (long) Short.BYTES * keyRows * PANEL);
    NativeBlock keyGradients =
        state.block(Block.KEY_GRADIENTS, (long) Float.BYTES * keyRows * width);
    NativeBlock valueGradients =
        state.block(Block.VALUE_GRADIENTS, (long) Float.BYTES * keyRows * width);
    round(worker, state, head.k(), 0, keyCount, 1f, keys);
    round(worker, state, head.v(), 0, keyCount, 1f, values);
    zero(keyGradients, keyRows * width);
    zero(valueGradients, keyRows * width);
    float[] block = worker.scratch(Scratch.SCORES, keyRows * PANEL);
    float[] gradients = worker.scratch(Scratch.SCORE_GRADIENTS, keyRows * PANEL);
    float[] logSums = worker.scratch(Scratch.FIRST, PANEL);
    float[] factors = worker.scratch(Scratch.SECOND, PANEL);
    float scale = (float) head.spec().scale();
    VisibleKeys visible = worker.visibleKeys();
    int heads = head.spec().heads() / head.spec().keyValueHeads();
    for (int h = 0; h < heads; h++) {
      Rows headQ = head.q().shifted(h * width);
      Rows headDOut = dOut.shifted(h * width);
      for (int start = 0; start < head.queries(); start += PANEL) {
        int rows = Math.min(PANEL, head.queries() - start);
        visible.set(head.ranges(), start, rows);
        int from = visible.first() - visible.first() % PANEL;
        int end = Gemm.roundUp(visible.end(), PANEL);
        round(worker, state, headQ, start, rows, scale, queries);
        products(state, keys, queries, from, end, block);
        if (head.bias() != null) {
          Attention.addBias(head, head.bias(h), start, rows, visible, block);
        }
        round(worker, state, headDOut, start, rows, 1f, outGradients);
        products(state, values, outGradients, from, end, gradients);
        int logSumAt = logSumExpOffset + h * head.queries() + start;
        System.arraycopy(logSumExp, logSumAt, logSums, 0, rows);
        Arrays.fill(logSums, rows, PANEL, 0f);
        for (int group = 0; group < visible.groups(); group++) {
          int first = visible.first(group);
          visible.mask(block, group);
          int at = first * PANEL + group * GROUP;
          simd.softmaxGradients(
              block, gradients, at, visible.end(group) - first, logSums, group * GROUP, 1f);
        }
        if (dBias != null) {
          Attention.addToBias(
              head,
              start,
              rows,
              visible,
              gradients,
              dBias.shifted(h * head.queries() * head.keys()));
        }
        visible.zeroOutside(block, from, end);
        visible.zeroOutside(gradients, from, end);
        round(worker, state, block, from * PANEL, end * PANEL, probabilities);
        round(worker, state, gradients, from * PANEL, end * PANEL, scoreGradients);
        sumOverQueries(state, probabilities, outGradients, from, end, valueGradients);
        sumOverQueries(state, scoreGradients, queries, from, end, keyGradients);
        sumOverKeys(state, scoreGradients, keys, from, end);
        Arrays.fill(factors, 0, rows, scale);
        unpack(worker, state.tile(), 0, dQ.shifted(h * width), start, rows, factors);
      }
    }
    Arrays.fill(factors, 0, PANEL, 1f);
    for (int start = 0; start < keyCount; start += PANEL) {
      int rows = Math.min(PANEL, keyCount - start);
      unpack(worker, keyGradients.floats(), start, dK, start, rows, factors);
      unpack(worker, valueGradients.floats(), start, dV, start, rows, factors);
    }
  }

  /** Of an operand's rows. */
  private long bytes(int rows) {
    return (long) Short.BYTES * rows * stride;
  }

  /** Rows as an operand, times a factor, with zero rows up to a whole block. */
  private void round(
      Worker worker,
      Bf16Worker state,
      Rows from,
      int start,
      int count,
      float factor,
      NativeBlock to) {
    ShortBuffer out = to.shorts();
    int strip = Bf16Worker.STRIP / stride;
    for (int r = 0; r < count; r += strip) {
      int rows = Math.min(strip, count - r);
      int at = from.offset() + (start + r) * from.stride();
      worker
          .simd()
          .toBf16(from.array(), at, from.stride(), rows, width, factor, state.shorts, 0, stride);
      out.put(r * stride, state.shorts, 0, rows * stride);
    }
    int padding = Gemm.roundUp(count, PANEL) - count;
    Arrays.fill(state.shorts, 0, Math.min(padding * stride, Bf16Worker.STRIP), (short) 0);
    for (int r = 0; r < padding; r += strip) {
      int rows = Math.min(strip, padding - r);
      out.put((count + r) * stride, state.shorts, 0, rows * stride);
    }
  }

  private static void round(
      Worker worker, Bf16Worker state, float[] from, int begin, int end, NativeBlock to) {
    ShortBuffer out = to.shorts();
    for (int i = begin; i < end; i += Bf16Worker.STRIP) {
      int length = Math.min(Bf16Worker.STRIP, end - i);
      worker.simd().toBf16(from, i, state.shorts, 0, length);
      out.put(i, state.shorts, 0, length);
    }
  }

  /** {@code to[key, query] = left[key] . right[query]} for a block of queries. */
  private void products(
      Bf16Worker state, NativeBlock left, NativeBlock right, int from, int end, float[] to) {
    for (int key = from; key < end; key += CHUNK) {
      int count = Math.min(CHUNK, end - key);
      scores[count / PANEL].execute(
          state, left.address() + bytes(key), right.address(), state.tileAddress());
      state.tile().get(0, to, key * PANEL, count * PANEL);
    }
  }

  /**
   * The worker's tile becomes {@code [query] = sum over keys of block[key, query] * right[key]}.
   */
  private void sumOverKeys(
      Bf16Worker state, NativeBlock block, NativeBlock right, int from, int end) {
    for (int key = from; key < end; key += CHUNK) {
      int blocks = Math.min(CHUNK, end - key) / PANEL;
      Bf16Kernel kernel = key == from ? sumsOverKeys[blocks] : moreOverKeys[blocks];
      kernel.execute(
          state,
          block.address() + (long) key * PANEL * Short.BYTES,
          right.address() + bytes(key),
          state.tileAddress());
    }
  }

  /** {@code sums[key] += sum over the block's queries of block[key, query] * right[query]}. */
  private void sumOverQueries(
      Bf16Worker state, NativeBlock block, NativeBlock right, int from, int end, NativeBlock sums) {
    for (int key = from; key < end; key += CHUNK) {
      sumsOverQueries[Math.min(CHUNK, end - key) / PANEL].execute(
          state,
          block.address() + (long) key * PANEL * Short.BYTES,
          right.address(),
          sums.address() + (long) key * width * Float.BYTES);
    }
  }

  private static void zero(NativeBlock block, int floats) {
    for (int i = 0; i < floats; i += ZEROS.length) {
      block.floats().put(i, ZEROS, 0, Math.min(ZEROS.length, floats - i));
    }
  }

  /** Writes rows, each scaled by its factor. */
  private void unpack(
      Worker worker, FloatBuffer from, int fromRow, Rows to, int start, int rows, float[] factors) {
    float[] block = worker.scratch(Scratch.RESULTS, PANEL * width);
    from.get(fromRow * width, block, 0, rows * width);
    int row = to.offset() + start * to.stride();
    worker
        .simd()
        .attention()
        .scaleRows(block, 0, width, factors, rows, width, to.array(), row, to.stride());
  }

  @Override
  public void close() {
    compiled.values().forEach(Bf16Kernel::close);
  }
}
