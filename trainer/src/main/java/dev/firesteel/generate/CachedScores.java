package dev.firesteel.generate;

import dev.firesteel.array.ArrayPool;
import dev.firesteel.model.LanguageModel;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/** A model's logits for a search, which copies sequences at each step. */
final class CachedScores implements NextTokenScores, AutoCloseable {
  private final List<int[]> prompts;
  private final int tokenizerVocabulary;
  private final DecodingRows rows;

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
    this.prompts = prompts;
    this.tokenizerVocabulary = tokenizerVocabulary;
    rows = new DecodingRows(model, pool, prompts.size(), capacity);
  }

  @Override
  public float[][] first() {
    rows.begin(IntStream.range(0, prompts.size()).toArray(), prompts);
    return logits(prompts.size());
  }

  @Override
  public float[][] next(int[] sources, int[] tokens) {
    rows.select(sources);
    rows.advance(tokens);
    return logits(tokens.length);
  }

  private float[][] logits(int batch) {
    float[][] logits = new float[batch][];
    for (int i = 0; i < batch; i++) {
      int start = rows.start(i);
      logits[i] = Arrays.copyOfRange(rows.logits(), start, start + tokenizerVocabulary);
    }
    return logits;
  }

  @Override
  public void close() {
    rows.close();
  }
}
