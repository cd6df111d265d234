package dev.firesteel.tokenizer;

import java.util.OptionalInt;
import java.util.Set;

/**
 * The tokens at document boundaries in a model's training data.
 *
 * @param start the token before a document, and so the meaning of an empty prompt
 * @param ends the tokens that end a document
 */
public record DocumentTokens(OptionalInt start, Set<Integer> ends) {
  public DocumentTokens {
    ends = Set.copyOf(ends);
  }

  /** One token separates documents, as in all data prepared by Firesteel. */
  public static DocumentTokens of(Tokenizer tokenizer) {
    OptionalInt end = tokenizer.endOfText();
    return new DocumentTokens(end, end.isPresent() ? Set.of(end.getAsInt()) : Set.of());
  }
}
