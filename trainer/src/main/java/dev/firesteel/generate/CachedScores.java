package dev.firesteel.generate;

import dev.firesteel.array.ArrayPool;
import dev.firesteel.array.Shape;
import dev.firesteel.model.LanguageModel;
import dev.firesteel.nn.ForwardPass;
import dev.firesteel.nn.KeyValueCache;
import dev.firesteel.tensor.Tape;
import dev.firesteel.tensor.Tensor;
import java.util.List;

/** A model's logits with a key-value cache: each token is computed once. */
final class CachedScores implements NextTokenScores, AutoCloseable {
  private final LanguageModel model;
  private final ArrayPool pool;
  private final List<int[]> prompts;
  private final int tokenizerVocabulary;
  private final KeyValueCache cache;

  /**
   * @param prompts not empty, none of them empty
   * @param capacity the longest sequence, prompt plus completion
   * @param tokenizerVocabulary how many logits to return: ids beyond the tokenizer's vocabulary (a
   *     rounded-up vocabulary size) must not be generated
   */
  CachedScores(
      LanguageModel model,
      ArrayPool pool,
      List<int[]> prompts,
      int capacity,
      int tokenizerVocabulary) {
    this.model = model;
    this.pool = pool;
    this.prompts = prompts;
    this.tokenizerVocabulary = tokenizerVocabulary;
    cache = model.newCache(pool, prompts.size(), capacity);
  }

  @Override
  public float[][] first() {
    int batch = prompts.size();
    int longest = prompts.stream().mapToInt(prompt -> prompt.length).max().orElseThrow();
    // Short prompts are padded on the right with id 0: causality hides padding from earlier tokens,
    // and
    // the cache hides it from later ones.
    int[] ids = new int[batch * longest];
    int[] lengths = new int[batch];
    int[] lastRows = new int[batch];
    for (int b = 0; b < batch; b++) {
      int[] prompt = prompts.get(b);
      System.arraycopy(prompt, 0, ids, b * longest, prompt.length);
      lengths[b] = prompt.length;
      lastRows[b] = b * longest + prompt.length - 1;
    }
    return pass(ids, longest, lengths, lastRows);
  }

  @Override
  public float[][] next(int[] sources, int[] tokens) {
    cache.select(sources);
    int[] ones = new int[tokens.length];
    int[] rows = new int[tokens.length];
    for (int i = 0; i < tokens.length; i++) {
      ones[i] = 1;
      rows[i] = i;
    }
    return pass(tokens, 1, ones, rows);
  }

  private float[][] pass(int[] ids, int tokens, int[] counts, int[] lastRows) {
    int batch = counts.length;
    int vocabulary = model.config().vocabularySize();
    float[] flat = new float[Math.multiplyExact(batch, vocabulary)];
    try (Tape tape = Tape.inference(model.parameters().backend(), pool)) {
      ForwardPass pass = ForwardPass.inference(tape, model.parameters());
      Tensor hidden = model.hidden(pass, tape.constant(ids, Shape.of(batch, tokens)), cache);
      // The last hidden state of each sequence, gathered like rows of an embedding table.
      Tensor table = hidden.reshape(batch * tokens, model.config().width());
      Tensor last = tape.constant(lastRows, Shape.of(batch)).embedding(table);
      tape.backend().download(model.head(pass, last).array(), flat, 0);
    }
    cache.append(counts);
    float[][] logits = new float[batch][tokenizerVocabulary];
    for (int b = 0; b < batch; b++) {
      System.arraycopy(flat, b * vocabulary, logits[b], 0, tokenizerVocabulary);
    }
    return logits;
  }

  @Override
  public void close() {
    cache.close();
  }
}
