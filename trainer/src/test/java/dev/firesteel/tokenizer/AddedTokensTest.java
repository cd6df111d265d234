package dev.firesteel.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class AddedTokensTest {
  @Test
  void takesTheLeftmostAndOfThoseTheLongest() {
    for (long seed = 0; seed < 3_000; seed++) {
      SplittableRandom random = new SplittableRandom(seed);
      Set<String> contents = new LinkedHashSet<>();
      for (int i = random.nextInt(1, 30); i > 0; i--) {
        contents.add(letters(random, random.nextInt(1, 6)));
      }
      String text = letters(random, random.nextInt(60));

      assertThat(parts(tokens(contents), text))
          .as("seed %d: %s in %s", seed, contents, text)
          .isEqualTo(slowly(List.copyOf(contents), text));
    }
  }

  /** Characters that are far apart, with a pair of surrogates. */
  private static String letters(SplittableRandom random, int length) {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < length; i++) {
      text.append("ab\uFF5C\uD83D\uDE42".charAt(random.nextInt(5)));
    }
    return text.toString();
  }

  /** As the rule says, by trying every token at every place. */
  private static List<String> slowly(List<String> contents, String text) {
    List<String> parts = new ArrayList<>();
    int done = 0;
    for (int i = 0; i < text.length(); ) {
      int at = i;
      String longest =
          contents.stream()
              .filter(content -> text.startsWith(content, at))
              .reduce("", (a, b) -> b.length() > a.length() ? b : a);
      if (longest.isEmpty()) {
        i++;
        continue;
      }
      if (done < i) {
        parts.add(text.substring(done, i));
      }
      parts.add("#" + contents.indexOf(longest));
      i += longest.length();
      done = i;
    }
    if (done < text.length()) {
      parts.add(text.substring(done));
    }
    return parts;
  }

  @ParameterizedTest
  @ValueSource(strings = {"<", "<|", "<|token_1", "<|token_19999|>", "no token "})
  void looksAtACharacterAsOftenWhateverTheNumberOfTokens(String unit) {
    Set<String> contents = new LinkedHashSet<>();
    IntStream.range(0, 20_000).forEach(i -> contents.add("<|token_" + i + "|>"));
    int longest = "<|token_19999|>".length();
    CountingText text = new CountingText(unit.repeat(2_000));

    tokens(contents).cut(text, true, new Recorder(text));

    assertThat(text.reads).isLessThanOrEqualTo((longest + 1L) * text.length());
  }

  private static AddedTokens tokens(Set<String> contents) {
    List<AddedToken> tokens = new ArrayList<>();
    contents.forEach(content -> tokens.add(AddedToken.special(tokens.size(), content)));
    return new AddedTokens(tokens);
  }

  private static List<String> parts(AddedTokens tokens, String text) {
    Recorder recorder = new Recorder(text);
    tokens.cut(text, true, recorder);
    return recorder.parts;
  }

  private static final class Recorder implements AddedTokens.Parts {
    private final CharSequence text;
    private final List<String> parts = new ArrayList<>();

    Recorder(CharSequence text) {
      this.text = text;
    }

    @Override
    public void text(int start, int end) {
      parts.add(text.subSequence(start, end).toString());
    }

    @Override
    public void token(int id) {
      parts.add("#" + id);
    }
  }

  /** Counts how often its characters are looked at. */
  private static final class CountingText implements CharSequence {
    private final String text;
    private long reads;

    CountingText(String text) {
      this.text = text;
    }

    @Override
    public char charAt(int index) {
      reads++;
      return text.charAt(index);
    }

    @Override
    public int length() {
      return text.length();
    }

    @Override
    public CharSequence subSequence(int start, int end) {
      return text.subSequence(start, end);
    }

    @Override
    public String toString() {
      return text;
    }
  }
}
