package dev.firesteel.tokenizer;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;

/**
 * UTF-8 as Rust, and so Hugging Face, decodes it: each maximal subpart of a malformed sequence
 * becomes one U+FFFD (Unicode 16, section 3.9, U+FFFD Substitution of Maximal Subparts). The JDK's
 * decoder differs for encoded surrogates: {@code ED A0 80} gives one U+FFFD instead of three.
 */
final class Utf8 {
  private static final char REPLACEMENT = '\uFFFD';

  private Utf8() {}

  /** The bytes of {@code text[start, end)}; an unpaired surrogate is written as U+FFFD. */
  static byte[] encode(String text, int start, int end) {
    int length = 0;
    for (int i = start; i < end; ) {
      int codePoint = codePoint(text, i, end);
      length += codePoint < 0x80 ? 1 : codePoint < 0x800 ? 2 : codePoint < 0x10000 ? 3 : 4;
      i += Character.charCount(codePoint);
    }
    byte[] bytes = new byte[length];
    int at = 0;
    for (int i = start; i < end; ) {
      int c = codePoint(text, i, end);
      i += Character.charCount(c);
      if (c < 0x80) {
        bytes[at++] = (byte) c;
      } else if (c < 0x800) {
        bytes[at++] = (byte) (0xC0 | (c >> 6));
        bytes[at++] = (byte) (0x80 | (c & 0x3F));
      } else if (c < 0x10000) {
        bytes[at++] = (byte) (0xE0 | (c >> 12));
        bytes[at++] = (byte) (0x80 | ((c >> 6) & 0x3F));
        bytes[at++] = (byte) (0x80 | (c & 0x3F));
      } else {
        bytes[at++] = (byte) (0xF0 | (c >> 18));
        bytes[at++] = (byte) (0x80 | ((c >> 12) & 0x3F));
        bytes[at++] = (byte) (0x80 | ((c >> 6) & 0x3F));
        bytes[at++] = (byte) (0x80 | (c & 0x3F));
      }
    }
    return bytes;
  }

  /** The code point at {@code i}, U+FFFD for a surrogate without its partner before {@code end}. */
  static int codePoint(String text, int i, int end) {
    char c = text.charAt(i);
    if (!Character.isSurrogate(c)) {
      return c;
    }
    if (Character.isHighSurrogate(c) && i + 1 < end) {
      char low = text.charAt(i + 1);
      if (Character.isLowSurrogate(low)) {
        return Character.toCodePoint(c, low);
      }
    }
    return REPLACEMENT;
  }

  /** The text with each unpaired surrogate as U+FFFD; the same object if it has none. */
  static String wellFormed(String text) {
    int length = text.length();
    for (int i = 0; i < length; i++) {
      if (Character.isSurrogate(text.charAt(i))) {
        StringBuilder wellFormed = new StringBuilder(length);
        for (int at = 0; at < length; ) {
          int codePoint = codePoint(text, at, length);
          wellFormed.appendCodePoint(codePoint);
          at += Character.charCount(codePoint);
        }
        return wellFormed.toString();
      }
    }
    return text;
  }

  /** Whether {@code bytes} are UTF-8 from end to end. */
  static boolean isValid(byte[] bytes) {
    try {
      StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes));
      return true;
    } catch (CharacterCodingException e) {
      return false;
    }
  }

  static String decode(byte[] bytes) {
    StringBuilder text = new StringBuilder(bytes.length);
    int decoded = decodePrefix(bytes, text);
    if (decoded < bytes.length) {
      text.append(REPLACEMENT);
    }
    return text.toString();
  }

  /**
   * Appends the text of {@code bytes} up to, not including, an incomplete sequence at the end that
   * more bytes could complete.
   *
   * @return the number of bytes decoded: {@code bytes.length} minus 0 to 3
   */
  static int decodePrefix(byte[] bytes, StringBuilder text) {
    int i = 0;
    while (i < bytes.length) {
      int first = bytes[i] & 0xFF;
      if (first < 0x80) {
        text.append((char) first);
        i++;
        continue;
      }
      int length = first < 0xC2 || first > 0xF4 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
      int valid = 1;
      int codePoint = first & (0xFF >> (length + 1));
      while (valid < length
          && i + valid < bytes.length
          && continues(first, valid, bytes[i + valid] & 0xFF)) {
        codePoint = (codePoint << 6) | (bytes[i + valid] & 0x3F);
        valid++;
      }
      if (valid == length && length > 1) {
        text.appendCodePoint(codePoint);
      } else if (valid < length && i + valid == bytes.length) {
        return i;
      } else {
        text.append(REPLACEMENT);
      }
      i += valid;
    }
    return i;
  }

  /** Whether {@code b} may follow as byte number {@code index} (Unicode 16, table 3-7). */
  private static boolean continues(int first, int index, int b) {
    int low = 0x80;
    int high = 0xBF;
    if (index == 1) {
      switch (first) {
        case 0xE0 -> low = 0xA0;
        case 0xED -> high = 0x9F;
        case 0xF0 -> low = 0x90;
        case 0xF4 -> high = 0x8F;
        default -> {}
      }
    }
    return b >= low && b <= high;
  }
}
