package dev.firesteel.error;

import java.util.Locale;

/**
 * An error that the user can fix: its message is shown as it is, without a stack trace (unless
 * {@code --verbose}), and says in one line what was required, what was got and what to do.
 *
 * <p>Every other exception is a bug in Firesteel and keeps its stack trace.
 */
public final class UserException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** A message may quote a file, which may hold anything; beyond this it says nothing more. */
  private static final int LONGEST_MESSAGE = 2000;

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
    super(line(message), cause);
    this.kind = kind;
  }

  /**
   * One line that cannot steer a terminal: what a message quotes of a damaged file has its control
   * characters escaped, and the end of a long message is cut off.
   */
  private static String line(String message) {
    StringBuilder line = new StringBuilder();
    message
        .codePoints()
        .limit(LONGEST_MESSAGE)
        .forEach(
            c -> {
              if (Character.isISOControl(c)) {
                line.append(String.format(Locale.ROOT, "\\u%04x", c));
              } else {
                line.appendCodePoint(c);
              }
            });
    if (message.length() <= LONGEST_MESSAGE && line.length() <= LONGEST_MESSAGE) {
      return line.toString();
    }
    return line.substring(0, Math.min(line.length(), LONGEST_MESSAGE)) + "...";
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
