package dev.firesteel.retrieval;

import dev.firesteel.error.UserException;
import dev.firesteel.tokenizer.Tokenizer;
import java.util.ArrayList;
import java.util.List;

/**
 * Cuts documents into passages of at most so many tokens, at the ends of lines where there are any.
 * A passage begins with the last lines of the one before, so that what stands at a cut is whole in
 * one of them.
 */
public final class Passages {
  private final Tokenizer tokenizer;
  private final int mostTokens;
  private final int overlapTokens;

  /**
   * A cutter.
   *
   * @param mostTokens of a passage, at least 8
   * @param overlapTokens that a passage shares with the one before, at most; less than half of a
   *     passage
   */
  public Passages(Tokenizer tokenizer, int mostTokens, int overlapTokens) {
    if (mostTokens < 8 || overlapTokens < 0 || 2 * overlapTokens >= mostTokens) {
      throw UserException.usage(
          "passages must have at least 8 tokens and share less than half of them, got %d and %d: use a model with a longer context"
              .formatted(mostTokens, overlapTokens));
    }
    this.tokenizer = tokenizer;
    this.mostTokens = mostTokens;
    this.overlapTokens = overlapTokens;
  }

  /** A line, or a part of one that is too long. */
  private record Piece(int line, String text, int tokens) {}

  /** The passages of a document, in order; none if it holds white space alone. */
  public List<Passage> of(String source, String text) {
    List<Passage> passages = new ArrayList<>();
    List<Piece> current = new ArrayList<>();
    int tokens = 0;
    boolean fresh = false;
    for (Piece piece : pieces(text)) {
      if (tokens + piece.tokens > mostTokens && fresh) {
        add(source, current, passages);
        current = overlap(current, mostTokens - piece.tokens);
        tokens = current.stream().mapToInt(Piece::tokens).sum();
      }
      current.add(piece);
      tokens += piece.tokens;
      fresh = true;
    }
    if (fresh) {
      add(source, current, passages);
    }
    return passages;
  }

  private static void add(String source, List<Piece> pieces, List<Passage> passages) {
    StringBuilder text = new StringBuilder();
    pieces.forEach(piece -> text.append(piece.text));
    if (!text.toString().isBlank()) {
      passages.add(new Passage(source, pieces.get(0).line, text.toString()));
    }
  }

  /** The last pieces, as many as may be shared and leave room. */
  private List<Piece> overlap(List<Piece> pieces, int room) {
    int tokens = 0;
    int from = pieces.size();
    while (from > 1 && tokens + pieces.get(from - 1).tokens <= Math.min(overlapTokens, room)) {
      from--;
      tokens += pieces.get(from).tokens;
    }
    return new ArrayList<>(pieces.subList(from, pieces.size()));
  }

  private List<Piece> pieces(String text) {
    List<Piece> pieces = new ArrayList<>();
    int line = 1;
    for (int start = 0; start < text.length(); line++) {
      int end = text.indexOf('\n', start);
      end = end < 0 ? text.length() : end + 1;
      addLine(line, text.substring(start, end), pieces);
      start = end;
    }
    return pieces;
  }

  /** A line that is too long is cut between words, or else anywhere. */
  private void addLine(int line, String text, List<Piece> pieces) {
    int tokens = tokenizer.encode(text).length;
    if (tokens <= mostTokens) {
      pieces.add(new Piece(line, text, tokens));
      return;
    }
    int middle = text.length() / 2;
    int space = text.lastIndexOf(' ', middle);
    int cut = space > text.length() / 4 ? space + 1 : text.offsetByCodePoints(0, half(text));
    addLine(line, text.substring(0, cut), pieces);
    addLine(line, text.substring(cut), pieces);
  }

  private static int half(String text) {
    return Math.max(1, text.codePointCount(0, text.length()) / 2);
  }
}
