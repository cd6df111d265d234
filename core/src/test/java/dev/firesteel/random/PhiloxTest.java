package dev.firesteel.random;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class PhiloxTest {
  /** Random123's kat_vectors, philox4x32 with 10 rounds. */
  @Test
  void agreesWithTheAuthorsKnownAnswers() {
    assertThat(block(0, 0, 0)).containsExactly(0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8);
    assertThat(block(-1, -1, -1)).containsExactly(0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd);
    assertThat(block(0x299f31d0_a4093822L, 0x85a308d3_243f6a88L, 0x03707344_13198a2eL))
        .containsExactly(0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1);
  }

  @Test
  void uniformsAreTheUpperBitsOfTheWordsInOrder() {
    int[] words = new int[8];
    Philox.block(42, 0, words, 0);
    Philox.block(42, 1, words, 4);
    for (int i = 0; i < words.length; i++) {
      assertThat(Philox.uniform(42, i))
          .isEqualTo(Philox.toUniform(words[i]))
          .isBetween(0f, Math.nextDown(1f))
          .isEqualTo((float) ((words[i] >>> 8) / 16777216.0));
    }
  }

  @Test
  void uniformsAreBelowOneForAllOnes() {
    assertThat(Philox.toUniform(-1)).isLessThan(1f);
    assertThat(Philox.toUniform(0)).isZero();
  }

  private static int[] block(long key, long low, long high) {
    int[] words = new int[4];
    Philox.block(key, low, high, words, 0);
    return words;
  }
}
