package dev.firesteel.generate;

import dev.firesteel.array.ArrayPool;
import dev.firesteel.model.LanguageModel;
import java.util.ArrayList;
import java.util.Arrays;
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
  private final List<? extends Sequence> sequences;
  private final Runnable afterPass;

  /** The sequence in each row; null for a free one. */
  private final Sequence[] active;

  /** Rows from here on are free. */
  private int count;

  /** The next of the sequences that have not begun. */
  private int next;

  private ContinuousBatch(
      DecodingRows rows, List<? extends Sequence> sequences, int batch, Runnable afterPass) {
    this.rows = rows;
    this.sequences = sequences;
    this.afterPass = afterPass;
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
    try (DecodingRows rows = new DecodingRows(model, pool, most, capacity)) {
      new ContinuousBatch(rows, sequences, most, afterPass).run();
    }
  }

  private void run() {
    while (true) {
      fill();
      closeGaps();
      if (count == 0) {
        return;
      }
      int[] tokens = new int[count];
      for (int row = 0; row < count; row++) {
        tokens[row] = active[row].lastToken();
      }
      rows.advance(tokens);
      for (int row = 0; row < count; row++) {
        accept(row, row);
      }
      afterPass.run();
    }
  }

  /** Begins sequences in free rows, until there are no more of either. */
  private void fill() {
    List<Integer> free = new ArrayList<>();
    while (next < sequences.size()) {
      free.clear();
      for (int row = 0; row < active.length; row++) {
        if (active[row] == null) {
          free.add(row);
        }
      }
      if (free.isEmpty()) {
        return;
      }
      begin(free);
    }
  }

  /** Begins as many sequences as one pass takes. */
  private void begin(List<Integer> free) {
    List<int[]> prompts = new ArrayList<>();
    int longest = 0;
    while (next + prompts.size() < sequences.size() && prompts.size() < free.size()) {
      int[] prompt = sequences.get(next + prompts.size()).prompt();
      longest = Math.max(longest, prompt.length);
      if (!prompts.isEmpty() && (long) longest * (prompts.size() + 1) > MOST_PROMPT_TOKENS) {
        break;
      }
      prompts.add(prompt);
    }
    int[] into = free.stream().mapToInt(Integer::intValue).limit(prompts.size()).toArray();
    rows.begin(into, prompts);
    for (int i = 0; i < into.length; i++) {
      active[into[i]] = sequences.get(next++);
      count = Math.max(count, into[i] + 1);
      accept(into[i], i);
    }
    afterPass.run();
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
