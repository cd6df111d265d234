package dev.firesteel.generate;

import static org.assertj.core.api.Assertions.assertThat;

import dev.firesteel.tokenizer.CharTokenizer;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class CompletionTextTest {
  private static final CharTokenizer TOKENIZER = CharTokenizer.train(List.of("abcdef").iterator());

  /** What each token of {@code text} makes certain; the rest is the last element. */
  private static List<String> pieces(String text, String... stops) {
    CompletionText completion = new CompletionText(TOKENIZER, new int[0], List.of(stops));
    List<String> pieces = new ArrayList<>();
    for (int id : TOKENIZER.encode(text)) {
      if (!completion.stopped()) {
        pieces.add(completion.append(id));
      }
    }
    pieces.add(completion.end());
    assertThat(String.join("", pieces)).isEqualTo(completion.text());
    return pieces;
  }

  @Test
  void withoutStopStringsEachTokenIsCertain() {
    assertThat(pieces("abc")).containsExactly("a", "b", "c", "");
  }

  @Test
  void holdsBackWhatMayBeginAStopString() {
    assertThat(pieces("abcd", "bce")).containsExactly("a", "", "", "bcd", "");
    assertThat(pieces("abc", "bce")).containsExactly("a", "", "", "bc");
  }

  @Test
  void stopsAcrossTokens() {
    assertThat(pieces("abcef", "bce")).containsExactly("a", "", "", "", "");
  }

  @Test
  void theFirstOfSeveralStopStringsCounts() {
    assertThat(pieces("abcdef", "def", "cd")).containsExactly("a", "b", "", "", "");
  }

  @Test
  void aFailedBeginningMayHoldTheRealOne() {
    assertThat(pieces("aabab", "aab")).containsExactly("", "", "", "");
    assertThat(pieces("baaab", "aab")).containsExactly("b", "", "", "a", "", "");
  }
}
