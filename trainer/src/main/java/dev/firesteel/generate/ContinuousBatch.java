package dev.firesteel.generate;

import dev.firesteel.array.ArrayPool;
import dev.firesteel.model.LanguageModel;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;

/**
 * The loop of all sampling, with continuous batching (Yu et al. 2022, "Orca", section 3.1): a row
 * whose sequence has ended takes the next prompt at once, so that the batch is full as long as
 * there are prompts; then rows become fewer. Only the ended row is written for that; the last row
 * moves into a gap that no prompt fills.
 *
 * <p>What a sequence samples does not depend on the row it is in, nor on the other rows, wherever a
 * model's logits do not (in {@code fp32}).
 */
final class ContinuousBatch {
  /**
   * Tokens of the prompts that one pass computes, padding included, unless a single prompt is
   * longer: bounds the memory of activations.
   */
  static final int MOST_PROMPT_TOKENS = 4096;

  /** A prompt and its completion as it grows. */
  interface Sequence {
    /** Not empty. */
    int[] prompt();

    /** The most tokens that its completion may have. */
    int room();

    /**
     * Samples its next token.
     *
     * @param logits of which its own begin at {@code start}; may be modified there
     */
    void accept(float[] logits, int start);

    /** Whether it takes no more tokens; at the latest when there is no room. */
    boolean ended();

    /** The token sampled last. */
    int lastToken();
  }

  private final DecodingRows rows;

  /** The sequence in each row; null for a free one. */
  private final Sequence[] active;

  /** Rows from here on are free. */
  private int count;

  /**
   * An empty batch.
   *
   * @param rows to decode in, at least {@code batch}
   * @param batch rows decoded together, at most
   */
  ContinuousBatch(DecodingRows rows, int batch) {
    this.rows = rows;
    active = new Sequence[batch];
  }

  /**
   * Samples until all sequences have ended. They begin in order.
   *
   * @param batch rows decoded together, at most; no more than there are sequences are allocated
   * @param afterPass called after each pass of the model
   */
  static void run(
      LanguageModel model,
      ArrayPool pool,
      List<? extends Sequence> sequences,
      int batch,
      Runnable afterPass) {
    if (sequences.isEmpty()) {
      return;
    }
    int most = Math.min(batch, sequences.size());
    int capacity =
        sequences.stream()
            .mapToInt(sequence -> sequence.prompt().length + sequence.room())
            .max()
            .orElseThrow();
    Deque<Sequence> waiting = new ArrayDeque<>(sequences);
    try (DecodingRows rows = new DecodingRows(model, pool, most, capacity)) {
      ContinuousBatch running = new ContinuousBatch(rows, most);
      while (true) {
        while (!waiting.isEmpty() && running.free() > 0) {
          running.begin(waiting, MOST_PROMPT_TOKENS);
          afterPass.run();
        }
        if (!running.advance()) {
          return;
        }
        afterPass.run();
      }
    }
  }

  /** Rows without a sequence, or with one that has ended. */
  int free() {
    int free = 0;
    for (Sequence sequence : active) {
      if (sequence == null || sequence.ended()) {
        free++;
      }
    }
    return free;
  }

  /**
   * Begins as many of the waiting sequences as one pass takes, at least one, in order, and removes
   * them from those that wait. There must be a free row.
   *
   * @param waiting not empty
   * @param mostTokens tokens of the prompts that the pass computes, padding included, unless a
   *     single prompt is longer
   */
  void begin(Deque<? extends Sequence> waiting, int mostTokens) {
    dropEnded();
    List<int[]> prompts = new ArrayList<>();
    List<Sequence> begun = new ArrayList<>();
    int[] into = new int[active.length];
    int longest = 0;
    for (int row = 0; row < active.length && !waiting.isEmpty(); row++) {
      if (active[row] != null) {
        continue;
      }
      int[] prompt = waiting.peek().prompt();
      longest = Math.max(longest, prompt.length);
      if (!prompts.isEmpty() && (long) longest * (prompts.size() + 1) > mostTokens) {
        break;
      }
      into[prompts.size()] = row;
      prompts.add(prompt);
      begun.add(waiting.poll());
    }
    rows.begin(Arrays.copyOf(into, prompts.size()), prompts);
    for (int i = 0; i < begun.size(); i++) {
      active[into[i]] = begun.get(i);
      count = Math.max(count, into[i] + 1);
      accept(into[i], i);
    }
  }

  /** One more token for each sequence that has not ended; false if there is none. */
  boolean advance() {
    dropEnded();
    closeGaps();
    if (count == 0) {
      return false;
    }
    int[] tokens = new int[count];
    for (int row = 0; row < count; row++) {
      tokens[row] = active[row].lastToken();
    }
    rows.advance(tokens);
    for (int row = 0; row < count; row++) {
      accept(row, row);
    }
    return true;
  }

  /** Frees the rows of sequences that others have ended since the last pass. */
  private void dropEnded() {
    for (int row = 0; row < count; row++) {
      if (active[row] != null && active[row].ended()) {
        active[row] = null;
      }
    }
  }

  private void accept(int row, int inPass) {
    Sequence sequence = active[row];
    sequence.accept(rows.logits(), rows.start(inPass));
    if (sequence.ended()) {
      active[row] = null;
    }
  }

  /** Moves sequences so that those left are in the first rows. */
  private void closeGaps() {
    for (int row = 0; row < count; row++) {
      if (active[row] == null) {
        while (count > row && active[count - 1] == null) {
          count--;
        }
        if (row < count) {
          count--;
          rows.move(count, row);
          active[row] = active[count];
          active[count] = null;
        }
      }
    }
  }

  @Override
  public String toString() {
    return "ContinuousBatch" + Arrays.toString(active);
  }
}
