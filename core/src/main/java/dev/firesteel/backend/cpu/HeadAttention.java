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
   * @param ranges of keys that each query sees
   * @param bias [Tq, Tk] of the first query head, followed by those of the others; null for none
   */
  record Head(
      AttentionSpec spec, Rows q, Rows k, Rows v, int queries, int keys, Ranges ranges, Rows bias) {
    /** The bias of the head {@code h} places after the first one. */
    Rows bias(int h) {
      return bias.shifted(h * queries * keys);
    }
  }

  /** The keys that each query of a sequence sees. */
  final class Ranges {
    private final AttentionSpec spec;
    private final int[] pairs;
    private final int offset;
    private final int firstKey;
    private final int endKey;

    /**
     * Ranges in an array.
     *
     * @param spec whose window narrows the ranges
     * @param pairs begin and end of each query, from {@code offset} on
     */
    Ranges(AttentionSpec spec, int[] pairs, int offset, int queries) {
      this.spec = spec;
      this.pairs = pairs;
      this.offset = offset;
      int least = Integer.MAX_VALUE;
      int most = 0;
      for (int t = 0; t < queries; t++) {
        least = Math.min(least, firstKey(t));
        most = Math.max(most, endKey(t));
      }
      firstKey = least;
      endKey = most;
    }

    /** No query sees a key before this one. */
    int firstKey() {
      return firstKey;
    }

    /** No query sees this key or one after it. */
    int endKey() {
      return endKey;
    }

    int firstKey(int query) {
      return spec.firstKey(pairs[offset + 2 * query], endKey(query));
    }

    /** The ranges of the queries {@code [start, start + rows)}. */
    void copy(int start, int rows, int[] firstKeys, int[] endKeys) {
      for (int r = 0; r < rows; r++) {
        firstKeys[r] = firstKey(start + r);
        endKeys[r] = endKey(start + r);
      }
    }

    int endKey(int query) {
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
