package dev.firesteel.chat;

import java.util.List;
import java.util.stream.Collectors;

/**
 * Text of a rendered conversation.
 *
 * @param pieces in their order
 * @param trained whether a model learns to write it
 */
public record TextSpan(List<Piece> pieces, boolean trained) {
  /**
   * Text of one origin.
   *
   * @param text not empty
   * @param typed whether it comes from a message, so that it spells no special token
   */
  public record Piece(String text, boolean typed) {}

  /** Copies the pieces. */
  public TextSpan {
    pieces = List.copyOf(pieces);
  }

  /** The whole text. */
  public String text() {
    return pieces.stream().map(Piece::text).collect(Collectors.joining());
  }
}
