package dev.firesteel.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

class Gpt2SplitTest {
  private static List<String> words(String text) {
    List<String> words = new ArrayList<>();
    for (int i = 0; i < text.length(); ) {
      int end = Gpt2Split.wordEnd(text, i, text.length());
      words.add(text.substring(i, end));
      i = end;
    }
    return words;
  }

  @Test
  void keepsOneSpaceWithTheWordAfterIt() {
    assertThat(words("Hello world  again")).containsExactly("Hello", " world", " ", " again");
    assertThat(words("a\n\n  b")).containsExactly("a", "\n\n ", " b");
    assertThat(words("a\n\nb")).containsExactly("a", "\n", "\n", "b");
    assertThat(words("a \t")).containsExactly("a", " \t");
  }

  @Test
  void cutsContractionsLettersNumbersAndTheRest() {
    assertThat(words("It's we'll'x 'S"))
        .containsExactly("It", "'s", " we", "'ll", "'", "x", " '", "S");
    assertThat(words("x=12.5;//end")).containsExactly("x", "=", "12", ".", "5", ";//", "end");
    assertThat(words(" 's don't")).containsExactly(" '", "s", " don", "'t");
    assertThat(words("'r'v'l'")).containsExactly("'", "r", "'", "v", "'", "l", "'");
  }

  @Test
  void readsALoneSurrogateAsASymbol() {
    assertThat(words("a\uD83Db")).containsExactly("a", "\uD83D", "b");
    assertThat(words("a\uDE00!\uD83D")).containsExactly("a", "\uDE00!\uD83D");
  }

  @Test
  void equalsThePatternOnAsciiText() {
    Pattern pattern = Pattern.compile(Gpt2Split.PATTERN);
    char[] letters = " \t\n'strevmld1.A".toCharArray();
    for (long seed = 0; seed < 20_000; seed++) {
      SplittableRandom random = new SplittableRandom(seed);
      StringBuilder text = new StringBuilder();
      for (int i = random.nextInt(30); i > 0; i--) {
        text.append(letters[random.nextInt(letters.length)]);
      }
      List<String> expected = new ArrayList<>();
      for (Matcher m = pattern.matcher(text); m.find(); ) {
        expected.add(m.group());
      }
      assertThat(words(text.toString())).as("seed %d", seed).isEqualTo(expected);
    }
  }
}
