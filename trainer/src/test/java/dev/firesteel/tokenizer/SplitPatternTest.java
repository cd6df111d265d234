package dev.firesteel.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The scanners cut where Hugging Face's library, with Oniguruma, cuts by the patterns. */
class SplitPatternTest {
  /** Parts on which the patterns' alternatives meet. */
  private static final String[] PARTS = {
    " ",
    "  ",
    "\t",
    "\n",
    "\r\n",
    "\n\n",
    "\u00A0",
    "\u2028",
    "'",
    "'s",
    "'S",
    "'\u017F",
    "'Ll",
    "'rE",
    "'VE",
    "'t",
    "'l",
    "a",
    "bc",
    "Z",
    "ZZ",
    "Ab",
    "\u01C5",
    "\u02B0",
    "\u6F22",
    "\u05D0",
    "\u0301",
    "\u0903",
    "\u20DD",
    "1",
    "23",
    "4567",
    "\u00B2",
    "\u2167",
    ".",
    "...",
    "/",
    "//",
    "-",
    "_",
    "\uD83D\uDE00",
    "\u200D",
    "\uFE0F",
    "\0",
    "\uE000",
    "\uFFFD",
    "\u0130",
    "\u00DF"
  };

  /** One token a byte, so that the words of the oracle's tokens show where it cuts. */
  private static String bytes(SplitPattern pattern) {
    String[] tokens = new String[256];
    for (int b = 0; b < 256; b++) {
      tokens[b] = String.valueOf(ByteAlphabet.toChar(b));
    }
    return new BpeTokenizer(tokens, List.of(), pattern, new int[0], new int[0], false).toJson();
  }

  private static long[] words(SplitPattern pattern, String text) {
    IntList words = new IntList(text.length());
    int word = 0;
    for (int i = 0; i < text.length(); word++) {
      int end = pattern.wordEnd(text, i, text.length());
      for (int b = Utf8.encode(text, i, end).length; b > 0; b--) {
        words.add(word);
      }
      i = end;
    }
    return IntStream.of(words.toArray()).asLongStream().toArray();
  }

  private static void assertCutsAlike(SplitPattern pattern, HuggingFace oracle, String text) {
    assertThat(words(pattern, text)).as("%s: '%s'", pattern, text).isEqualTo(oracle.words(text));
  }

  @ParameterizedTest
  @EnumSource
  void cutsHostileAndRandomTextAlike(SplitPattern pattern) {
    try (HuggingFace oracle = new HuggingFace(bytes(pattern))) {
      Texts.hostile().forEach(text -> assertCutsAlike(pattern, oracle, text));
      for (long seed = 0; seed < 1_000; seed++) {
        assertCutsAlike(pattern, oracle, Texts.random(new SplittableRandom(seed)));
      }
      for (long seed = 0; seed < 5_000; seed++) {
        SplittableRandom random = new SplittableRandom(seed);
        StringBuilder text = new StringBuilder();
        for (int i = random.nextInt(12); i >= 0; i--) {
          text.append(PARTS[random.nextInt(PARTS.length)]);
        }
        assertCutsAlike(pattern, oracle, text.toString());
      }
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"LLAMA3", "GPT4O"})
  void cutsEveryCodePointAlike(SplitPattern pattern) {
    try (HuggingFace oracle = new HuggingFace(bytes(pattern))) {
      StringBuilder text = new StringBuilder();
      for (int c : codePoints()) {
        // Before and after letters of either case, a number, symbols, and as a contraction.
        text.append('a').appendCodePoint(c).append("B.").appendCodePoint(c).append("1\n'");
        text.appendCodePoint(c);
        if (text.length() > 10_000) {
          assertCutsAlike(pattern, oracle, text.toString());
          text.setLength(0);
        }
      }
      assertCutsAlike(pattern, oracle, text.toString());
    }
  }

  /**
   * Beyond these there are private use and unassigned planes, where nothing changes; of ideographs
   * and Hangul syllables, which are all alike, some.
   */
  private static int[] codePoints() {
    return IntStream.concat(IntStream.range(0, 0x33500), IntStream.range(0xE0000, 0xE1000))
        .filter(c -> c < Character.MIN_SURROGATE || c > Character.MAX_SURROGATE)
        .filter(c -> c % 16 == 0 || !isUniform(c))
        .toArray();
  }

  private static boolean isUniform(int c) {
    return (c > 0x3410 && c < 0x4DA0)
        || (c > 0x4E10 && c < 0x9FF0)
        || (c > 0xAC10 && c < 0xD790)
        || (c > 0x20010 && c < 0x2A6D0)
        || (c > 0x2A710 && c < 0x2EBD0);
  }

  @Test
  void knowsItsPatternsAndNoOthers() {
    for (SplitPattern pattern : SplitPattern.values()) {
      assertThat(SplitPattern.of(pattern.regex())).contains(pattern);
    }
    assertThat(SplitPattern.of("\\s+")).isEmpty();
    assertThat(SplitPattern.of("")).isEmpty();
  }

  @Test
  void cutsTextsAsTheirModelsDo() {
    String text = "DON'T parseHTTPRequest(12345);\r\n\n  x";
    assertThat(parts(SplitPattern.GPT2, text))
        .containsExactly("DON", "'", "T", " parseHTTPRequest", "(", "12345", ");", "\r\n\n ", " x");
    assertThat(parts(SplitPattern.LLAMA3, text))
        .containsExactly("DON", "'T", " parseHTTPRequest", "(", "123", "45", ");\r\n\n", " ", " x");
    assertThat(parts(SplitPattern.QWEN2, text))
        .containsExactly(
            "DON", "'T", " parseHTTPRequest", "(", "1", "2", "3", "4", "5", ");\r\n\n", " ", " x");
    assertThat(parts(SplitPattern.GPT4O, text))
        .containsExactly("DON'T", " parse", "HTTPRequest", "(", "123", "45", ");\r\n\n", " ", " x");
  }

  private static List<String> parts(SplitPattern pattern, String text) {
    List<String> parts = new ArrayList<>();
    for (int i = 0; i < text.length(); ) {
      int end = pattern.wordEnd(text, i, text.length());
      parts.add(text.substring(i, end));
      i = end;
    }
    return parts;
  }
}
