package dev.firesteel.rate;

import dev.firesteel.error.UserException;
import java.util.Locale;
import java.util.stream.Stream;

/** What a person says of two answers. */
public enum Verdict {
  /** The left one is better. */
  LEFT,
  /** The right one is better. */
  RIGHT,
  /** Neither is better. */
  TIE,
  /** The prompt is left out. */
  SKIP;

  /**
   * The verdict of a name.
   *
   * @throws UserException if it is none
   */
  public static Verdict of(String name) {
    return Stream.of(values())
        .filter(each -> each.label().equals(name))
        .findFirst()
        .orElseThrow(
            () ->
                UserException.usage(
                    "a verdict must be left, right, tie or skip, got %s: send one of them"
                        .formatted(name)));
  }

  String label() {
    return name().toLowerCase(Locale.ROOT);
  }

  boolean isPreference() {
    return this == LEFT || this == RIGHT;
  }
}
