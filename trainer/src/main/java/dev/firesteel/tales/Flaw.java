package dev.firesteel.tales;

import java.util.List;

/** What may be wrong with a tale. */
public enum Flaw {
  /** The hero is of another kind than asked. */
  OTHER_HERO,
  /** The hero wants another thing than asked. */
  OTHER_WISH,
  /** The hero gets what it should not get, or the reverse. */
  OTHER_OUTCOME,
  /** From the outcome on, the hero is another animal with another name. */
  HERO_CHANGES,
  /** One sentence occurs twice. */
  REPEATED_SENTENCE,
  /** The tale breaks off before its outcome. */
  BREAKS_OFF,
  /** One sentence lacks a word, has one twice, or has two in the wrong order. */
  BROKEN_SENTENCE;

  /** The flaws that a text has regardless of what was asked. */
  public static final List<Flaw> OF_TEXT =
      List.of(HERO_CHANGES, REPEATED_SENTENCE, BREAKS_OFF, BROKEN_SENTENCE);

  /** The flaws that a text has only compared with the request. */
  public static final List<Flaw> OF_ANSWER = List.of(OTHER_HERO, OTHER_WISH, OTHER_OUTCOME);
}
