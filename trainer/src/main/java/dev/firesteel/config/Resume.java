package dev.firesteel.config;

/** Whether a run may be resumed with a value of a key that differs from the checkpoint's. */
public enum Resume {
  /** No: the key changes what is computed. */
  FIXED("no"),
  /** Yes: the key changes no weight and no loss. */
  FREE("yes"),
  /** Yes, if the resulting data and tokenizer are the checkpoint's. */
  SAME_DATA("same data"),
  /** Yes, if the learning rates of all steps so far are the same with the new value. */
  SAME_RATES("same rates");

  private final String title;

  Resume(String title) {
    this.title = title;
  }

  /** The label in {@code docs/configuration.md}. */
  String title() {
    return title;
  }
}
