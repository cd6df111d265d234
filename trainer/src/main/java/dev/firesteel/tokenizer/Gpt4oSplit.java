package dev.firesteel.tokenizer;

/**
 * The split of GPT-4o (o200k), which also cuts words where a capital follows a small letter:
 *
 * <pre>{@code
 *  [^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?
 * |[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?
 * |\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+
 * }</pre>
 *
 * <p>Written as a scanner for the reasons of {@link Gpt2Split}. Every character belongs to exactly
 * one word. Source: OpenAI's tiktoken, {@code openai_public.py}.
 */
final class Gpt4oSplit {
  private static final int NONE = -1;

  private Gpt4oSplit() {}

  /** The end of the word that begins at {@code start} of {@code text[start, end)}, not empty. */
  static int wordEnd(String text, int start, int end) {
    int first = Utf8.codePoint(text, start, end);
    byte type = UnicodeClasses.of(first);
    if (type == UnicodeClasses.NUMBER) {
      return Llama3Split.numberEnd(text, start, end, 3);
    }
    int next = start + Character.charCount(first);
    // A mark may be the first alternative's leading character as well as part of its word.
    boolean mayLead = type != UnicodeClasses.LETTER && !Llama3Split.isLineEnd(first);
    int wordEnd = mayLead ? endingInSmall(text, next, end) : NONE;
    if (wordEnd == NONE) {
      wordEnd = endingInSmall(text, start, end);
    }
    if (wordEnd == NONE && mayLead) {
      wordEnd = capitals(text, next, end);
    }
    if (wordEnd == NONE) {
      wordEnd = capitals(text, start, end);
    }
    if (wordEnd != NONE) {
      return Llama3Split.contractionEnd(text, wordEnd, end);
    }
    int symbols = first == ' ' ? next : start;
    if (symbols < end && Llama3Split.typeAt(text, symbols, end) == UnicodeClasses.OTHER) {
      int i = Llama3Split.runEnd(text, symbols, end, UnicodeClasses.OTHER);
      while (i < end && (Llama3Split.isLineEnd(text.charAt(i)) || text.charAt(i) == '/')) {
        i++;
      }
      return i;
    }
    return Llama3Split.spaceEnd(text, start, end);
  }

  /** {@code [\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+}. */
  private static int endingInSmall(String text, int from, int end) {
    int i = from;
    int afterBoth = NONE;
    while (i < end) {
      int codePoint = Utf8.codePoint(text, i, end);
      byte letterCase = LetterCases.of(codePoint);
      if (letterCase == LetterCases.LOWER) {
        return smallEnd(text, i, end);
      }
      if (letterCase == LetterCases.NONE) {
        break;
      }
      i += Character.charCount(codePoint);
      // A match without small letters ends with the last character that may stand for one.
      afterBoth = letterCase == LetterCases.BOTH ? i : afterBoth;
    }
    return afterBoth;
  }

  private static int smallEnd(String text, int from, int end) {
    int i = from;
    while (i < end) {
      int codePoint = Utf8.codePoint(text, i, end);
      byte letterCase = LetterCases.of(codePoint);
      if (letterCase != LetterCases.LOWER && letterCase != LetterCases.BOTH) {
        break;
      }
      i += Character.charCount(codePoint);
    }
    return i;
  }

  /** The second alternative where the first has failed: no character can stand for a small one. */
  private static int capitals(String text, int from, int end) {
    int i = from;
    while (i < end) {
      int codePoint = Utf8.codePoint(text, i, end);
      if (LetterCases.of(codePoint) != LetterCases.UPPER) {
        break;
      }
      i += Character.charCount(codePoint);
    }
    return i > from ? i : NONE;
  }
}
