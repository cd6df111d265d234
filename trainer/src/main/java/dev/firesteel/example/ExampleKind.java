package dev.firesteel.example;

/** What a stage makes of a record. */
public enum ExampleKind {
  /** Supervised fine-tuning: one document, whose answers are trained. */
  SFT("fine-tuning"),
  /** Reward models and DPO: a document for each answer, best first. */
  PREFERENCE("preferences"),
  /** KTO: one document, and whether its answer is good. */
  LABELLED("labelled answers"),
  /** Reinforcement learning: the prompt alone. */
  PROMPT("prompts");

  private final String label;

  ExampleKind(String label) {
    this.label = label;
  }

  /** How errors call it. */
  public String label() {
    return label;
  }
}
