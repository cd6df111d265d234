package dev.firesteel.tokenizer;

import java.util.Arrays;

/**
 * GPT-2's byte alphabet: each byte as one printable character, so that byte strings can be keys in
 * a JSON file. Printable Latin-1 bytes represent themselves; the other 68 are U+0100 onwards in
 * byte order (a space is {@code Ġ}). Source: {@code bytes_to_unicode} in OpenAI's gpt-2 {@code
 * encoder.py}.
 */
final class ByteAlphabet {
  private static final char[] CHAR_OF_BYTE = new char[256];
  private static final short[] BYTE_OF_CHAR = new short[256 + 68];

  static {
    Arrays.fill(BYTE_OF_CHAR, (short) -1);
    char next = 256;
    for (int b = 0; b < 256; b++) {
      boolean printable = (b >= '!' && b <= '~') || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE;
      char c = printable ? (char) b : next++;
      CHAR_OF_BYTE[b] = c;
      BYTE_OF_CHAR[c] = (short) b;
    }
  }

  private ByteAlphabet() {}

  static char toChar(int unsignedByte) {
    return CHAR_OF_BYTE[unsignedByte];
  }

  /** The byte that {@code c} represents, or -1 if {@code c} is not in the alphabet. */
  static int toByte(char c) {
    return c < BYTE_OF_CHAR.length ? BYTE_OF_CHAR[c] : -1;
  }

  /** The bytes of a token, or null if one of its characters is not in the alphabet. */
  static byte[] toBytes(String token) {
    byte[] bytes = new byte[token.length()];
    for (int i = 0; i < bytes.length; i++) {
      int b = toByte(token.charAt(i));
      if (b < 0) {
        return null;
      }
      bytes[i] = (byte) b;
    }
    return bytes;
  }
}
