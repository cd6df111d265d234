package dev.firesteel.tokenizer;

import java.util.Arrays;

/**
 * The four classes of GPT-2's split: {@code \p{L}}, {@code \p{N}}, {@code \s} and the rest.
 *
 * <p>The table is a built-in one for Unicode 16.0: {@link Character} follows the JDK (17 has
 * Unicode 13, 9,917 code points differ), and the same text must give the same ids on every JDK.
 * Unicode 16 is what Hugging Face's tokenizers (Oniguruma) use.
 */
final class UnicodeClasses {
  static final byte OTHER = 0;
  static final byte LETTER = 1;
  static final byte NUMBER = 2;
  static final byte SPACE = 3;

  private static final String RESOURCE = "unicode-16-letters-and-numbers.txt";
  private static final byte[] CLASS_OF_CODE_POINT = read();

  private UnicodeClasses() {}

  /** The class of a code point; surrogates are {@link #OTHER}, as U+FFFD is. */
  static byte of(int codePoint) {
    return CLASS_OF_CODE_POINT[codePoint];
  }

  private static byte[] read() {
    byte[] classes = new byte[Character.MAX_CODE_POINT + 1];
    UnicodeRanges.entries(
        RESOURCE, (section, entry) -> fill(classes, entry, section.equals("L") ? LETTER : NUMBER));
    // White_Space of PropList.txt: \s of Oniguruma and of Rust's regex, not that of the JDK.
    for (String range : "9-d 20 85 a0 1680 2000-200a 2028-2029 202f 205f 3000".split(" ", -1)) {
      fill(classes, range, SPACE);
    }
    return classes;
  }

  private static void fill(byte[] classes, String range, byte category) {
    UnicodeRanges.parse(range, (first, last) -> Arrays.fill(classes, first, last + 1, category));
  }
}
