package dev.firesteel.generate;

import static org.assertj.core.api.Assertions.assertThat;

import dev.firesteel.tokenizer.CharTokenizer;
import dev.firesteel.tokenizer.Tokenizer;
import dev.firesteel.tokenizer.Tokenizers;
import java.io.IOException;
import java.io.InputStream;
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

  /** Llama 2's: a line break is the token of a byte, whose text waits for the next token. */
  private static Tokenizer llama() throws IOException {
    try (InputStream in = Tokenizer.class.getResourceAsStream("llama2-legacy.json")) {
      return Tokenizers.load(in, "llama2-legacy.json");
    }
  }

  @Test
  void thePromptsLastBytesAreNotPartOfTheCompletion() throws IOException {
    Tokenizer tokenizer = llama();
    for (String prompt : List.of("the\n", "the \uD83D\uDE80")) {
      int[] ids = tokenizer.encode(prompt);
      CompletionText completion = new CompletionText(tokenizer, ids, List.of("\n"));
      String text = "";
      for (int id : tokenizer.encode("the")) {
        text += completion.append(id);
      }
      text += completion.end();
      assertThat(text).isEqualTo(" the");
      assertThat(completion.stopped()).isFalse();
    }
  }

  @Test
  void aStopStringInTheLastBytesCounts() throws IOException {
    Tokenizer tokenizer = llama();
    CompletionText completion = new CompletionText(tokenizer, new int[0], List.of("\n"));
    for (int id : tokenizer.encode("the\n")) {
      completion.append(id);
    }
    assertThat(completion.stopped()).isFalse();
    completion.end();
    assertThat(completion.stopped()).isTrue();
    assertThat(completion.text()).isEqualTo("the");
  }
}
