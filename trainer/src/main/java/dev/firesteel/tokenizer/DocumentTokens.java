package dev.firesteel.tokenizer;

import java.util.OptionalInt;
import java.util.Set;

/**
 * The tokens at the borders of the documents that a model was trained on.
 *
 * @param start what a document begins behind, and so what an empty prompt stands for
 * @param ends tokens each of which ends a document
 */
public record DocumentTokens(OptionalInt start, Set<Integer> ends) {
  public DocumentTokens {
    ends = Set.copyOf(ends);
  }

  /** One token separates documents, as in all data that Firesteel prepares. */
  public static DocumentTokens of(Tokenizer tokenizer) {
    OptionalInt end = tokenizer.endOfText();
    return new DocumentTokens(end, end.isPresent() ? Set.of(end.getAsInt()) : Set.of());
  }
}
