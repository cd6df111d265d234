package dev.firesteel.tales;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.firesteel.error.UserException;
import dev.firesteel.random.RandomStream;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * What a tale is asked to be about.
 *
 * @param hero kind of the hero, such as fox
 * @param wish what the hero wants, such as lamp
 * @param outcome whether it gets it
 * @param details further asked things by the names of their fields: {@code name}, {@code trait},
 *     {@code obstacle}; often none
 */
public record TaleRequest(String hero, String wish, Outcome outcome, Map<String, String> details) {
  private static final List<String> DETAILS = List.of("name", "trait", "obstacle");

  /** How often a request asks for each detail. */
  private static final double DETAIL_SHARE = 0.35;

  /** Sorts the details by name. */
  public TaleRequest {
    details = Collections.unmodifiableMap(new TreeMap<>(details));
  }

  /** A random request. */
  static TaleRequest draw(RandomStream randomness) {
    String hero = pick(Words.HEROES, randomness);
    String wish = pick(Words.WISHES, randomness);
    Outcome outcome = randomness.nextInt(2) == 0 ? Outcome.GETS : Outcome.FAILS;
    Map<String, String> details = new TreeMap<>();
    for (String detail : DETAILS) {
      if (randomness.nextDouble() < DETAIL_SHARE) {
        details.put(detail, pick(Words.SLOTS.get(detail), randomness));
      }
    }
    return new TaleRequest(hero, wish, outcome, details);
  }

  private static String pick(List<String> words, RandomStream randomness) {
    return words.get(randomness.nextInt(words.size()));
  }

  /**
   * The request that the fields of a record give: {@code hero}, {@code wish}, {@code ending} and,
   * if asked, {@code name}, {@code trait}, {@code obstacle}. Other fields do not count.
   *
   * @throws UserException if a field is missing or has none of the words of tales
   */
  public static TaleRequest of(JsonNode fields) {
    Map<String, String> details = new TreeMap<>();
    for (String detail : DETAILS) {
      if (fields.hasNonNull(detail)) {
        details.put(detail, field(fields, detail, Words.SLOTS.get(detail)));
      }
    }
    String ending =
        field(fields, "ending", Arrays.stream(Outcome.values()).map(Outcome::text).toList());
    return new TaleRequest(
        field(fields, "hero", Words.HEROES),
        field(fields, "wish", Words.WISHES),
        ending.equals(Outcome.GETS.text()) ? Outcome.GETS : Outcome.FAILS,
        details);
  }

  private static String field(JsonNode fields, String name, List<String> words) {
    String word = fields.path(name).asText();
    if (!words.contains(word)) {
      throw UserException.usage(
          "a prompt of a tale must have a field %s with one of %s, got %s: use the records of tales/prompts"
              .formatted(name, words, fields.path(name)));
    }
    return word;
  }

  /** The request as fields of a record; {@link #of} reads them. */
  public ObjectNode fields() {
    ObjectNode fields = JsonNodeFactory.instance.objectNode();
    fields.put("hero", hero).put("wish", wish).put("ending", outcome.text());
    details.forEach(fields::put);
    return fields;
  }

  /** The request in English, in one of several phrasings. */
  String prompt(RandomStream randomness) {
    String who =
        Optional.ofNullable(details.get("trait")).map(trait -> trait + " ").orElse("")
            + hero
            + Optional.ofNullable(details.get("name")).map(name -> " named " + name).orElse("");
    boolean gets = outcome == Outcome.GETS;
    String prompt =
        switch (randomness.nextInt(5)) {
          case 0 ->
              "Write a story about a %s who wants a %s and %s."
                  .formatted(who, wish, gets ? "gets it" : "fails");
          case 1 ->
              "Write about a %s and a %s. The story ends %s."
                  .formatted(who, wish, gets ? "well" : "badly");
          case 2 -> "A %s wants a %s and %s it.".formatted(who, wish, gets ? "gets" : "never gets");
          case 3 ->
              "Please write of a %s who %s a %s."
                  .formatted(who, gets ? "gets" : "never gets", wish);
          default ->
              "I want a story with a %s end: a %s wants a %s."
                  .formatted(gets ? "good" : "bad", who, wish);
        };
    String obstacle = details.get("obstacle");
    return obstacle == null ? prompt : prompt + " Put a " + obstacle + " in the way.";
  }
}
