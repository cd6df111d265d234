package dev.firesteel.tales;

import java.util.Locale;

/** Whether the hero of a tale gets what it wants. */
public enum Outcome {
  /** The hero gets it. */
  GETS,
  /** The hero does not. */
  FAILS;

  /** As the field {@code ending} of a record gives it: {@code gets} or {@code fails}. */
  public String text() {
    return name().toLowerCase(Locale.ROOT);
  }

  /** The opposite outcome. */
  public Outcome other() {
    return this == GETS ? FAILS : GETS;
  }
}
