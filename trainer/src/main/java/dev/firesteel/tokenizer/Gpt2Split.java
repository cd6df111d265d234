package dev.firesteel.tokenizer;

/**
 * GPT-2's split of text into words, within which BPE merges:
 *
 * <pre>{@code
 * 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
 * }</pre>
 *
 * <p>Written as a scanner because {@code java.util.regex} follows the JDK's Unicode and recurses on
 * long runs. Every character belongs to exactly one word. Source: OpenAI's gpt-2 {@code
 * encoder.py}.
 */
final class Gpt2Split {
  /** The pattern as {@code tokenizer.json} files spell it out. */
  static final String PATTERN =
      "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

  private Gpt2Split() {}

  /** The end of the word that begins at {@code start} of {@code text[start, end)}, not empty. */
  static int wordEnd(String text, int start, int end) {
    char first = text.charAt(start);
    if (first == '\'') {
      int length = contractionLength(text, start, end);
      if (length > 0) {
        return start + length;
      }
    }
    int from = start;
    byte type = typeAt(text, from, end);
    if (first == ' ' && start + 1 < end) {
      byte next = typeAt(text, start + 1, end);
      if (next != UnicodeClasses.SPACE) {
        from = start + 1;
        type = next;
      }
    }
    int runEnd = runEnd(text, from, end, type);
    // The last blank before a word belongs to the word (if it is ' ') or stands alone.
    boolean blanksBeforeWord = type == UnicodeClasses.SPACE && runEnd < end && runEnd - start > 1;
    return blanksBeforeWord ? runEnd - 1 : runEnd;
  }

  private static int runEnd(String text, int from, int end, byte type) {
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

  private static byte typeAt(String text, int i, int end) {
    return UnicodeClasses.of(Utf8.codePoint(text, i, end));
  }

  private static int contractionLength(String text, int start, int end) {
    if (start + 1 >= end) {
      return 0;
    }
    char second = text.charAt(start + 1);
    if (second == 's' || second == 't' || second == 'm' || second == 'd') {
      return 2;
    }
    if (start + 2 >= end) {
      return 0;
    }
    char third = text.charAt(start + 2);
    boolean three =
        (second == 'r' && third == 'e')
            || (second == 'v' && third == 'e')
            || (second == 'l' && third == 'l');
    return three ? 3 : 0;
  }
}
