package dev.firesteel.tokenizer;

import java.util.Arrays;
import java.util.Comparator;
import java.util.List;

/**
 * Splits text at added tokens as Hugging Face's {@code AddedVocabulary} does: leftmost match first,
 * the longest of several, first the tokens with {@code normalized: false}, then the others in the
 * remaining text. If special tokens are to stay text, their matches are skipped. The cost does not
 * grow with the number of tokens.
 *
 * <p>One deliberate difference: white space consumed by a token with {@code rstrip} is gone. That
 * library can match an added token of white space inside it and then emits the text twice.
 */
final class AddedTokens {
  /** Receives the parts of a text from left to right. */
  interface Parts {
    void text(int start, int end);

    void token(int id);
  }

  /** Receives the parts of a text that is normalized between the tokens. */
  interface NormalizedParts {
    /**
     * Called with the text between tokens.
     *
     * @param text the normalized text of which {@code [start, end)} is a part
     * @param first whether the part begins where the whole text does
     */
    void text(String text, int start, int end, boolean first);

    void token(int id);
  }

  private final List<AddedToken> tokens;
  private final Matcher first;
  private final Matcher second;
  private final boolean allSpecial;
  private final Normalizer normalizer;

  /** {@code tokens} in the order of their ids. */
  AddedTokens(List<AddedToken> tokens) {
    this(tokens, Normalizer.NONE);
  }

  /**
   * Tokens of a text that is normalized between them by {@link #cutNormalized}. Those that are
   * matched in normalized text have to be spelled as it is.
   *
   * @param tokens in the order of their ids
   */
  AddedTokens(List<AddedToken> tokens, Normalizer normalizer) {
    this.tokens = List.copyOf(tokens);
    this.first = new Matcher(tokens.stream().filter(t -> !t.normalized()).toList());
    this.second =
        new Matcher(
            tokens.stream()
                .filter(AddedToken::normalized)
                .map(t -> t.spelled(normalizer.normalize(t.content())))
                .toList());
    this.allSpecial = tokens.stream().allMatch(AddedToken::special);
    this.normalizer = normalizer;
  }

  List<AddedToken> tokens() {
    return tokens;
  }

  void cut(CharSequence text, boolean withSpecial, Parts parts) {
    if (tokens.isEmpty() || (allSpecial && !withSpecial)) {
      if (text.length() > 0) {
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

  /** Like {@link #cut}; normalizes the text that the first tokens leave. */
  void cutNormalized(String text, boolean withSpecial, NormalizedParts parts) {
    Parts normalized =
        new Parts() {
          @Override
          public void text(int start, int end) {
            String piece = normalizer.normalize(text.substring(start, end));
            second.cut(
                piece,
                0,
                piece.length(),
                withSpecial,
                new Parts() {
                  @Override
                  public void text(int pieceStart, int pieceEnd) {
                    parts.text(piece, pieceStart, pieceEnd, start == 0 && pieceStart == 0);
                  }

                  @Override
                  public void token(int id) {
                    parts.token(id);
                  }
                });
          }

          @Override
          public void token(int id) {
            parts.token(id);
          }
        };
    first.cut(text, 0, text.length(), withSpecial, normalized);
  }

  private static final class Matcher {
    /** Indexed by a token's first character; null if no token begins with it. */
    private final Node[] beginnings;

    Matcher(List<AddedToken> tokens) {
      int highest = tokens.stream().mapToInt(token -> token.content().charAt(0)).max().orElse(-1);
      this.beginnings = new Node[highest + 1];
      tokens.stream().sorted(Comparator.comparing(AddedToken::content)).forEach(this::add);
    }

    /** In the order of their contents, so that each node's characters are in order. */
    private void add(AddedToken token) {
      String content = token.content();
      char first = content.charAt(0);
      if (beginnings[first] == null) {
        beginnings[first] = new Node();
      }
      Node node = beginnings[first];
      for (int i = 1; i < content.length(); i++) {
        node = node.lastOrNew(content.charAt(i));
      }
      // Of two tokens that normalize to the same text the first one counts.
      node.token = node.token == null ? token : node.token;
    }

    void cut(CharSequence text, int start, int end, boolean withSpecial, Parts parts) {
      int done = start;
      int i = start;
      while (i < end) {
        AddedToken token = longestAt(text, i, end);
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

    /** The longest token that begins here, in about as many steps as it has characters. */
    private AddedToken longestAt(CharSequence text, int at, int end) {
      char first = text.charAt(at);
      Node node = first < beginnings.length ? beginnings[first] : null;
      AddedToken longest = null;
      for (int i = at + 1; node != null; i++) {
        longest = node.token != null ? node.token : longest;
        node = i < end ? node.next(text.charAt(i)) : null;
      }
      return longest;
    }

    private static boolean isSpace(CharSequence text, int i) {
      return UnicodeClasses.of(text.charAt(i)) == UnicodeClasses.SPACE;
    }
  }

  /** A common prefix of tokens, in a trie over their characters. */
  private static final class Node {
    private char[] characters = new char[1];
    private Node[] nodes = new Node[1];
    private int size;

    /** The token that ends here, or null. */
    private AddedToken token;

    Node next(char c) {
      int i = Arrays.binarySearch(characters, 0, size, c);
      return i < 0 ? null : nodes[i];
    }

    /** The node after {@code c}, which is no smaller than any character before. */
    Node lastOrNew(char c) {
      if (size == 0 || characters[size - 1] != c) {
        if (size == characters.length) {
          characters = Arrays.copyOf(characters, 2 * size);
          nodes = Arrays.copyOf(nodes, 2 * size);
        }
        characters[size] = c;
        nodes[size] = new Node();
        size++;
      }
      return nodes[size - 1];
    }
  }
}
