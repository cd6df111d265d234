package dev.firesteel.example;

/** Which tokens of a conversation are targets. */
public enum TrainOn {
  /** The assistant's, each answer with its end token. */
  ANSWERS,
  /** All. */
  ALL
}
