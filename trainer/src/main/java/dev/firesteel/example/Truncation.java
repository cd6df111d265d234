package dev.firesteel.example;

/** What becomes of an example that is too long. */
public enum Truncation {
  /** The first tokens are kept. */
  KEEP_START,
  /** The last tokens are kept. */
  KEEP_END,
  /** It is dropped. */
  DROP
}
