package dev.firesteel.tokenizer;

import java.text.Normalizer.Form;
import java.util.BitSet;

/**
 * Unicode's normalization forms by Unicode 9.0, on every JDK, because Hugging Face's normalizers
 * follow that version: a later character is a boundary that nothing combines with. For the
 * characters of 9.0 no later version changes the forms (Unicode's stability policy), so the JDK
 * normalizes the text between the boundaries.
 */
final class UnicodeNormalization {
  private static final BitSet ASSIGNED =
      UnicodeRanges.section("unicode-9-assigned.txt", "assigned");

  private UnicodeNormalization() {}

  static String normalize(String text, Form form) {
    int length = text.length();
    int known = knownEnd(text, 0);
    if (known == length) {
      return java.text.Normalizer.normalize(text, form);
    }
    StringBuilder normalized = new StringBuilder(length);
    int start = 0;
    while (start < length) {
      if (known > start) {
        normalized.append(java.text.Normalizer.normalize(text.substring(start, known), form));
      }
      start = known;
      while (start < length && !ASSIGNED.get(text.codePointAt(start))) {
        normalized.appendCodePoint(text.codePointAt(start));
        start += Character.charCount(text.codePointAt(start));
      }
      known = knownEnd(text, start);
    }
    return normalized.toString();
  }

  private static int knownEnd(String text, int start) {
    int i = start;
    while (i < text.length() && ASSIGNED.get(text.codePointAt(i))) {
      i += Character.charCount(text.codePointAt(i));
    }
    return i;
  }
}
