package dev.firesteel.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class StreamingDecoderTest {
  private final BpeTokenizer tokenizer = BpeTokenizer.bytes();

  @Test
  void holdsBackACharacterUntilItIsComplete() {
    StreamingDecoder decoder = tokenizer.streamingDecoder();

    assertThat(decoder.append('x')).isEqualTo("x");
    assertThat(decoder.append(0xF0)).isEmpty();
    assertThat(decoder.append(0x9F)).isEmpty();
    assertThat(decoder.append(0x98)).isEmpty();
    assertThat(decoder.append(0x80)).isEqualTo("😀");
    assertThat(decoder.end()).isEmpty();
  }

  @Test
  void showsWhatNeverBecameComplete() {
    StreamingDecoder decoder = tokenizer.streamingDecoder();

    assertThat(decoder.append(0xE2)).isEmpty();
    assertThat(decoder.append('x')).isEqualTo("\uFFFDx");
    assertThat(decoder.append(0xE2)).isEmpty();
    assertThat(decoder.append(0x82)).isEmpty();
    assertThat(decoder.end()).isEqualTo("\uFFFD");
    assertThat(decoder.append(0xAC)).as("starts afresh").isEqualTo("\uFFFD");
  }

  @Test
  void equalsDecodingAtOnce() {
    int[] interesting = {0x41, 0x80, 0xA0, 0xBF, 0xC3, 0xE0, 0xE2, 0xED, 0xF0, 0xF4, 0xFF, 256};
    for (long seed = 0; seed < 5_000; seed++) {
      SplittableRandom random = new SplittableRandom(seed);
      int[] ids =
          random.ints(random.nextInt(20), 0, interesting.length).map(i -> interesting[i]).toArray();
      StreamingDecoder decoder = tokenizer.streamingDecoder();
      StringBuilder text = new StringBuilder();
      for (int id : ids) {
        text.append(decoder.append(id));
      }
      text.append(decoder.end());
      assertThat(text).as("seed %d", seed).hasToString(tokenizer.decode(ids));
    }
  }
}
