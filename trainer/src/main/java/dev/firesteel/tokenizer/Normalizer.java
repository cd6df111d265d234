package dev.firesteel.tokenizer;

/** Changes a text before it is split into words, as a file's {@code normalizer} demands. */
interface Normalizer {
  /** Leaves every text as it is. */
  Normalizer NONE = text -> text;

  /** The normalized text, perhaps the same object; {@code text} has no unpaired surrogate. */
  String normalize(String text);

  /** This normalizer, then {@code next}; {@link #NONE} adds nothing. */
  default Normalizer then(Normalizer next) {
    if (this == NONE) {
      return next;
    }
    return next == NONE ? this : text -> next.normalize(normalize(text));
  }
}
