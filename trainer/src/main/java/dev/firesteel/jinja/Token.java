package dev.firesteel.jinja;

/**
 * A token of a template.
 *
 * @param text what it says: the data, the characters of a string, a name, an operator
 * @param line from 1
 */
record Token(Kind kind, String text, int line) {
  /** What a token is. */
  enum Kind {
    DATA,
    BLOCK_BEGIN,
    BLOCK_END,
    VARIABLE_BEGIN,
    VARIABLE_END,
    NAME,
    STRING,
    INTEGER,
    FLOAT,
    OPERATOR,
    END
  }

  boolean is(Kind other, String value) {
    return kind == other && text.equals(value);
  }

  /** How an error names it. */
  String described() {
    return kind == Kind.END ? "the end of the template" : "'" + text + "'";
  }
}
