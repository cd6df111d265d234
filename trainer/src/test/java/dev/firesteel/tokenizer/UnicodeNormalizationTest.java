package dev.firesteel.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;

import java.text.Normalizer.Form;
import java.util.BitSet;
import java.util.SplittableRandom;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class UnicodeNormalizationTest {
  private static final BitSet ASSIGNED =
      UnicodeRanges.section("unicode-9-assigned.txt", "assigned");

  /** One token a byte, so that the oracle's ids are its normalized text. */
  private static HuggingFace oracle(Form form) {
    String json = BpeTokenizer.bytes().toJson();
    return new HuggingFace(
        json.replace("\"normalizer\": null", "\"normalizer\": {\"type\": \"" + form + "\"}"));
  }

  private static void assertNormalizesAlike(HuggingFace oracle, Form form, String text) {
    int[] ours = BpeTokenizer.bytes().encode(UnicodeNormalization.normalize(text, form));
    assertThat(ours).as("%s of '%s'", form, text).isEqualTo(oracle.encode(text));
  }

  @ParameterizedTest
  @EnumSource(names = {"NFC", "NFKD"})
  void normalizesEveryCodePointLikeHuggingFace(Form form) {
    try (HuggingFace oracle = oracle(form)) {
      StringBuilder text = new StringBuilder();
      for (int c = 0; c <= 0x33500; c++) {
        // What has no decomposition and no combining class shows nothing by itself.
        boolean surrogate = c >= Character.MIN_SURROGATE && c <= Character.MAX_SURROGATE;
        boolean ideograph = (c >= 0x3400 && c <= 0x9FFF) || (c >= 0x17000 && c <= 0x187F0);
        if (!surrogate
            && (!ideograph || c % 64 == 0)
            && (c < 0x20000 || c % 64 == 0 || c > 0x2F7FF)) {
          text.append("a\u0323").appendCodePoint(c).append("\u0301\u0327 ");
        }
        if (text.length() > 10_000 || c == 0x33500) {
          assertNormalizesAlike(oracle, form, text.toString());
          text.setLength(0);
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void normalizesSequencesLikeHuggingFace(Form form) {
    int[] combining =
        ASSIGNED.stream()
            .filter(c -> Character.getType(c) == Character.NON_SPACING_MARK || c == 0x1161)
            .toArray();
    try (HuggingFace oracle = oracle(form)) {
      for (long seed = 0; seed < 300; seed++) {
        SplittableRandom random = new SplittableRandom(seed);
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < 100; i++) {
          int any = random.nextInt(0x1F000);
          boolean mark = random.nextInt(3) > 0 || Character.getType(any) == Character.SURROGATE;
          text.appendCodePoint(mark ? combining[random.nextInt(combining.length)] : any);
        }
        assertNormalizesAlike(oracle, form, text.toString());
      }
    }
  }
}
