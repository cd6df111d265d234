package dev.firesteel.error;

/**
 * An error that the user can fix: its message is shown as it is, without a stack trace (unless
 * {@code --verbose}), and says in one line what was required, what was got and what to do.
 *
 * <p>Every other exception is a bug in Firesteel and keeps its stack trace.
 */
public final class UserException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** The kind of error, which decides the exit code of the process. */
  public enum Kind {
    /** Wrong usage or configuration, detected before any work started. */
    USAGE(2),
    /** Work that started and could not continue: a full disk, a damaged file. */
    FAILURE(1);

    private final int exitCode;

    Kind(int exitCode) {
      this.exitCode = exitCode;
    }

    public int exitCode() {
      return exitCode;
    }
  }

  private final Kind kind;

  private UserException(Kind kind, String message, Throwable cause) {
    super(message, cause);
    this.kind = kind;
  }

  /** Wrong usage or configuration; the process ends with exit code 2. */
  public static UserException usage(String message) {
    return new UserException(Kind.USAGE, message, null);
  }

  /** Wrong usage or configuration with its cause; the process ends with exit code 2. */
  public static UserException usage(String message, Throwable cause) {
    return new UserException(Kind.USAGE, message, cause);
  }

  /** Work that could not continue; the process ends with exit code 1. */
  public static UserException failure(String message) {
    return new UserException(Kind.FAILURE, message, null);
  }

  /** Work that could not continue, with its cause; the process ends with exit code 1. */
  public static UserException failure(String message, Throwable cause) {
    return new UserException(Kind.FAILURE, message, cause);
  }

  public Kind kind() {
    return kind;
  }
}
