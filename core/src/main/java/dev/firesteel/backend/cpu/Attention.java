package dev.firesteel.backend.cpu;

import static dev.firesteel.backend.cpu.Simd.LANES;
import static dev.firesteel.backend.cpu.Simd.TILE_COLUMNS;
import static dev.firesteel.backend.cpu.Simd.TILE_ROWS;

import dev.firesteel.backend.AttentionSpec;
import dev.firesteel.backend.cpu.Gemm.Matrix;
import dev.firesteel.backend.cpu.Worker.Scratch;
import java.util.Arrays;

/**
 * Causal attention of one head in blocks of {@value #BLOCK} queries, each against the keys up to
 * its end; no score array larger than such a block exists. Backward computes the probabilities
 * again from the log-sum-exp that forward saved (Dao et al. 2022, "FlashAttention").
 *
 * <p>The scale is folded into the queries. One thread computes all of a head (backward: of a
 * key-value head with all its query heads, in order), so that no sum is split by threads. A query's
 * result does not depend on which queries share its block, nor on keys after it (whose probability
 * is an exact 0): a row of {@code cachedAttention} has the bits of the same row of {@code
 * causalAttention}.
 */
final class Attention {
  /** Queries in a block. */
  private static final int BLOCK = 64;

  private Attention() {}

  /** Rows of one head in a larger array: row t starts at {@code offset + t * stride}. */
  static final class Rows {
    private final float[] array;
    private final int offset;
    private final int stride;

    Rows(float[] array, int offset, int stride) {
      this.array = array;
      this.offset = offset;
      this.stride = stride;
    }

    Matrix matrix() {
      return new Matrix(array, offset, stride, false);
    }

    Matrix transposed() {
      return new Matrix(array, offset, stride, true);
    }
  }

  /**
   * {@code out = softmax(scale q k^T) v} for one head, query t attending to keys [0, past + t].
   *
   * @param past how many keys come before the first query's own
   * @param logSumExp receives one value a query; null when it is not needed
   */
  static void forward(
      Worker worker,
      AttentionSpec spec,
      int queries,
      int past,
      Rows q,
      Rows k,
      Rows v,
      Rows out,
      float[] logSumExp,
      int logSumExpOffset) {
    int width = spec.headWidth();
    int keys = past + queries;
    float[] keysTransposed = packKeys(worker, Scratch.KEYS_TRANSPOSED, k, keys, width);
    float[] values = packRows(worker, Scratch.VALUES, v, keys, width);
    int scoreStride = Gemm.roundUp(keys, TILE_COLUMNS);
    float[] scores = worker.scratch(Scratch.SCORES, BLOCK * scoreStride);
    float[] left = worker.scratch(Scratch.LEFT_PANELS, BLOCK * Math.max(width, scoreStride));
    float[] reciprocals = worker.scratch(Scratch.FIRST, BLOCK);
    for (int start = 0; start < queries; start += BLOCK) {
      int rows = Math.min(BLOCK, queries - start);
      int end = past + start + rows;
      packScaled(worker, q, start, rows, width, (float) spec.scale(), left);
      multiplyBlock(worker, left, rows, width, keysTransposed, width, end, scores, scoreStride);
      for (int r = 0; r < rows; r++) {
        int row = r * scoreStride;
        int visible = past + start + r + 1;
        // Masked scores give an exact 0; up to whole vectors, since a scalar tail is slow.
        int padded = Math.min(Gemm.roundUp(visible, LANES), scoreStride);
        Arrays.fill(scores, row + visible, row + padded, Float.NEGATIVE_INFINITY);
        float max = worker.simd().max(scores, row, padded);
        worker.simd().exp(scores, row, max, scores, row, padded);
        float sum = worker.simd().sum(scores, row, padded);
        if (end > padded) {
          Arrays.fill(scores, row + padded, row + end, 0f);
        }
        reciprocals[r] = 1f / sum;
        if (logSumExp != null) {
          logSumExp[logSumExpOffset + start + r] = CrossEntropy.logSumExp(max, sum);
        }
      }
      int panelStride = end * TILE_ROWS;
      Gemm.packLeft(
          worker.simd(),
          new Matrix(scores, 0, scoreStride, false),
          0,
          rows,
          0,
          end,
          left,
          panelStride);
      int outRow = out.offset + start * out.stride;
      multiplyDeep(
          worker,
          left,
          panelStride,
          rows,
          values,
          keys,
          width,
          end,
          out.array,
          outRow,
          out.stride,
          false);
      for (int r = 0; r < rows; r++) {
        Elementwise.scale(reciprocals[r], out.array, outRow + r * out.stride, width);
      }
    }
  }

  /**
   * Gradients of one key-value head and of the query heads that share it.
   *
   * @param q the group's first query head; the others follow, {@code headWidth} apart
   * @param out laid out as q is
   * @param logSumExp [heads of the group, T]
   * @param dOut laid out as q is
   * @param dQ as q, overwritten
   * @param dK overwritten
   * @param dV overwritten
   */
  static void backward(
      Worker worker,
      AttentionSpec spec,
      int tokens,
      Rows q,
      Rows k,
      Rows v,
      Rows out,
      float[] logSumExp,
      int logSumExpOffset,
      Rows dOut,
      Rows dQ,
      Rows dK,
      Rows dV) {
    int width = spec.headWidth();
    float[] keysTransposed = packKeys(worker, Scratch.KEYS_TRANSPOSED, k, tokens, width);
    float[] valuesTransposed = packKeys(worker, Scratch.VALUES_TRANSPOSED, v, tokens, width);
    float[] keys = packRows(worker, Scratch.KEYS, k, tokens, width);
    for (int t = 0; t < tokens; t++) {
      Arrays.fill(dK.array, dK.offset + t * dK.stride, dK.offset + t * dK.stride + width, 0f);
      Arrays.fill(dV.array, dV.offset + t * dV.stride, dV.offset + t * dV.stride + width, 0f);
    }
    int stride = Gemm.roundUp(tokens, TILE_COLUMNS);
    float[] probabilities = worker.scratch(Scratch.SCORES, BLOCK * stride);
    float[] gradients = worker.scratch(Scratch.SCORE_GRADIENTS, BLOCK * stride);
    float[] left = worker.scratch(Scratch.LEFT_PANELS, BLOCK * Math.max(width, stride));
    float[] queries = worker.scratch(Scratch.QUERIES, Gemm.panelsSize(BLOCK, width));
    float[] outGradients = worker.scratch(Scratch.OUTPUT_GRADIENTS, Gemm.panelsSize(BLOCK, width));
    int group = spec.heads() / spec.keyValueHeads();
    float scale = (float) spec.scale();
    for (int head = 0; head < group; head++) {
      Rows headQ = shifted(q, head * width);
      Rows headOut = shifted(out, head * width);
      Rows headDOut = shifted(dOut, head * width);
      int logSums = logSumExpOffset + head * tokens;
      for (int start = 0; start < tokens; start += BLOCK) {
        int rows = Math.min(BLOCK, tokens - start);
        int end = start + rows;
        packScaled(worker, headQ, start, rows, width, scale, left);
        multiplyBlock(worker, left, rows, width, keysTransposed, width, end, probabilities, stride);
        Gemm.packLeft(
            worker.simd(), headDOut.matrix(), start, rows, 0, width, left, width * TILE_ROWS);
        multiplyBlock(worker, left, rows, width, valuesTransposed, width, end, gradients, stride);
        for (int r = 0; r < rows; r++) {
          int row = r * stride;
          int visible = start + r + 1;
          int padded = Math.min(Gemm.roundUp(visible, LANES), stride);
          Arrays.fill(probabilities, row + visible, row + padded, Float.NEGATIVE_INFINITY);
          worker
              .simd()
              .exp(probabilities, row, logSumExp[logSums + start + r], probabilities, row, padded);
          float dot =
              worker
                  .simd()
                  .dot(
                      headDOut.array,
                      headDOut.offset + (start + r) * headDOut.stride,
                      headOut.array,
                      headOut.offset + (start + r) * headOut.stride,
                      width);
          for (int i = row; i < row + visible; i++) {
            gradients[i] = probabilities[i] * (gradients[i] - dot);
          }
          Arrays.fill(gradients, row + visible, row + end, 0f);
          if (end > padded) {
            Arrays.fill(probabilities, row + padded, row + end, 0f);
          }
        }
        packRightRows(worker, headDOut, start, rows, width, outGradients);
        addTransposed(worker, probabilities, stride, rows, end, left, outGradients, width, dV);
        packRightRows(worker, headQ, start, rows, width, queries);
        Elementwise.scale(scale, queries, 0, Gemm.panelsSize(rows, width));
        addTransposed(worker, gradients, stride, rows, end, left, queries, width, dK);
        int panelStride = end * TILE_ROWS;
        Gemm.packLeft(
            worker.simd(),
            new Matrix(gradients, 0, stride, false),
            0,
            rows,
            0,
            end,
            left,
            panelStride);
        int dQRow = dQ.offset + head * width + start * dQ.stride;
        multiplyDeep(
            worker,
            left,
            panelStride,
            rows,
            keys,
            tokens,
            width,
            end,
            dQ.array,
            dQRow,
            dQ.stride,
            false);
        for (int r = 0; r < rows; r++) {
          Elementwise.scale(scale, dQ.array, dQRow + r * dQ.stride, width);
        }
      }
    }
  }

  /** {@code to[key] += sum over the block's queries of block[query, key] * right[query]}. */
  private static void addTransposed(
      Worker worker,
      float[] block,
      int stride,
      int rows,
      int end,
      float[] left,
      float[] right,
      int width,
      Rows to) {
    Gemm.packLeft(
        worker.simd(), new Matrix(block, 0, stride, true), 0, end, 0, rows, left, rows * TILE_ROWS);
    Gemm.multiplyPanels(
        worker,
        left,
        0,
        rows * TILE_ROWS,
        end,
        right,
        0,
        rows * TILE_COLUMNS,
        width,
        rows,
        to.array,
        to.offset,
        to.stride,
        false);
  }

  /** Scores of a block: whole tiles, so that padding rows and columns are computed as well. */
  private static void multiplyBlock(
      Worker worker,
      float[] left,
      int rows,
      int depth,
      float[] right,
      int width,
      int end,
      float[] scores,
      int stride) {
    Gemm.multiplyPanels(
        worker,
        left,
        0,
        depth * TILE_ROWS,
        Gemm.roundUp(rows, TILE_ROWS),
        right,
        0,
        width * TILE_COLUMNS,
        Gemm.roundUp(end, TILE_COLUMNS),
        depth,
        scores,
        0,
        stride,
        true);
  }

  /** A product over {@code depth} keys, of which {@link Gemm#DEPTH} at a time fit the L1 cache. */
  private static void multiplyDeep(
      Worker worker,
      float[] left,
      int leftStride,
      int rows,
      float[] right,
      int rightRows,
      int columns,
      int depth,
      float[] c,
      int cOffset,
      int cStride,
      boolean add) {
    for (int k = 0; k < depth; k += Gemm.DEPTH) {
      Gemm.multiplyPanels(
          worker,
          left,
          k * TILE_ROWS,
          leftStride,
          rows,
          right,
          k * TILE_COLUMNS,
          rightRows * TILE_COLUMNS,
          columns,
          Math.min(Gemm.DEPTH, depth - k),
          c,
          cOffset,
          cStride,
          k == 0 && !add);
    }
  }

  private static void packScaled(
      Worker worker, Rows q, int start, int rows, int width, float scale, float[] left) {
    Gemm.packLeft(worker.simd(), q.matrix(), start, rows, 0, width, left, width * TILE_ROWS);
    Elementwise.scale(scale, left, 0, Gemm.roundUp(rows, TILE_ROWS) * width);
  }

  /** Keys as the right operand [width, keys] of the score product. */
  private static float[] packKeys(Worker worker, Scratch purpose, Rows k, int keys, int width) {
    float[] panels = worker.scratch(purpose, Gemm.panelsSize(width, keys));
    for (int n = 0; n < keys; n += TILE_COLUMNS) {
      Gemm.packRight(
          worker.simd(),
          k.transposed(),
          0,
          width,
          n,
          Math.min(TILE_COLUMNS, keys - n),
          panels,
          n * width);
    }
    return panels;
  }

  /** Rows as a right operand [keys, width]. */
  private static float[] packRows(Worker worker, Scratch purpose, Rows v, int keys, int width) {
    float[] panels = worker.scratch(purpose, Gemm.panelsSize(keys, width));
    packRightRows(worker, v, 0, keys, width, panels);
    return panels;
  }

  private static void packRightRows(
      Worker worker, Rows v, int start, int rows, int width, float[] panels) {
    for (int n = 0; n < width; n += TILE_COLUMNS) {
      Gemm.packRight(
          worker.simd(),
          v.matrix(),
          start,
          rows,
          n,
          Math.min(TILE_COLUMNS, width - n),
          panels,
          n * rows);
    }
  }

  /** Copies {@code count} rows to the rows from {@code start} on. */
  static void copyRows(Rows from, Rows to, int start, int count, int width) {
    for (int t = 0; t < count; t++) {
      int at = to.offset + (start + t) * to.stride;
      System.arraycopy(from.array, from.offset + t * from.stride, to.array, at, width);
    }
  }

  private static Rows shifted(Rows rows, int columns) {
    return new Rows(rows.array, rows.offset + columns, rows.stride);
  }
}
