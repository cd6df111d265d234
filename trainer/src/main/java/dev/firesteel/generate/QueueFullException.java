package dev.firesteel.generate;

/** An engine has as many waiting completions as it takes. */
public final class QueueFullException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** With how many wait and how many may. */
  QueueFullException(int waiting, int most) {
    super("at most %d completions may wait, and %d do: try again later".formatted(most, waiting));
  }
}
