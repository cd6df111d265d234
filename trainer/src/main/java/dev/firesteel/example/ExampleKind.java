package dev.firesteel.example;

/** What a stage makes of a record. */
public enum ExampleKind {
  /** One document of which the answers are trained. */
  SFT,
  /** A document for each answer to a prompt, best first. */
  PREFERENCE,
  /** One document with a {@code label} that says whether its answer is good. */
  LABELLED,
  /** A prompt alone. */
  PROMPT
}
