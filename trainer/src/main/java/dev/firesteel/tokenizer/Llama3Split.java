package dev.firesteel.tokenizer;

/**
 * The split of Llama 3 and, with single digits, of Qwen 2:
 *
 * <pre>{@code
 * (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*
 * |\s*[\r\n]+|\s+(?!\S)|\s+
 * }</pre>
 *
 * <p>Written as a scanner for the reasons of {@link Gpt2Split}. Every character belongs to exactly
 * one word.
 */
final class Llama3Split {
  private Llama3Split() {}

  /**
   * The end of the word that begins at {@code start} of {@code text[start, end)}, not empty.
   *
   * @param digits numbers are cut after so many characters
   */
  static int wordEnd(String text, int start, int end, int digits) {
    int first = Utf8.codePoint(text, start, end);
    byte type = UnicodeClasses.of(first);
    if (type == UnicodeClasses.LETTER) {
      return runEnd(text, start, end, UnicodeClasses.LETTER);
    }
    if (type == UnicodeClasses.NUMBER) {
      return numberEnd(text, start, end, digits);
    }
    int contractionEnd = contractionEnd(text, start, end);
    if (contractionEnd > start) {
      return contractionEnd;
    }
    int next = start + Character.charCount(first);
    if (next < end && !isLineEnd(first) && typeAt(text, next, end) == UnicodeClasses.LETTER) {
      return runEnd(text, next, end, UnicodeClasses.LETTER);
    }
    int symbols = first == ' ' ? next : start;
    if (symbols < end && typeAt(text, symbols, end) == UnicodeClasses.OTHER) {
      int i = runEnd(text, symbols, end, UnicodeClasses.OTHER);
      while (i < end && isLineEnd(text.charAt(i))) {
        i++;
      }
      return i;
    }
    return spaceEnd(text, start, end);
  }

  /** {@code (?i:'s|'t|'re|'ve|'m|'ll|'d)}; {@code start} if there is none. */
  static int contractionEnd(String text, int start, int end) {
    if (start + 1 >= end || text.charAt(start) != '\'') {
      return start;
    }
    char second = lower(text.charAt(start + 1));
    if (second == 's' || second == 't' || second == 'm' || second == 'd') {
      return start + 2;
    }
    char third = start + 2 < end ? lower(text.charAt(start + 2)) : 0;
    boolean three =
        (second == 'r' && third == 'e')
            || (second == 'v' && third == 'e')
            || (second == 'l' && third == 'l');
    return three ? start + 3 : start;
  }

  /** Case folding of Unicode, as far as it leads to a letter of a contraction. */
  private static char lower(char c) {
    return c == 'ſ' ? 's' : c >= 'A' && c <= 'Z' ? (char) (c + 32) : c;
  }

  /** {@code \p{N}{1,digits}}. */
  static int numberEnd(String text, int start, int end, int digits) {
    int i = start;
    for (int n = 0; n < digits && i < end; n++) {
      int codePoint = Utf8.codePoint(text, i, end);
      if (UnicodeClasses.of(codePoint) != UnicodeClasses.NUMBER) {
        break;
      }
      i += Character.charCount(codePoint);
    }
    return i;
  }

  /** {@code \s*[\r\n]+|\s+(?!\S)|\s+}, for a text that begins with white space. */
  static int spaceEnd(String text, int start, int end) {
    int i = start;
    int afterLineEnd = start;
    while (i < end && UnicodeClasses.of(text.charAt(i)) == UnicodeClasses.SPACE) {
      afterLineEnd = isLineEnd(text.charAt(i)) ? i + 1 : afterLineEnd;
      i++;
    }
    if (afterLineEnd > start) {
      return afterLineEnd;
    }
    return i < end && i - start > 1 ? i - 1 : i;
  }

  static boolean isLineEnd(int c) {
    return c == '\r' || c == '\n';
  }

  static int runEnd(String text, int from, int end, byte type) {
    int i = from;
    while (i < end) {
      int codePoint = Utf8.codePoint(text, i, end);
      if (UnicodeClasses.of(codePoint) != type) {
        break;
      }
      i += Character.charCount(codePoint);
    }
    return i;
  }

  static byte typeAt(String text, int i, int end) {
    return UnicodeClasses.of(Utf8.codePoint(text, i, end));
  }
}
