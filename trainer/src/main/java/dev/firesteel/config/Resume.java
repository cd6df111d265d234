package dev.firesteel.config;

/** Whether a run may be resumed with another value of a key than the checkpoint's. */
public enum Resume {
  /** No: the key changes what is computed. */
  FIXED("no"),
  /** Yes: the key changes no weight and no loss. */
  FREE("yes"),
  /** Yes, if the data and the tokenizer that the key leads to are those of the checkpoint. */
  SAME_DATA("same data"),
  /** Yes, if all steps so far had the same learning rates with the new value. */
  SAME_RATES("same rates");

  private final String title;

  Resume(String title) {
    this.title = title;
  }

  /** As {@code docs/configuration.md} says it. */
  String title() {
    return title;
  }
}
