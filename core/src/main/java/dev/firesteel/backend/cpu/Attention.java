package dev.firesteel.backend.cpu;

import static dev.firesteel.backend.cpu.AttentionSimd.GROUP;
import static dev.firesteel.backend.cpu.AttentionSimd.PANEL;
import static dev.firesteel.backend.cpu.AttentionSimd.TILE_COLUMNS;
import static dev.firesteel.backend.cpu.AttentionSimd.TILE_ROWS;

import dev.firesteel.backend.AttentionSpec;
import dev.firesteel.backend.cpu.Worker.Scratch;

/**
 * Causal attention of one head in blocks of {@value AttentionSimd#PANEL} queries, each against the
 * keys up to its end; no score array larger than such a block is stored. Backward recomputes the
 * probabilities from the log-sum-exp saved by forward (Dao et al. 2022, "FlashAttention").
 *
 * <p>Queries, keys and values are copied to panels of {@value AttentionSimd#PANEL} columns, several
 * for wider heads; padding rows take part in the computation, but their results are never read.
 * Scores are stored transposed, {@code [key, query]}: see {@link AttentionSimd}. Of the keys after
 * a query, only those up to the end of its group of {@value AttentionSimd#GROUP} queries are
 * included, with a probability of exactly 0.
 *
 * <p>Each score is a chain of {@code fma} over the head's width, each sum over keys or queries a
 * chain in ascending order, on one thread, which computes all of a head (backward: of a key-value
 * head with all its query heads, in order). A query's result does not depend on which queries share
 * its block: a row of {@code cachedAttention} is bit-identical to the same row of {@code
 * causalAttention}.
 */
final class Attention implements HeadAttention {
  /**
   * Number of keys whose values are multiplied with all queries of a block while in the L1 cache.
   */
  private static final int DEPTH = 128;

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

    float[] array() {
      return array;
    }

    int offset() {
      return offset;
    }

    int stride() {
      return stride;
    }

    Rows shifted(int columns) {
      return new Rows(array, offset + columns, stride);
    }
  }

  @Override
  public void forward(
      Worker worker,
      AttentionSpec spec,
      int tokens,
      Rows q,
      Rows k,
      Rows v,
      Rows out,
      float[] logSumExp,
      int logSumExpOffset) {
    forward(worker, spec, tokens, 0, q, k, v, out, logSumExp, logSumExpOffset);
  }

  /**
   * {@code out = softmax(scale q k^T) v} for one head, query t attending to keys [0, past + t].
   *
   * @param past number of keys before the first query's own
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
    int keyRows = Gemm.roundUp(past + queries, TILE_ROWS);
    float[] keys = worker.scratch(Scratch.KEYS, panelsSize(keyRows, width));
    float[] values = worker.scratch(Scratch.VALUES, panelsSize(keyRows, width));
    pack(k, 0, past + queries, width, keys, keyRows);
    pack(v, 0, past + queries, width, values, keyRows);
    float[] block = worker.scratch(Scratch.QUERIES, panelsSize(PANEL, width));
    float[] columns = worker.scratch(Scratch.QUERIES_TRANSPOSED, panelsSize(PANEL, width));
    float[] scores = worker.scratch(Scratch.SCORES, keyRows * PANEL);
    float[] results = worker.scratch(Scratch.RESULTS, panelsSize(PANEL, width));
    float[] maxima = worker.scratch(Scratch.FIRST, PANEL);
    float[] sums = worker.scratch(Scratch.SECOND, PANEL);
    AttentionSimd simd = worker.simd().attention();
    for (int start = 0; start < queries; start += PANEL) {
      int rows = Math.min(PANEL, queries - start);
      int before = past + start;
      pack(q, start, rows, width, block, PANEL);
      transpose(simd, block, width, (float) spec.scale(), columns);
      products(simd, keys, keyRows, columns, width, before, rows, scores);
      for (int group = 0; group < rows; group += GROUP) {
        int visible = visible(before, rows, group);
        mask(scores, before, group, visible);
        simd.exponentials(scores, group, visible, maxima, sums, group);
      }
      sumOverKeys(simd, scores, before, rows, values, keyRows, width, results);
      invert(sums, maxima, rows, logSumExp, logSumExpOffset + start);
      for (int w = 0; w < width; w += PANEL) {
        simd.scaleRows(
            results,
            w * PANEL,
            PANEL,
            sums,
            rows,
            Math.min(PANEL, width - w),
            out.array,
            out.offset + start * out.stride + w,
            out.stride);
      }
    }
  }

  @Override
  public void backward(
      Worker worker,
      AttentionSpec spec,
      int tokens,
      Rows q,
      Rows k,
      Rows v,
      float[] logSumExp,
      int logSumExpOffset,
      Rows dOut,
      Rows dQ,
      Rows dK,
      Rows dV) {
    int width = spec.headWidth();
    float scale = (float) spec.scale();
    int keyRows = Gemm.roundUp(tokens, TILE_ROWS);
    float[] keys = worker.scratch(Scratch.KEYS, panelsSize(keyRows, width));
    float[] values = worker.scratch(Scratch.VALUES, panelsSize(keyRows, width));
    float[] keyGradients = worker.scratch(Scratch.KEY_GRADIENTS, panelsSize(keyRows, width));
    float[] valueGradients = worker.scratch(Scratch.VALUE_GRADIENTS, panelsSize(keyRows, width));
    pack(k, 0, tokens, width, keys, keyRows);
    pack(v, 0, tokens, width, values, keyRows);
    int blockSize = panelsSize(PANEL, width);
    float[] block = worker.scratch(Scratch.QUERIES, blockSize);
    float[] columns = worker.scratch(Scratch.QUERIES_TRANSPOSED, blockSize);
    float[] outBlock = worker.scratch(Scratch.OUTPUT_GRADIENTS, blockSize);
    float[] outColumns = worker.scratch(Scratch.OUTPUT_GRADIENTS_TRANSPOSED, blockSize);
    float[] results = worker.scratch(Scratch.RESULTS, blockSize);
    float[] scores = worker.scratch(Scratch.SCORES, keyRows * PANEL);
    float[] gradients = worker.scratch(Scratch.SCORE_GRADIENTS, keyRows * PANEL);
    float[] logSums = worker.scratch(Scratch.FIRST, PANEL);
    AttentionSimd simd = worker.simd().attention();
    int heads = spec.heads() / spec.keyValueHeads();
    for (int head = 0; head < heads; head++) {
      Rows headQ = q.shifted(head * width);
      Rows headDOut = dOut.shifted(head * width);
      for (int start = 0; start < tokens; start += PANEL) {
        int rows = Math.min(PANEL, tokens - start);
        pack(headQ, start, rows, width, block, PANEL);
        transpose(simd, block, width, scale, columns);
        products(simd, keys, keyRows, columns, width, start, rows, scores);
        pack(headDOut, start, rows, width, outBlock, PANEL);
        transpose(simd, outBlock, width, 1f, outColumns);
        products(simd, values, keyRows, outColumns, width, start, rows, gradients);
        int from = logSumExpOffset + head * tokens + start;
        System.arraycopy(logSumExp, from, logSums, 0, rows);
        for (int group = 0; group < rows; group += GROUP) {
          int visible = visible(start, rows, group);
          mask(scores, start, group, visible);
          simd.softmaxGradients(scores, gradients, group, visible, logSums, group, scale);
        }
        boolean first = head == 0;
        sumOverQueries(simd, scores, start, rows, outBlock, width, valueGradients, keyRows, first);
        sumOverQueries(simd, gradients, start, rows, block, width, keyGradients, keyRows, first);
        sumOverKeys(simd, gradients, start, rows, keys, keyRows, width, results);
        unpack(results, PANEL, dQ.shifted(head * width), start, rows, width);
      }
    }
    unpack(keyGradients, keyRows, dK, 0, tokens, width);
    unpack(valueGradients, keyRows, dV, 0, tokens, width);
  }

  /**
   * Replaces a block's sums of exponentials with their reciprocals, and stores their logarithms.
   *
   * @param logSumExp receives one value a query; null when it is not needed
   */
  static void invert(
      float[] sums, float[] maxima, int rows, float[] logSumExp, int logSumExpOffset) {
    for (int r = 0; r < rows; r++) {
      if (logSumExp != null) {
        logSumExp[logSumExpOffset + r] = CrossEntropy.logSumExp(maxima[r], sums[r]);
      }
      sums[r] = 1f / sums[r];
    }
  }

  /** Number of keys visible to a group of a block's queries. */
  private static int visible(int before, int rows, int group) {
    return before + Math.min(group + GROUP, rows);
  }

  /** {@code scores[key, query] = left[key] . columns[query]}, for the keys visible to a tile. */
  private static void products(
      AttentionSimd simd,
      float[] left,
      int leftRows,
      float[] columns,
      int width,
      int before,
      int rows,
      float[] scores) {
    for (int key = 0; key < before + rows; key += TILE_ROWS) {
      int own = Math.max(0, key - before);
      for (int query = own - own % TILE_COLUMNS; query < rows; query += TILE_COLUMNS) {
        for (int w = 0; w < width; w += PANEL) {
          simd.multiplyRows(
              left,
              w * leftRows + key * PANEL,
              columns,
              w * PANEL + query,
              Math.min(PANEL, width - w),
              scores,
              key * PANEL + query,
              w == 0);
        }
      }
    }
  }

  /** Scores of keys that come after the query, in a group's corner of the block. */
  static void mask(float[] scores, int before, int group, int visible) {
    for (int key = before + group + 1; key < visible; key++) {
      int row = key * PANEL + group;
      for (int i = row; i < row + key - before - group; i++) {
        scores[i] = Float.NEGATIVE_INFINITY;
      }
    }
  }

  /** {@code results[query] = sum over keys of block[key, query] * right[key]}. */
  private static void sumOverKeys(
      AttentionSimd simd,
      float[] block,
      int before,
      int rows,
      float[] right,
      int rightRows,
      int width,
      float[] results) {
    for (int w = 0; w < width; w += TILE_COLUMNS) {
      int panel = w - w % PANEL;
      int column = w % PANEL;
      for (int key = 0; key < before + rows; key += DEPTH) {
        for (int query = 0; query < rows; query += TILE_ROWS) {
          int visible = visible(before, rows, query - query % GROUP);
          if (key < visible) {
            simd.multiplyColumns(
                block,
                key * PANEL + query,
                right,
                panel * rightRows + key * PANEL + column,
                Math.min(DEPTH, visible - key),
                results,
                panel * PANEL + query * PANEL + column,
                key == 0);
          }
        }
      }
    }
  }

  /**
   * {@code sums[key] += sum over the block's queries of block[key, query] * right[query]}.
   *
   * @param first whether the sums of the block's own keys start here
   */
  private static void sumOverQueries(
      AttentionSimd simd,
      float[] block,
      int start,
      int rows,
      float[] right,
      int width,
      float[] sums,
      int sumsRows,
      boolean first) {
    for (int w = 0; w < width; w += TILE_COLUMNS) {
      int panel = w - w % PANEL;
      int column = w % PANEL;
      for (int key = 0; key < start + rows; key += TILE_ROWS) {
        int own = Math.max(0, key - start);
        int query = own - own % GROUP;
        simd.multiplyRows(
            block,
            key * PANEL + query,
            right,
            panel * PANEL + query * PANEL + column,
            rows - query,
            sums,
            panel * sumsRows + key * PANEL + column,
            first && key >= start);
      }
    }
  }

  private static int panelsSize(int rows, int width) {
    return Math.multiplyExact(rows, Gemm.roundUp(width, PANEL));
  }

  /** Packs {@code count} rows, starting at {@code start}, into panels of {@code panelRows} rows. */
  private static void pack(
      Rows from, int start, int count, int width, float[] panels, int panelRows) {
    for (int w = 0; w < width; w += PANEL) {
      int columns = Math.min(PANEL, width - w);
      for (int r = 0; r < count; r++) {
        int row = from.offset + (start + r) * from.stride + w;
        System.arraycopy(from.array, row, panels, w * panelRows + r * PANEL, columns);
      }
    }
  }

  private static void transpose(
      AttentionSimd simd, float[] block, int width, float factor, float[] columns) {
    for (int w = 0; w < width; w += PANEL) {
      simd.transpose(block, w * PANEL, factor, columns, w * PANEL);
    }
  }

  /** Writes the panels' first {@code count} rows to the rows starting at {@code start}. */
  private static void unpack(
      float[] panels, int panelRows, Rows to, int start, int count, int width) {
    for (int w = 0; w < width; w += PANEL) {
      int columns = Math.min(PANEL, width - w);
      for (int r = 0; r < count; r++) {
        int row = to.offset + (start + r) * to.stride + w;
        System.arraycopy(panels, w * panelRows + r * PANEL, to.array, row, columns);
      }
    }
  }

  /** Copies {@code count} rows to the rows starting at {@code start}. */
  static void copyRows(Rows from, Rows to, int start, int count, int width) {
    for (int t = 0; t < count; t++) {
      int at = to.offset + (start + t) * to.stride;
      System.arraycopy(from.array, from.offset + t * from.stride, to.array, at, width);
    }
  }
}
