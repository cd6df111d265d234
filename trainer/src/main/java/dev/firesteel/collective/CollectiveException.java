package dev.firesteel.collective;

/** A call of a {@link Collective} that cannot be completed, because a rank failed or was lost. */
public final class CollectiveException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public CollectiveException(String message) {
    super(message);
  }

  public CollectiveException(String message, Throwable cause) {
    super(message, cause);
  }
}
