package dev.firesteel.tokenizer;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Cuts text at added tokens as Hugging Face's {@code AddedVocabulary} does: leftmost match first,
 * the longest of several, first the tokens with {@code normalized: false}, then the others in what
 * is left. Where special tokens are to stay text, their matches are passed over.
 *
 * <p>One deliberate difference: white space that a token with {@code rstrip} swallowed is gone.
 * That library can match an added token of white space inside it and then emits the text twice.
 */
final class AddedTokens {
  /** Receives the parts of a text from left to right. */
  interface Parts {
    void text(int start, int end);

    void token(int id);
  }

  private final List<AddedToken> tokens;
  private final Matcher first;
  private final Matcher second;
  private final boolean allSpecial;

  /** {@code tokens} in the order of their ids. */
  AddedTokens(List<AddedToken> tokens) {
    this.tokens = List.copyOf(tokens);
    this.first = new Matcher(tokens.stream().filter(t -> !t.normalized()).toList());
    this.second = new Matcher(tokens.stream().filter(AddedToken::normalized).toList());
    this.allSpecial = tokens.stream().allMatch(AddedToken::special);
  }

  List<AddedToken> tokens() {
    return tokens;
  }

  void cut(String text, boolean withSpecial, Parts parts) {
    if (tokens.isEmpty() || (allSpecial && !withSpecial)) {
      if (!text.isEmpty()) {
        parts.text(0, text.length());
      }
      return;
    }
    first.cut(
        text,
        0,
        text.length(),
        withSpecial,
        new Parts() {
          @Override
          public void text(int start, int end) {
            second.cut(text, start, end, withSpecial, parts);
          }

          @Override
          public void token(int id) {
            parts.token(id);
          }
        });
  }

  private static final class Matcher {
    private final BitSet firstChars = new BitSet();
    private final Map<Character, List<AddedToken>> longestFirst = new HashMap<>();

    Matcher(List<AddedToken> tokens) {
      for (AddedToken token : tokens) {
        char c = token.content().charAt(0);
        firstChars.set(c);
        longestFirst.computeIfAbsent(c, unused -> new ArrayList<>()).add(token);
      }
      Comparator<AddedToken> byLength = Comparator.comparingInt(t -> t.content().length());
      longestFirst.values().forEach(list -> list.sort(byLength.reversed()));
    }

    void cut(String text, int start, int end, boolean withSpecial, Parts parts) {
      int done = start;
      int i = start;
      while (i < end) {
        AddedToken token = firstChars.get(text.charAt(i)) ? matchAt(text, i, end) : null;
        if (token == null) {
          i++;
          continue;
        }
        int tokenStart = i;
        int tokenEnd = i + token.content().length();
        i = tokenEnd;
        if (token.special() && !withSpecial) {
          continue;
        }
        while (token.lstrip() && tokenStart > done && isSpace(text, tokenStart - 1)) {
          tokenStart--;
        }
        while (token.rstrip() && tokenEnd < end && isSpace(text, tokenEnd)) {
          tokenEnd++;
        }
        if (done < tokenStart) {
          parts.text(done, tokenStart);
        }
        parts.token(token.id());
        done = tokenEnd;
        i = tokenEnd;
      }
      if (done < end) {
        parts.text(done, end);
      }
    }

    private AddedToken matchAt(String text, int at, int end) {
      for (AddedToken token : longestFirst.get(text.charAt(at))) {
        int length = token.content().length();
        if (length <= end - at && text.startsWith(token.content(), at)) {
          return token;
        }
      }
      return null;
    }

    private static boolean isSpace(String text, int i) {
      return UnicodeClasses.of(text.charAt(i)) == UnicodeClasses.SPACE;
    }
  }
}
