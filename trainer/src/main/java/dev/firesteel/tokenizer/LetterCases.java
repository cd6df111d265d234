package dev.firesteel.tokenizer;

import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;

/**
 * What GPT-4o's split knows of a character besides {@link UnicodeClasses}, and lower case, by
 * Unicode 16.0 on every JDK.
 */
final class LetterCases {
  /** Neither a letter nor a mark. */
  static final byte NONE = 0;

  /** {@code [\p{Lu}\p{Lt}]}: only the first part of a word. */
  static final byte UPPER = 1;

  /** {@code \p{Ll}}: only the second part of a word. */
  static final byte LOWER = 2;

  /** {@code [\p{Lm}\p{Lo}\p{M}]}: both parts. */
  static final byte BOTH = 3;

  private static final String RESOURCE = "unicode-16-letter-cases.txt";
  private static final byte[] CLASS_OF_CODE_POINT = new byte[Character.MAX_CODE_POINT + 1];
  private static final Map<Integer, Integer> LOWER_CASE = new HashMap<>();

  static {
    for (int c = 0; c <= Character.MAX_CODE_POINT; c++) {
      CLASS_OF_CODE_POINT[c] = UnicodeClasses.of(c) == UnicodeClasses.LETTER ? BOTH : NONE;
    }
    UnicodeRanges.entries(
        RESOURCE,
        (section, entry) -> {
          switch (section) {
            case "Lu Lt" -> fill(entry, UPPER);
            case "Ll" -> fill(entry, LOWER);
            case "M" -> fill(entry, BOTH);
            default -> addLowerCase(entry);
          }
        });
  }

  private LetterCases() {}

  private static void fill(String range, byte type) {
    UnicodeRanges.parse(
        range, (first, last) -> Arrays.fill(CLASS_OF_CODE_POINT, first, last + 1, type));
  }

  /** {@code 100-12e/2:101}: each second code point of a range, the first becomes U+0101. */
  private static void addLowerCase(String entry) {
    int colon = entry.indexOf(':');
    int slash = entry.indexOf('/');
    int step = slash < 0 ? 1 : Integer.parseInt(entry.substring(slash + 1, colon));
    int target = Integer.parseInt(entry.substring(colon + 1), 16);
    UnicodeRanges.parse(
        entry.substring(0, slash < 0 ? colon : slash),
        (first, last) -> {
          for (int c = first; c <= last; c += step) {
            LOWER_CASE.put(c, target + c - first);
          }
        });
  }

  /** The class of a code point. */
  static byte of(int codePoint) {
    return CLASS_OF_CODE_POINT[codePoint];
  }

  /**
   * The lower case of each character by itself, as Rust's {@code char::to_lowercase}: no rule
   * depends on a character's neighbors or on the language; {@code İ} becomes two characters.
   */
  static String toLowerCase(String text) {
    StringBuilder lower = new StringBuilder(text.length());
    for (int i = 0; i < text.length(); ) {
      int c = text.codePointAt(i);
      i += Character.charCount(c);
      if (c < 0x80) {
        lower.append((char) (c >= 'A' && c <= 'Z' ? c + 32 : c));
      } else {
        lower.appendCodePoint(LOWER_CASE.getOrDefault(c, c));
        if (c == 'İ') {
          lower.append('\u0307');
        }
      }
    }
    return lower.toString();
  }
}
