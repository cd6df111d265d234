package dev.firesteel.tokenizer;

import java.util.Optional;

/** How a byte-level BPE splits text into words, within which it merges. */
public enum SplitPattern {
  /** Letters, numbers and symbols apart, each with the space before it. */
  GPT2(Gpt2Split.PATTERN),

  /**
   * Llama 3's, which GPT-4's vocabulary has been published with, too: contractions in any case,
   * numbers of at most three digits, line ends with the symbols before them.
   */
  LLAMA3(
      "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}"
          + "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"),

  /** Llama 3's with each digit for itself. */
  QWEN2(
      "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}"
          + "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"),

  /** GPT-4o's (o200k): a capital after a small letter begins a word, and marks are in words. */
  GPT4O(
      "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+"
          + "(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
          + "|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*"
          + "(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
          + "|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+");

  private final String regex;

  SplitPattern(String regex) {
    this.regex = regex;
  }

  /** The pattern as {@code tokenizer.json} files spell it out. */
  String regex() {
    return regex;
  }

  /** The pattern that a file spells out, if it is one of these. */
  static Optional<SplitPattern> of(String regex) {
    for (SplitPattern pattern : values()) {
      if (pattern.regex.equals(regex)) {
        return Optional.of(pattern);
      }
    }
    return Optional.empty();
  }

  /** The end of the word that begins at {@code start} of {@code text[start, end)}, not empty. */
  int wordEnd(String text, int start, int end) {
    return switch (this) {
      case GPT2 -> Gpt2Split.wordEnd(text, start, end);
      case LLAMA3 -> Llama3Split.wordEnd(text, start, end, 3);
      case QWEN2 -> Llama3Split.wordEnd(text, start, end, 1);
      case GPT4O -> Gpt4oSplit.wordEnd(text, start, end);
    };
  }
}
