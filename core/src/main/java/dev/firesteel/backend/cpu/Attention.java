package dev.firesteel.backend.cpu;

import static dev.firesteel.backend.cpu.AttentionSimd.GROUP;
import static dev.firesteel.backend.cpu.AttentionSimd.PANEL;
import static dev.firesteel.backend.cpu.AttentionSimd.TILE_COLUMNS;
import static dev.firesteel.backend.cpu.AttentionSimd.TILE_ROWS;

import dev.firesteel.backend.AttentionSpec;
import dev.firesteel.backend.cpu.Worker.Scratch;
import java.util.Arrays;

/**
 * Attention of one head in blocks of {@value AttentionSimd#PANEL} queries, each against the keys
 * that any of them sees; no score array larger than such a block is stored. Backward recomputes the
 * probabilities from the log-sum-exp saved by forward (Dao et al. 2022, "FlashAttention").
 *
 * <p>Queries, keys and values are copied to panels of {@value AttentionSimd#PANEL} columns, several
 * for wider heads; padding rows take part in the computation, but their results are never read.
 * Scores are stored transposed, {@code [key, query]}: see {@link AttentionSimd}. Of the keys that a
 * query does not see, only those in the range of its group of {@value AttentionSimd#GROUP} queries
 * are included ({@link VisibleKeys}), with a probability of exactly 0.
 *
 * <p>Each score is a chain of {@code fma} over the head's width, each sum over keys or queries a
 * chain in ascending order, on one thread, which computes all of a head (backward: of a key-value
 * head with all its query heads, in order). Adding a product with 0 changes no sum, so a query's
 * result does not depend on which queries share its block, where the keys that it sees begin, or
 * what else is in the row.
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

  private final boolean bf16Operands;

  /**
   * Attention in float32.
   *
   * @param bf16Operands rounds scaled queries, keys, values and the probabilities that values are
   *     multiplied by to bfloat16 first: the arithmetic of {@link Bf16Attention} but for the order
   *     of its additions. Backward takes the rounded queries, keys and values, and rounds nothing
   *     else
   */
  Attention(boolean bf16Operands) {
    this.bf16Operands = bf16Operands;
  }

  @Override
  public void forward(Worker worker, Head head, Rows out, float[] logSumExp, int logSumExpOffset) {
    if (head.queries() == 1) {
      OneQuery.forward(worker, head, bf16Operands, out, logSumExp, logSumExpOffset);
      return;
    }
    AttentionSimd simd = worker.simd().attention();
    AttentionSpec spec = head.spec();
    int width = spec.headWidth();
    int begin = head.ranges().firstKey();
    int end = head.ranges().endKey();
    int keyRows = Gemm.roundUp(end, TILE_ROWS);
    float[] keys = worker.scratch(Scratch.KEYS, panelsSize(keyRows, width));
    float[] values = worker.scratch(Scratch.VALUES, panelsSize(keyRows, width));
    packKeys(simd, head.k(), begin, end, width, keys, keyRows);
    packKeys(simd, head.v(), begin, end, width, values, keyRows);
    float[] columns = worker.scratch(Scratch.QUERIES_TRANSPOSED, panelsSize(PANEL, width));
    float[] scores = worker.scratch(Scratch.SCORES, keyRows * PANEL);
    float[] results = worker.scratch(Scratch.RESULTS, panelsSize(PANEL, width));
    float[] maxima = worker.scratch(Scratch.FIRST, PANEL);
    float[] sums = worker.scratch(Scratch.SECOND, PANEL);
    VisibleKeys visible = worker.visibleKeys();
    for (int start = 0; start < head.queries(); start += PANEL) {
      int rows = Math.min(PANEL, head.queries() - start);
      visible.set(head.ranges(), start, rows);
      transposeQueries(simd, head.q(), start, rows, spec, columns);
      products(simd, keys, keyRows, columns, width, visible, rows, scores);
      if (head.bias() != null) {
        addBias(head, head.bias(), start, rows, visible, scores);
      }
      for (int group = 0; group < visible.groups(); group++) {
        int first = visible.first(group);
        visible.mask(scores, group);
        int at = first * PANEL + group * GROUP;
        simd.exponentials(scores, at, visible.end(group) - first, maxima, sums, group * GROUP);
      }
      if (bf16Operands) {
        int from = visible.first() * PANEL;
        simd.roundToBf16(scores, from, visible.end() * PANEL - from);
      }
      sumOverKeys(simd, scores, visible, rows, values, keyRows, width, results);
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
      Head head,
      float[] logSumExp,
      int logSumExpOffset,
      Rows dOut,
      Rows dQ,
      Rows dK,
      Rows dV,
      Rows dBias) {
    AttentionSimd simd = worker.simd().attention();
    AttentionSpec spec = head.spec();
    int width = spec.headWidth();
    float scale = (float) spec.scale();
    int queries = head.queries();
    int keyRows = Gemm.roundUp(head.keys(), TILE_ROWS);
    float[] keys = worker.scratch(Scratch.KEYS, panelsSize(keyRows, width));
    float[] values = worker.scratch(Scratch.VALUES, panelsSize(keyRows, width));
    float[] keyGradients = worker.scratch(Scratch.KEY_GRADIENTS, panelsSize(keyRows, width));
    float[] valueGradients = worker.scratch(Scratch.VALUE_GRADIENTS, panelsSize(keyRows, width));
    packKeys(simd, head.k(), 0, head.keys(), width, keys, keyRows);
    packKeys(simd, head.v(), 0, head.keys(), width, values, keyRows);
    int blockSize = panelsSize(PANEL, width);
    float[] block = worker.scratch(Scratch.QUERIES, blockSize);
    float[] columns = worker.scratch(Scratch.QUERIES_TRANSPOSED, blockSize);
    float[] outBlock = worker.scratch(Scratch.OUTPUT_GRADIENTS, blockSize);
    float[] outColumns = worker.scratch(Scratch.OUTPUT_GRADIENTS_TRANSPOSED, blockSize);
    float[] results = worker.scratch(Scratch.RESULTS, blockSize);
    float[] scores = worker.scratch(Scratch.SCORES, keyRows * PANEL);
    float[] gradients = worker.scratch(Scratch.SCORE_GRADIENTS, keyRows * PANEL);
    float[] logSums = worker.scratch(Scratch.FIRST, PANEL);
    VisibleKeys visible = worker.visibleKeys();
    int begun = 0; // The sums of the keys before this one have begun.
    int heads = spec.heads() / spec.keyValueHeads();
    for (int h = 0; h < heads; h++) {
      Rows headQ = head.q().shifted(h * width);
      Rows headDOut = dOut.shifted(h * width);
      for (int start = 0; start < queries; start += PANEL) {
        int rows = Math.min(PANEL, queries - start);
        visible.set(head.ranges(), start, rows);
        pack(simd, headQ, start, rows, width, block, PANEL);
        transposeQueries(simd, headQ, start, rows, spec, columns);
        products(simd, keys, keyRows, columns, width, visible, rows, scores);
        if (head.bias() != null) {
          addBias(head, head.bias(h), start, rows, visible, scores);
        }
        pack(simd, headDOut, start, rows, width, outBlock, PANEL);
        transpose(simd, headDOut, start, rows, width, 1f, outColumns);
        products(simd, values, keyRows, outColumns, width, visible, rows, gradients);
        System.arraycopy(logSumExp, logSumExpOffset + h * queries + start, logSums, 0, rows);
        for (int group = 0; group < visible.groups(); group++) {
          int first = visible.first(group);
          visible.mask(scores, group);
          simd.softmaxGradients(
              scores,
              gradients,
              first * PANEL + group * GROUP,
              visible.end(group) - first,
              logSums,
              group * GROUP,
              dBias == null ? scale : 1f);
        }
        if (dBias != null) {
          addToBias(
              head,
              start,
              rows,
              visible,
              gradients,
              dBias.shifted(h * head.queries() * head.keys()));
          scale(gradients, visible, scale);
        }
        if (begun < visible.first()) {
          clear(valueGradients, keyRows, begun, visible.first(), width);
          clear(keyGradients, keyRows, begun, visible.first(), width);
          begun = visible.first();
        }
        sumOverQueries(
            simd, scores, visible, rows, outBlock, width, valueGradients, keyRows, begun);
        sumOverQueries(simd, gradients, visible, rows, block, width, keyGradients, keyRows, begun);
        begun = Math.max(begun, visible.end());
        sumOverKeys(simd, gradients, visible, rows, keys, keyRows, width, results);
        unpack(simd, results, PANEL, dQ.shifted(h * width), start, rows, width);
      }
    }
    clear(keyGradients, keyRows, begun, keyRows, width);
    clear(valueGradients, keyRows, begun, keyRows, width);
    unpack(simd, keyGradients, keyRows, dK, 0, head.keys(), width);
    unpack(simd, valueGradients, keyRows, dV, 0, head.keys(), width);
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

  /** {@code scores[key, query] = left[key] . columns[query]}, for the ranges of the groups. */
  private static void products(
      AttentionSimd simd,
      float[] left,
      int leftRows,
      float[] columns,
      int width,
      VisibleKeys visible,
      int rows,
      float[] scores) {
    for (int key = visible.first(); key < visible.end(); key += TILE_ROWS) {
      boolean all = visible.meetsAll(key);
      for (int query = 0; query < rows; query += TILE_COLUMNS) {
        int group = query / GROUP;
        if (!all && !visible.meets(group, key) && !visible.meets(group + 1, key)) {
          continue;
        }
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

  /** Adds the bias to the scores of keys in the groups' ranges. */
  static void addBias(
      Head head, Rows bias, int start, int rows, VisibleKeys visible, float[] scores) {
    for (int r = 0; r < rows; r++) {
      int from = bias.offset + (start + r) * bias.stride;
      int end = Math.min(visible.end(r / GROUP), head.keys());
      for (int key = visible.first(r / GROUP); key < end; key++) {
        scores[key * PANEL + r] += bias.array[from + key];
      }
    }
  }

  /** Adds the gradients of scores to those of the bias. */
  static void addToBias(
      Head head, int start, int rows, VisibleKeys visible, float[] gradients, Rows dBias) {
    for (int r = 0; r < rows; r++) {
      int to = dBias.offset + (start + r) * dBias.stride;
      int end = Math.min(visible.end(r / GROUP), head.keys());
      for (int key = visible.first(r / GROUP); key < end; key++) {
        dBias.array[to + key] += gradients[key * PANEL + r];
      }
    }
  }

  private static void scale(float[] gradients, VisibleKeys visible, float factor) {
    for (int i = visible.first() * PANEL; i < visible.end() * PANEL; i++) {
      gradients[i] *= factor;
    }
  }

  /** {@code results[query] = sum over keys of block[key, query] * right[key]}. */
  private static void sumOverKeys(
      AttentionSimd simd,
      float[] block,
      VisibleKeys visible,
      int rows,
      float[] right,
      int rightRows,
      int width,
      float[] results) {
    for (int w = 0; w < width; w += TILE_COLUMNS) {
      int panel = w - w % PANEL;
      int column = w % PANEL;
      for (int chunk = visible.first(); chunk < visible.end(); chunk += DEPTH) {
        for (int query = 0; query < rows; query += TILE_ROWS) {
          int first = visible.first(query / GROUP);
          int key = Math.max(chunk, first);
          int end = Math.min(chunk + DEPTH, visible.end(query / GROUP));
          if (key < end) {
            simd.multiplyColumns(
                block,
                key * PANEL + query,
                right,
                panel * rightRows + key * PANEL + column,
                end - key,
                results,
                panel * PANEL + query * PANEL + column,
                key == first);
          }
        }
      }
    }
  }

  /**
   * {@code sums[key] += sum over the block's queries of block[key, query] * right[query]}.
   *
   * @param begun sums from this key on begin at 0 and not at their content
   */
  private static void sumOverQueries(
      AttentionSimd simd,
      float[] block,
      VisibleKeys visible,
      int rows,
      float[] right,
      int width,
      float[] sums,
      int sumsRows,
      int begun) {
    for (int key = visible.first(); key < visible.end(); key += TILE_ROWS) {
      int group = 0;
      int last = visible.groups() - 1;
      if (!visible.meetsAll(key)) {
        while (group <= last && !visible.meets(group, key)) {
          group++;
        }
        while (last > group && !visible.meets(last, key)) {
          last--;
        }
        for (int between = group + 1; between < last; between++) {
          if (!visible.meets(between, key)) {
            VisibleKeys.zero(block, key, between * GROUP, (between + 1) * GROUP);
          }
        }
      }
      int query = group * GROUP;
      int depth = Math.min(rows, (last + 1) * GROUP) - query;
      boolean first = begun <= key;
      if (depth <= 0) {
        if (first) {
          clear(sums, sumsRows, key, key + TILE_ROWS, width);
        }
        continue;
      }
      for (int w = 0; w < width; w += TILE_COLUMNS) {
        int panel = w - w % PANEL;
        int column = w % PANEL;
        simd.multiplyRows(
            block,
            key * PANEL + query,
            right,
            panel * PANEL + query * PANEL + column,
            depth,
            sums,
            panel * sumsRows + key * PANEL + column,
            first);
      }
    }
  }

  /** Zeros in the rows {@code [from, to)} of panels of {@code panelRows} rows. */
  private static void clear(float[] panels, int panelRows, int from, int to, int width) {
    for (int w = 0; w < width; w += PANEL) {
      Arrays.fill(panels, w * panelRows + from * PANEL, w * panelRows + to * PANEL, 0f);
    }
  }

  private static int panelsSize(int rows, int width) {
    return Math.multiplyExact(rows, Gemm.roundUp(width, PANEL));
  }

  /** Packs {@code count} rows, starting at {@code start}, into panels of {@code panelRows} rows. */
  private static void pack(
      AttentionSimd simd,
      Rows from,
      int start,
      int count,
      int width,
      float[] panels,
      int panelRows) {
    for (int w = 0; w < width; w += PANEL) {
      int columns = Math.min(PANEL, width - w);
      int row = from.offset + start * from.stride + w;
      simd.copyRows(from.array, row, from.stride, count, columns, panels, w * panelRows, PANEL);
    }
  }

  /** Packs the keys {@code [begin, end)}, with zero rows up to a whole tile on both sides. */
  private void packKeys(
      AttentionSimd simd, Rows from, int begin, int end, int width, float[] panels, int panelRows) {
    int tileBegin = begin - begin % TILE_ROWS;
    for (int w = 0; w < width; w += PANEL) {
      int columns = Math.min(PANEL, width - w);
      int panel = w * panelRows;
      Arrays.fill(panels, panel + tileBegin * PANEL, panel + begin * PANEL, 0f);
      int row = from.offset + begin * from.stride + w;
      simd.copyRows(
          from.array, row, from.stride, end - begin, columns, panels, panel + begin * PANEL, PANEL);
      Arrays.fill(panels, panel + end * PANEL, panel + panelRows * PANEL, 0f);
      if (bf16Operands) {
        int first = panel + begin * PANEL;
        simd.roundToBf16(panels, first, (end - begin) * PANEL);
      }
    }
  }

  private void transposeQueries(
      AttentionSimd simd, Rows q, int start, int count, AttentionSpec spec, float[] columns) {
    transpose(simd, q, start, count, spec.headWidth(), (float) spec.scale(), columns);
    if (bf16Operands) {
      simd.roundToBf16(columns, 0, panelsSize(PANEL, spec.headWidth()));
    }
  }

  /** Packs rows as the columns of panels, times a factor. */
  private static void transpose(
      AttentionSimd simd,
      Rows from,
      int start,
      int count,
      int width,
      float factor,
      float[] columns) {
    for (int w = 0; w < width; w += PANEL) {
      int row = from.offset + start * from.stride + w;
      int panelWidth = Math.min(PANEL, width - w);
      simd.transpose(from.array, row, from.stride, count, panelWidth, factor, columns, w * PANEL);
    }
  }

  /** Writes the panels' first {@code count} rows to the rows starting at {@code start}. */
  private static void unpack(
      AttentionSimd simd, float[] panels, int panelRows, Rows to, int start, int count, int width) {
    for (int w = 0; w < width; w += PANEL) {
      int columns = Math.min(PANEL, width - w);
      int row = to.offset + start * to.stride + w;
      simd.copyRows(panels, w * panelRows, PANEL, count, columns, to.array, row, to.stride);
    }
  }
}
