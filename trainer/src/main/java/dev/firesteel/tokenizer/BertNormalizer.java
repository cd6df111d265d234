package dev.firesteel.tokenizer;

import java.text.Normalizer.Form;
import java.util.BitSet;

/**
 * The normalizer of BERT's tokenizers. The categories are those of Hugging Face's library, which
 * are of Unicode 8.0, lower case is that of Unicode 16.0.
 *
 * @param cleanText removes control characters and makes every white space a space
 * @param chineseCharacters puts spaces around each ideograph
 * @param stripAccents decomposes and removes nonspacing marks
 * @param lowercase makes each character its lower case
 */
record BertNormalizer(
    boolean cleanText, boolean chineseCharacters, boolean stripAccents, boolean lowercase)
    implements Normalizer {
  private static final String RESOURCE = "unicode-8-categories.txt";
  private static final BitSet MARKS = UnicodeRanges.section(RESOURCE, "Mn");
  private static final BitSet PUNCTUATION = UnicodeRanges.section(RESOURCE, "P");
  private static final BitSet CONTROLS = UnicodeRanges.section(RESOURCE, "C");

  /** Whether BERT's pre-tokenizer makes this character a word of its own. */
  static boolean isPunctuation(int c) {
    boolean ascii =
        (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') || c >= '{';
    return (ascii && c <= '~') || PUNCTUATION.get(c);
  }

  @Override
  public String normalize(String text) {
    String normalized = cleanText || chineseCharacters ? cleaned(text) : text;
    if (stripAccents) {
      normalized = withoutMarks(UnicodeNormalization.normalize(normalized, Form.NFD));
    }
    return lowercase ? LetterCases.toLowerCase(normalized) : normalized;
  }

  private String cleaned(String text) {
    StringBuilder cleaned = new StringBuilder(text.length());
    text.codePoints()
        .forEach(
            c -> {
              if (cleanText && isRemoved(c)) {
                return;
              }
              if (chineseCharacters && isIdeograph(c)) {
                cleaned.append(' ').appendCodePoint(c).append(' ');
              } else if (cleanText && UnicodeClasses.of(c) == UnicodeClasses.SPACE) {
                cleaned.append(' ');
              } else {
                cleaned.appendCodePoint(c);
              }
            });
    return cleaned.toString();
  }

  private static boolean isRemoved(int c) {
    return c == 0xFFFD || (CONTROLS.get(c) && c != '\t' && c != '\n' && c != '\r');
  }

  /** The blocks that BERT's {@code _is_chinese_char} names, with its gap before U+2B920. */
  private static boolean isIdeograph(int c) {
    return (c >= 0x4E00 && c <= 0x9FFF)
        || (c >= 0x3400 && c <= 0x4DBF)
        || (c >= 0x20000 && c <= 0x2A6DF)
        || (c >= 0x2A700 && c <= 0x2B73F)
        || (c >= 0x2B740 && c <= 0x2B81F)
        || (c >= 0x2B920 && c <= 0x2CEAF)
        || (c >= 0xF900 && c <= 0xFAFF)
        || (c >= 0x2F800 && c <= 0x2FA1F);
  }

  private static String withoutMarks(String text) {
    StringBuilder kept = new StringBuilder(text.length());
    text.codePoints().filter(c -> !MARKS.get(c)).forEach(kept::appendCodePoint);
    return kept.toString();
  }
}
