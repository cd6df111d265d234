package dev.firesteel.jinja;

/** A template that cannot be read or rendered; the message does not have its name. */
public final class JinjaException extends RuntimeException {
  private static final long serialVersionUID = 1L;
  private final int line;

  JinjaException(int line, String reason) {
    super(reason);
    this.line = line;
  }

  /** The line of the template, from 1; 0 if it is not known. */
  public int line() {
    return line;
  }

  /** The same with a line, unless it has one. */
  JinjaException at(int where) {
    return line > 0 ? this : new JinjaException(where, getMessage());
  }
}
