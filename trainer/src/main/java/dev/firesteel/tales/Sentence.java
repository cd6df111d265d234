package dev.firesteel.tales;

import java.util.Map;
import java.util.Optional;

/**
 * A sentence that the grammar accepts.
 *
 * @param role its place in a tale
 * @param outcome the outcome that it reports, or that its feeling belongs to; empty for others
 * @param slots the words in its slots by the slots' names, such as {@code hero}
 */
record Sentence(Role role, Optional<Outcome> outcome, Map<String, String> slots) {
  /** The places of a tale's sentences, in order; each is taken once at most. */
  enum Role {
    INTRODUCTION(true),
    DETAIL(false),
    WISH(true),
    OBSTACLE(true),
    ATTEMPT(false),
    OUTCOME(true),
    FEELING(false);

    private final boolean required;

    Role(boolean required) {
      this.required = required;
    }

    /** Whether each tale has such a sentence. */
    boolean isRequired() {
      return required;
    }
  }

  /** Number of roles that each tale has. */
  static final int REQUIRED = 4;
}
