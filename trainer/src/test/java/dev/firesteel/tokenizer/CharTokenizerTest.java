package dev.firesteel.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.firesteel.error.UserException;
import java.util.List;
import org.junit.jupiter.api.Test;

class CharTokenizerTest {
  @Test
  void hasNanoGptsVocabularyOfTinyShakespeare() {
    String text = Texts.shared("tinyshakespeare.txt");
    CharTokenizer tokenizer = CharTokenizer.train(List.of(text).iterator());

    // nanoGPT, data/shakespeare_char/readme and prepare.py: 65 characters, sorted.
    assertThat(tokenizer.vocabularySize()).isEqualTo(65);
    assertThat(tokenizer.encode("\n !$&',-.3:;?ABZaz"))
        .containsExactly(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 38, 39, 64);
    assertThat(tokenizer.encode(text)).hasSize(1_115_394);
    assertThat(tokenizer.decode(tokenizer.encode(text))).isEqualTo(text);
    assertThat(tokenizer.endOfText()).isEmpty();
    assertThat(tokenizer.withEndOfText().vocabularySize()).isEqualTo(66);
  }

  @Test
  void countsCodePointsNotChars() {
    CharTokenizer tokenizer = CharTokenizer.train(List.of("b😀a", "ab\uE000").iterator());

    assertThat(tokenizer.vocabularySize()).isEqualTo(4);
    assertThat(tokenizer.encode("a😀\uE000")).containsExactly(0, 3, 2);
    assertThat(tokenizer.token(3)).isEqualTo("😀");
    assertThat(tokenizer.id("b")).hasValue(1);
  }

  @Test
  void refusesACharacterThatItNeverSaw() {
    CharTokenizer tokenizer = CharTokenizer.train(List.of("abc").iterator());

    assertThatThrownBy(() -> tokenizer.encode("abé"))
        .isInstanceOf(UserException.class)
        .hasMessage(
            "Cannot encode the character 'é' (U+00E9) at index 2: the tokenizer knows only the 3"
                + " characters of its training text; train it on this text too, or use a BPE"
                + " tokenizer");
    assertThatThrownBy(() -> tokenizer.encode("\n"))
        .isInstanceOf(UserException.class)
        .hasMessageStartingWith("Cannot encode the character (U+000A) at index 0: ");
    assertThatThrownBy(() -> tokenizer.encode("😀"))
        .isInstanceOf(UserException.class)
        .hasMessageStartingWith("Cannot encode the character '😀' (U+1F600) at index 0: ");
    assertThatThrownBy(() -> tokenizer.encode("a\uD83D"))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("(U+FFFD) at index 1");
  }

  @Test
  void parsesTheEndOfTextOnlyWhenAsked() {
    CharTokenizer tokenizer =
        CharTokenizer.train(List.of("<|endoftext|>").iterator()).withEndOfText();
    int end = tokenizer.endOfText().orElseThrow();

    assertThat(end).isEqualTo(tokenizer.vocabularySize() - 1);
    assertThat(tokenizer.isSpecial(end)).isTrue();
    assertThat(tokenizer.encodeWithSpecialTokens("ten<|endoftext|>")).hasSize(4).endsWith(end);
    assertThat(tokenizer.encode("<|endoftext|>")).hasSize(13).doesNotContain(end);
    assertThat(tokenizer.decode(end)).isEqualTo("<|endoftext|>");
    assertThat(tokenizer.withEndOfText()).isSameAs(tokenizer);
  }

  @Test
  void comesBackFromItsFile() {
    CharTokenizer tokenizer = CharTokenizer.train(Texts.hostile().iterator()).withEndOfText();
    Tokenizer loaded = Tokenizers.load(tokenizer.toJson(), "test");

    assertThat(loaded).isInstanceOf(CharTokenizer.class);
    assertThat(loaded.toJson()).isEqualTo(tokenizer.toJson());
    for (String text : Texts.hostile()) {
      assertThat(loaded.encode(text)).isEqualTo(tokenizer.encode(text));
      assertThat(loaded.decode(loaded.encode(text))).isEqualTo(text);
    }
  }

  @Test
  void refusesNoText() {
    assertThatThrownBy(() -> CharTokenizer.train(List.of("").iterator()))
        .isInstanceOf(UserException.class)
        .hasMessage(
            "Cannot train a character tokenizer on no text: give at least one document that is not"
                + " empty");
  }
}
