package dev.firesteel.example;

/** The form of a dataset's records. */
public enum ExampleType {
  /** By the fields of each record. */
  AUTO,
  PROMPT_COMPLETION,
  ALPACA,
  MESSAGES,
  SHAREGPT,
  TEXT,
  PREFERENCE,
  RANKING,
  LABELLED,
  PROMPTS
}
