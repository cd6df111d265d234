package dev.firesteel.generate;

import dev.firesteel.array.ArrayPool;
import dev.firesteel.array.Shape;
import dev.firesteel.model.LanguageModel;
import dev.firesteel.nn.CacheRows;
import dev.firesteel.nn.ForwardPass;
import dev.firesteel.nn.KeyValueCache;
import dev.firesteel.tensor.Tape;
import dev.firesteel.tensor.Tensor;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Sequences that are decoded together, one in each row of a key-value cache, and the logits of
 * their next tokens. Each token is computed once. The only class that runs a model for generation.
 */
final class DecodingRows implements AutoCloseable {
  private final LanguageModel model;
  private final ArrayPool pool;
  private final KeyValueCache cache;
  private float[] logits = new float[0];

  /**
   * @param rows sequences at a time
   * @param capacity the longest sequence, prompt plus completion
   */
  DecodingRows(LanguageModel model, ArrayPool pool, int rows, int capacity) {
    this.model = model;
    this.pool = pool;
    cache = model.newCache(pool, rows, capacity);
  }

  /**
   * Begins sequences, in place of those that the rows held; the other rows wait.
   *
   * @param rows where prompt i goes
   * @param prompts none of them empty
   */
  void begin(int[] rows, List<int[]> prompts) {
    int batch = prompts.size();
    int longest = prompts.stream().mapToInt(prompt -> prompt.length).max().orElseThrow();
    // Short prompts are padded on the right with id 0: causality hides padding from earlier tokens,
    // and the cache hides it from later ones.
    int[] ids = new int[batch * longest];
    int[] lengths = new int[batch];
    int[] lastRows = new int[batch];
    for (int i = 0; i < batch; i++) {
      int[] prompt = prompts.get(i);
      System.arraycopy(prompt, 0, ids, i * longest, prompt.length);
      lengths[i] = prompt.length;
      lastRows[i] = i * longest + prompt.length - 1;
    }
    cache.reset(rows);
    pass(cache.rows(rows), ids, longest, lengths, lastRows);
  }

  /** Gives the rows {@code [0, tokens.length)} one more token each; the others wait. */
  void advance(int... tokens) {
    int[] ones = new int[tokens.length];
    Arrays.fill(ones, 1);
    int[] rows = IntStream.range(0, tokens.length).toArray();
    pass(cache.range(0, tokens.length), tokens, 1, ones, rows);
  }

  /** Moves a sequence to another row, in place of that one's. */
  void move(int from, int to) {
    cache.move(from, to);
  }

  /** Row i becomes a copy of row {@code sources[i]}; the number of rows may change. */
  void select(int... sources) {
    cache.select(sources);
  }

  /**
   * The logits of the last pass, {@link #start} by {@link #start}; overwritten by the next pass,
   * and before that the caller's to modify.
   */
  float[] logits() {
    return logits;
  }

  /** Where the logits of the last pass's i-th sequence begin. */
  int start(int i) {
    return i * model.config().vocabularySize();
  }

  private void pass(CacheRows rows, int[] ids, int tokens, int[] counts, int[] lastRows) {
    int batch = counts.length;
    int size = Math.multiplyExact(batch, model.config().vocabularySize());
    if (logits.length < size) {
      logits = new float[size];
    }
    try (Tape tape = Tape.inference(model.parameters().backend(), pool)) {
      ForwardPass pass = ForwardPass.inference(tape, model.parameters());
      Tensor hidden = model.hidden(pass, tape.constant(ids, Shape.of(batch, tokens)), rows);
      // The last hidden state of each sequence, gathered like rows of an embedding table.
      Tensor table = hidden.reshape(batch * tokens, model.config().width());
      Tensor last = tokens == 1 ? table : tape.constant(lastRows, Shape.of(batch)).embedding(table);
      tape.backend().download(model.head(pass, last).array(), logits, 0);
    }
    rows.append(counts);
  }

  @Override
  public void close() {
    cache.close();
  }
}
