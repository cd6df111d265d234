package dev.firesteel.backend.cpu;

import dev.firesteel.backend.cpu.Attention.Rows;
import dev.firesteel.backend.cpu.HeadAttention.Head;
import dev.firesteel.backend.cpu.Worker.Scratch;

/**
 * Forward {@link Attention} of a single query, as each step of decoding with a cache has: the same
 * chains in the same order, hence the same bits, without the panels that only many queries make up
 * for. In float32 keys and values are read where they are.
 */
final class OneQuery {
  /** Scores whose chains advance together, to hide the latency of an addition. */
  private static final int TOGETHER = 8;

  private OneQuery() {}

  /** As {@link HeadAttention#forward} for {@code head.queries() == 1}. */
  static void forward(
      Worker worker,
      Head head,
      boolean bf16Operands,
      Rows out,
      float[] logSumExp,
      int logSumExpOffset) {
    AttentionSimd simd = worker.simd().attention();
    int width = head.spec().headWidth();
    int first = head.ranges().firstKey(0);
    int count = head.ranges().endKey(0) - first;
    float[] query = worker.scratch(Scratch.QUERIES, width);
    float scale = (float) head.spec().scale();
    for (int w = 0; w < width; w++) {
      query[w] = scale * head.q().array()[head.q().offset() + w];
    }
    Rows keys = head.k();
    Rows values = head.v();
    int from = first;
    if (bf16Operands) {
      simd.roundToBf16(query, 0, width);
      keys = rounded(worker, keys, first, count, width, Scratch.KEYS);
      values = rounded(worker, values, first, count, width, Scratch.VALUES);
      from = 0;
    }
    float[] scores = worker.scratch(Scratch.SCORES, count);
    dots(keys, from, count, query, width, scores);
    if (head.bias() != null) {
      Rows bias = head.bias();
      for (int key = 0; key < count; key++) {
        scores[key] += bias.array()[bias.offset() + first + key];
      }
    }
    float[] maxima = worker.scratch(Scratch.FIRST, 1);
    float[] sums = worker.scratch(Scratch.SECOND, 1);
    exponentials(scores, count, maxima, sums);
    if (bf16Operands) {
      simd.roundToBf16(scores, 0, count);
    }
    float[] results = worker.scratch(Scratch.RESULTS, width);
    simd.weightedSum(
        scores,
        0,
        values.array(),
        values.offset() + from * values.stride(),
        values.stride(),
        count,
        width,
        results,
        0);
    Attention.invert(sums, maxima, 1, logSumExp, logSumExpOffset);
    simd.scaleRows(results, 0, width, sums, 1, width, out.array(), out.offset(), out.stride());
  }

  /** The rows {@code [first, first + count)} as bfloat16, one after the other. */
  private static Rows rounded(
      Worker worker, Rows rows, int first, int count, int width, Scratch purpose) {
    float[] to = worker.scratch(purpose, count * width);
    AttentionSimd simd = worker.simd().attention();
    int row = rows.offset() + first * rows.stride();
    simd.copyRows(rows.array(), row, rows.stride(), count, width, to, 0, width);
    simd.roundToBf16(to, 0, count * width);
    return new Rows(to, 0, width);
  }

  /** {@code scores[r] = } the chain over ascending w of {@code fma(row[r, w], query[w], ...)}. */
  private static void dots(
      Rows rows, int first, int count, float[] query, int width, float[] scores) {
    float[] array = rows.array();
    int stride = rows.stride();
    int start = rows.offset() + first * stride;
    int whole = count - count % TOGETHER;
    for (int r = 0; r < whole; r += TOGETHER) {
      eightDots(array, start + r * stride, stride, query, width, scores, r);
    }
    for (int r = whole; r < count; r++) {
      float sum = 0f;
      int row = start + r * stride;
      for (int w = 0; w < width; w++) {
        sum = Math.fma(array[row + w], query[w], sum);
      }
      scores[r] = sum;
    }
  }

  private static void eightDots(
      float[] array, int row0, int stride, float[] query, int width, float[] scores, int at) {
    int row1 = row0 + stride;
    int row2 = row1 + stride;
    int row3 = row2 + stride;
    int row4 = row3 + stride;
    int row5 = row4 + stride;
    int row6 = row5 + stride;
    int row7 = row6 + stride;
    float sum0 = 0f;
    float sum1 = 0f;
    float sum2 = 0f;
    float sum3 = 0f;
    float sum4 = 0f;
    float sum5 = 0f;
    float sum6 = 0f;
    float sum7 = 0f;
    for (int w = 0; w < width; w++) {
      float q = query[w];
      sum0 = Math.fma(array[row0 + w], q, sum0);
      sum1 = Math.fma(array[row1 + w], q, sum1);
      sum2 = Math.fma(array[row2 + w], q, sum2);
      sum3 = Math.fma(array[row3 + w], q, sum3);
      sum4 = Math.fma(array[row4 + w], q, sum4);
      sum5 = Math.fma(array[row5 + w], q, sum5);
      sum6 = Math.fma(array[row6 + w], q, sum6);
      sum7 = Math.fma(array[row7 + w], q, sum7);
    }
    scores[at] = sum0;
    scores[at + 1] = sum1;
    scores[at + 2] = sum2;
    scores[at + 3] = sum3;
    scores[at + 4] = sum4;
    scores[at + 5] = sum5;
    scores[at + 6] = sum6;
    scores[at + 7] = sum7;
  }

  /** {@link AttentionSimd#exponentials} of one column that lies in a row. */
  private static void exponentials(float[] scores, int count, float[] maxima, float[] sums) {
    float max = Float.NEGATIVE_INFINITY;
    for (int i = 0; i < count; i++) {
      max = scores[i] > max ? scores[i] : max;
    }
    float sum = 0f;
    for (int i = 0; i < count; i++) {
      float e = Transcendentals.expOrZero(scores[i] - max);
      scores[i] = e;
      sum += e;
    }
    maxima[0] = max;
    sums[0] = sum;
  }
}
