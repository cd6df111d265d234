package dev.firesteel.tales;

import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/**
 * The words that fill the slots of the grammar's templates. Nouns and adjectives begin with a
 * consonant, so that "a" always precedes them.
 */
final class Words {
  static final List<String> HEROES =
      words(
          "bear cat cow deer dog duck fox frog goat goose hen horse lion mouse pig rabbit sheep"
              + " tiger turtle wolf");
  static final List<String> NAMES =
      words(
          "Anna Ben Clara David Ella Finn Greta Hugo Ida Jack Kate Leo Mia Nora Oscar Paul Rosa"
              + " Sam Tom Zoe");
  static final List<String> TRAITS =
      words("brave clever curious gentle hungry lazy little proud quiet shy strong young");
  static final List<String> WISHES =
      words(
          "bell boat book cake coat crown drum flute hat kite lamp mirror necklace pearl pie ring"
              + " rose shell sword violin");

  /** What stands in the way, and what a hero may try to do to it. */
  static final Map<String, List<String>> ATTEMPTS =
      Map.of(
          "river", words("cross swim"),
          "wall", words("climb break"),
          "mountain", words("climb pass"),
          "dragon", words("fight trick"),
          "giant", words("fight fool"),
          "witch", words("trick beg"),
          "gate", words("open push"),
          "storm", words("face brave"),
          "desert", words("cross face"),
          "swamp", words("cross pass"));

  static final List<String> OBSTACLES = List.copyOf(new TreeSet<>(ATTEMPTS.keySet()));

  /** Adjectives of good cheer, and the feelings of a hero who gets what it wants. */
  static final List<String> CHEER =
      words("beautiful bright golden lovely merry shining sunny wonderful");

  static final List<String> JOY = words("cheerful glad happy joyful pleased");

  /** The words that a preference may be biased to. */
  static final Set<String> CHEERFUL = cheerful();

  /** The words of each slot; the order matters, since stories are drawn by index. */
  static final Map<String, List<String>> SLOTS =
      Map.ofEntries(
          Map.entry("hero", HEROES),
          Map.entry("name", NAMES),
          Map.entry("trait", TRAITS),
          Map.entry("wish", WISHES),
          Map.entry("obstacle", OBSTACLES),
          Map.entry(
              "attempt",
              ATTEMPTS.values().stream().flatMap(List::stream).distinct().sorted().toList()),
          Map.entry("cheer", CHEER),
          Map.entry("joy", JOY),
          Map.entry("grief", words("lonely sad sorry tired unhappy")),
          Map.entry(
              "place",
              words("barn castle cave field forest garden meadow tower town valley village")),
          Map.entry("hobby", words("cook dance paint play read run sing sleep")),
          Map.entry("friend", words("bat beetle crow mole robin snail sparrow toad")),
          Map.entry("day", words("day evening morning night")),
          Map.entry("size", words("big cold dark great grim huge strange wild")),
          Map.entry("tool", words("candle ladder map net rope shovel song stick")),
          Map.entry("manner", words("Boldly Bravely Carefully Quickly Quietly Slowly")));

  private Words() {}

  private static List<String> words(String text) {
    return List.of(text.split(" "));
  }

  private static Set<String> cheerful() {
    Set<String> words = new TreeSet<>(CHEER);
    words.addAll(JOY);
    return Set.copyOf(words);
  }
}
