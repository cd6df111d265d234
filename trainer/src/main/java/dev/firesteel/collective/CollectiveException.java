package dev.firesteel.collective;

import java.util.Optional;

/** A {@link Collective} call that cannot be completed, because a rank failed or was lost. */
public final class CollectiveException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final CollectiveFailure failure;

  public CollectiveException(String message) {
    super(message);
    this.failure = null;
  }

  public CollectiveException(String message, Throwable cause) {
    super(message, cause);
    this.failure = null;
  }

  /**
   * @param cause null if there is none
   */
  public CollectiveException(CollectiveFailure failure, Throwable cause) {
    super(failure.message(), cause);
    this.failure = failure;
  }

  /** Details of the failure: which rank, which call, and the failure that led to it. */
  public Optional<CollectiveFailure> failure() {
    return Optional.ofNullable(failure);
  }
}
