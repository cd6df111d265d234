package dev.firesteel.backend.cpu;

import dev.firesteel.backend.AttentionSpec;
import dev.firesteel.backend.cpu.Attention.Rows;

/** Attention of one head over a sequence, by the calling thread: the unit of work of attention. */
interface HeadAttention {
  /**
   * The operands of one key-value head, and of one query head or of all that share it.
   *
   * @param q the first query head; the others follow, {@code headWidth} apart
   * @param queries Tq
   * @param keys Tk
   * @param ranges of keys of each query, before the window
   * @param bias [Tq, Tk] of the first query head, followed by those of the others; null for none
   */
  record Head(
      AttentionSpec spec, Rows q, Rows k, Rows v, int queries, int keys, Ranges ranges, Rows bias) {
    /** No query sees a key before this one. */
    int firstKey() {
      int first = keys;
      for (int t = 0; t < queries; t++) {
        first = Math.min(first, firstKey(t));
      }
      return first;
    }

    /** No query sees this key or one after it. */
    int endKey() {
      int end = 0;
      for (int t = 0; t < queries; t++) {
        end = Math.max(end, endKey(t));
      }
      return end;
    }

    int firstKey(int query) {
      return spec.firstKey(ranges.begin(query), ranges.end(query));
    }

    int endKey(int query) {
      return ranges.end(query);
    }

    /** The bias of the head {@code h} places after the first one. */
    Rows bias(int h) {
      return bias.shifted(h * queries * keys);
    }
  }

  /** The ranges of a sequence in an array of pairs. */
  final class Ranges {
    private final int[] pairs;
    private final int offset;

    Ranges(int[] pairs, int offset) {
      this.pairs = pairs;
      this.offset = offset;
    }

    int begin(int query) {
      return pairs[offset + 2 * query];
    }

    int end(int query) {
      return pairs[offset + 2 * query + 1];
    }
  }

  /**
   * {@code out = softmax(scale q k^T + bias) v} of one query head.
   *
   * @param logSumExp receives one value a query; null if not needed
   */
  void forward(Worker worker, Head head, Rows out, float[] logSumExp, int logSumExpOffset);

  /**
   * Gradients of one key-value head and of the query heads that share it.
   *
   * @param logSumExp [heads of the group, Tq]
   * @param dOut laid out as q is
   * @param dQ as q, overwritten
   * @param dK overwritten
   * @param dV overwritten
   * @param dBias laid out as the bias, added to; null if not wanted
   */
  void backward(
      Worker worker,
      Head head,
      float[] logSumExp,
      int logSumExpOffset,
      Rows dOut,
      Rows dQ,
      Rows dK,
      Rows dV,
      Rows dBias);
}
