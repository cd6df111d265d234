package dev.firesteel.tokenizer;

import java.util.HashMap;
import java.util.Map;
import java.util.function.ObjLongConsumer;

/**
 * How often each word of a {@link SplitPattern} occurs: all that BPE training needs to know about a
 * corpus. Counts of parts of a corpus, made anywhere and in any order, {@link #merge} into those of
 * the whole.
 *
 * <p>Not thread-safe.
 */
public final class WordCounts {
  private final SplitPattern pattern;
  private final Map<String, Count> counts = new HashMap<>();

  /** No words yet, of GPT-2's split. */
  public WordCounts() {
    this(SplitPattern.GPT2);
  }

  /** No words yet, of any split. */
  public WordCounts(SplitPattern pattern) {
    this.pattern = pattern;
  }

  /** How documents are split into words. */
  public SplitPattern pattern() {
    return pattern;
  }

  private static final class Count {
    long value;
  }

  /** Counts the words of one document, as plain text: special tokens in it are text. */
  public void addDocument(String document) {
    int end = document.length();
    for (int i = 0; i < end; ) {
      int wordEnd = pattern.wordEnd(document, i, end);
      addWord(document.substring(i, wordEnd), 1);
      i = wordEnd;
    }
  }

  /** Adds {@code count >= 0} occurrences of a word found by another {@code WordCounts}. */
  public void addWord(String word, long count) {
    if (count < 0) {
      throw new IllegalArgumentException("count of '" + word + "': must be >= 0, got " + count);
    }
    Count sum = counts.computeIfAbsent(word, unused -> new Count());
    sum.value = Math.addExact(sum.value, count);
  }

  /** Adds all counts of {@code other} to these. */
  public void merge(WordCounts other) {
    other.forEach(this::addWord);
  }

  /** Number of distinct words. */
  public int distinctWords() {
    return counts.size();
  }

  /** How often {@code word} was counted, 0 if never. */
  public long count(String word) {
    Count count = counts.get(word);
    return count == null ? 0 : count.value;
  }

  /** Each word with its count, in no particular order. */
  public void forEach(ObjLongConsumer<String> action) {
    counts.forEach((word, count) -> action.accept(word, count.value));
  }
}
