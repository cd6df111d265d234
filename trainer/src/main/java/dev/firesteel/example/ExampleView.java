package dev.firesteel.example;

import dev.firesteel.tokenizer.Tokenizer;
import java.util.Arrays;
import java.util.Locale;

/**
 * An example for people to look at: what is trained stands out, and special tokens are visible as
 * such.
 */
public final class ExampleView {
  private static final String TRAINED = "\u001B[32m";
  private static final String DIM = "\u001B[2m";
  private static final String SPECIAL = "\u001B[7m";
  private static final String PLAIN = "\u001B[0m";

  private ExampleView() {}

  /**
   * The documents of an example with their counts.
   *
   * @param coloured for a terminal: trained text green, the rest dim, special tokens reversed;
   *     otherwise trained text is in {@code [[ ]]}, and special tokens are in {@code ‹ ›}
   */
  public static String of(Example example, Tokenizer tokenizer, boolean coloured) {
    StringBuilder view = new StringBuilder();
    int trained = 0;
    for (int i = 0; i < example.documents().size(); i++) {
      TrainedTokens document = example.documents().get(i);
      trained += document.trainedCount();
      if (example.documents().size() > 1) {
        view.append("document ").append(i + 1).append(":\n");
      }
      append(view, document, tokenizer, coloured);
      view.append('\n');
    }
    if (!example.fields().isEmpty()) {
      view.append("fields: ").append(example.fields()).append('\n');
    }
    double share = 100.0 * trained / example.length();
    return view.append(
            String.format(
                Locale.ROOT,
                "%,d tokens, %,d trained (%.1f %%)%n",
                example.length(),
                trained,
                share))
        .toString();
  }

  private static void append(
      StringBuilder view, TrainedTokens document, Tokenizer tokenizer, boolean coloured) {
    for (int start = 0; start < document.length(); ) {
      boolean trained = document.isTrained(start);
      boolean special = tokenizer.isSpecial(document.token(start));
      int end = start + 1;
      // Text is decoded as a whole, since a character may be several tokens.
      while (end < document.length()
          && !special
          && document.isTrained(end) == trained
          && !tokenizer.isSpecial(document.token(end))) {
        end++;
      }
      boolean opens = trained && (start == 0 || !document.isTrained(start - 1));
      boolean closes = trained && (end == document.length() || !document.isTrained(end));
      int[] ids = Arrays.copyOfRange(document.tokens(), start, end);
      String text = printable(tokenizer.decode(ids));
      if (coloured) {
        view.append(trained ? TRAINED : DIM).append(special ? SPECIAL : "").append(text);
        view.append(PLAIN);
      } else {
        view.append(opens ? "[[" : "").append(special ? "‹" + text + "›" : text);
        view.append(closes ? "]]" : "");
      }
      start = end;
    }
  }

  /** Text of a dataset must not steer the terminal. */
  private static String printable(String text) {
    StringBuilder printable = new StringBuilder();
    text.codePoints()
        .forEach(
            point -> {
              boolean control = Character.isISOControl(point) && point != '\n' && point != '\t';
              printable.appendCodePoint(control ? '\uFFFD' : point);
            });
    return printable.toString();
  }
}
