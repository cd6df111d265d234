package dev.firesteel.tokenizer;

/** Changes a text before it is split into words, as a file's {@code normalizer} demands. */
interface Normalizer {
  /** Leaves every text as it is. */
  Normalizer NONE = text -> text;

  /** The normalized text, perhaps the same object; {@code text} has no unpaired surrogate. */
  String normalize(String text);

  /** This normalizer, then {@code next}. */
  default Normalizer then(Normalizer next) {
    return text -> next.normalize(normalize(text));
  }
}
