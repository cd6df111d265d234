package dev.firesteel.example;

/** Why a record is no example. */
public enum RejectionReason {
  /** A field is not there. */
  MISSING_FIELD("missing field", true),
  /** A field is of another type than it must be. */
  WRONG_TYPE("wrong type", true),
  /** There is nothing to answer. */
  EMPTY_PROMPT("empty prompt", true),
  /** An answer has no text. */
  EMPTY_ANSWER("empty answer", true),
  /** No turn is an answer, or the last one is not where it must be. */
  NO_ANSWER("no answer", true),
  /** The last turn is an answer, where one is to be generated. */
  ANSWERED_PROMPT("answered prompt", true),
  /** Two answers are the same. */
  IDENTICAL_PAIR("identical pair", true),
  /** A turn is neither of the system nor of the user nor of the assistant. */
  UNKNOWN_ROLE("unknown role", true),
  /** More than one turn of the system. */
  TWO_SYSTEM_TURNS("two system turns", true),
  /** A turn of the system that is not the first. */
  LATE_SYSTEM_TURN("late system turn", true),
  /** The chat template refused the conversation. */
  TEMPLATE_FAILED("template failed", true),
  /** The tokenizer has no token for a character. */
  UNKNOWN_CHARACTER("unknown character", true),
  /** Longer than allowed, and such are dropped. */
  TOO_LONG("too long", false),
  /** The prompt leaves no room for the answer. */
  PROMPT_TOO_LONG("prompt too long", false),
  /** Two answers differ only after what is cut away. */
  IDENTICAL_WHEN_CUT("identical when cut", false);

  private final String label;
  private final boolean bad;

  RejectionReason(String label, boolean bad) {
    this.label = label;
    this.bad = bad;
  }

  /** A few words. */
  public String label() {
    return label;
  }

  /** Whether something is wrong with the record; otherwise it only does not fit. */
  public boolean isBad() {
    return bad;
  }
}
