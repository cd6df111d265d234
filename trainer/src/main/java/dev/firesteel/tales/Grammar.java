package dev.firesteel.tales;

import dev.firesteel.random.RandomStream;
import dev.firesteel.tales.Sentence.Role;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * The grammar of tales: templates of sentences for each role. The same templates write sentences
 * and recognize them.
 *
 * <p>In a template, <code>{hero}</code> is a slot filled with one of the slot's words ({@link
 * Words#SLOTS}), <code>{cheer?}</code> may be left out, and <code>{subject}</code> stands for the
 * hero's name or for "the" and its kind.
 */
final class Grammar {
  /** The sentence that ends a tale. */
  static final String ENDING = "The end.";

  private static final Map<Role, List<String>> OF_BOTH_OUTCOMES =
      Map.of(
          Role.INTRODUCTION,
          List.of(
              "Once upon a time there was a {trait} {hero} named {name}",
              "Once there lived a {trait} {hero} named {name}",
              "There once was a {trait} {hero} whose name was {name}",
              "In a {cheer?} {place} lived a {trait} {hero} named {name}",
              "{name} was a {trait} {hero} who lived in a {cheer?} {place}"),
          Role.DETAIL,
          List.of(
              "{subject} liked to {hobby} in the {cheer?} {place}",
              "Every {day} {subject} would {hobby} in the {cheer?} {place}",
              "{subject} had a {cheer?} {friend} for a friend"),
          Role.WISH,
          List.of(
              "{subject} wanted a {cheer?} {wish} more than anything",
              "Every {day} {subject} dreamed of a {cheer?} {wish}",
              "One {cheer?} {day} {subject} heard of a {wish} and wanted it",
              "{subject} wished for a {cheer?} {wish}"),
          Role.OBSTACLE,
          List.of(
              "But a {size} {obstacle} was in the way",
              "But there was a {size} {obstacle} on the way to the {wish}",
              "But the {wish} was behind a {size} {obstacle}",
              "But a {size} {obstacle} kept the {wish} from {subject}"),
          Role.ATTEMPT,
          List.of(
              "{subject} tried to {attempt} the {obstacle} with a {tool}",
              "So {subject} set out to {attempt} the {obstacle} one {cheer?} {day}",
              "{manner} {subject} began to {attempt} the {obstacle}"));

  private static final Map<Outcome, Map<Role, List<String>>> OF_ONE_OUTCOME =
      Map.of(
          Outcome.GETS,
          Map.of(
              Role.OUTCOME,
              List.of(
                  "At last {subject} got past the {obstacle} and took the {wish} home",
                  "In the end {subject} found the {wish} behind the {obstacle}",
                  "After a long {day} the {obstacle} was gone, and {subject} got the {wish}",
                  "At last the {cheer?} {wish} was in the hands of {subject}"),
              Role.FEELING,
              List.of(
                  "{subject} was very {joy}",
                  "From that {day} on {subject} was {joy}",
                  "{subject} danced home in the {cheer?} {day}")),
          Outcome.FAILS,
          Map.of(
              Role.OUTCOME,
              List.of(
                  "In the end {subject} went home without the {wish}",
                  "But the {obstacle} was too {size}, and {subject} never got the {wish}",
                  "After a long {day} {subject} gave up and lost the {wish}",
                  "{subject} could not get past the {obstacle} and never saw the {wish}"),
              Role.FEELING,
              List.of(
                  "{subject} was very {grief}",
                  "From that {day} on {subject} was {grief}",
                  "{subject} cried all {day}")));

  /** A template, expanded: a token is a word, a comma, or a slot in braces. */
  private record Template(Role role, Optional<Outcome> outcome, List<String> tokens) {}

  private static final List<Template> TEMPLATES = templates();

  private Grammar() {}

  private static List<Template> templates() {
    List<Template> all = new ArrayList<>();
    for (Role role : Role.values()) {
      if (OF_BOTH_OUTCOMES.containsKey(role)) {
        expand(role, Optional.empty(), OF_BOTH_OUTCOMES.get(role), all);
      } else {
        for (Outcome outcome : Outcome.values()) {
          expand(role, Optional.of(outcome), OF_ONE_OUTCOME.get(outcome).get(role), all);
        }
      }
    }
    return List.copyOf(all);
  }

  private static void expand(
      Role role, Optional<Outcome> outcome, List<String> templates, List<Template> into) {
    for (String template : templates) {
      String the = template.startsWith("{subject}") ? "The" : "the";
      for (String subject : List.of("{name}", the + " {hero}")) {
        if (!template.contains("{subject}") && !subject.equals("{name}")) {
          continue;
        }
        String text = template.replace("{subject}", subject);
        if (text.contains("{cheer?}")) {
          into.add(new Template(role, outcome, tokens(text.replace("{cheer?} ", ""))));
        }
        into.add(new Template(role, outcome, tokens(text.replace("{cheer?}", "{cheer}"))));
      }
    }
  }

  /** The words of a sentence without its period; commas count as words. */
  private static List<String> tokens(String text) {
    return List.of(text.replace(",", " ,").split(" ", -1));
  }

  private static boolean isSlot(String token) {
    return token.startsWith("{");
  }

  private static String slot(String token) {
    return token.substring(1, token.length() - 1);
  }

  /**
   * A random sentence.
   *
   * @param facts words of slots that are not random, such as the hero
   */
  static String write(
      Role role, Outcome outcome, Map<String, String> facts, RandomStream randomness) {
    List<Template> fitting =
        TEMPLATES.stream()
            .filter(each -> each.role() == role && each.outcome().orElse(outcome) == outcome)
            .toList();
    Template template = fitting.get(randomness.nextInt(fitting.size()));
    return template.tokens().stream()
            .map(token -> isSlot(token) ? word(slot(token), facts, randomness) : token)
            .collect(Collectors.joining(" "))
            .replace(" ,", ",")
        + ".";
  }

  private static String word(String slot, Map<String, String> facts, RandomStream randomness) {
    if (facts.containsKey(slot)) {
      return facts.get(slot);
    }
    List<String> words =
        slot.equals("attempt") ? Words.ATTEMPTS.get(facts.get("obstacle")) : Words.SLOTS.get(slot);
    return words.get(randomness.nextInt(words.size()));
  }

  /** What a sentence with its period says; empty if it is not one of the grammar's. */
  static Optional<Sentence> parse(String sentence) {
    if (!sentence.endsWith(".")) {
      return Optional.empty();
    }
    List<String> words = tokens(sentence.substring(0, sentence.length() - 1));
    return TEMPLATES.stream().flatMap(template -> match(template, words).stream()).findFirst();
  }

  private static Optional<Sentence> match(Template template, List<String> words) {
    List<String> tokens = template.tokens();
    if (tokens.size() != words.size()) {
      return Optional.empty();
    }
    Map<String, String> slots = new HashMap<>();
    for (int i = 0; i < tokens.size(); i++) {
      String token = tokens.get(i);
      String word = words.get(i);
      if (!isSlot(token)) {
        if (!token.equals(word)) {
          return Optional.empty();
        }
      } else if (Words.SLOTS.get(slot(token)).contains(word)) {
        slots.put(slot(token), word);
      } else {
        return Optional.empty();
      }
    }
    String attempt = slots.get("attempt");
    if (attempt != null && !Words.ATTEMPTS.get(slots.get("obstacle")).contains(attempt)) {
      return Optional.empty();
    }
    return Optional.of(new Sentence(template.role(), template.outcome(), Map.copyOf(slots)));
  }

  /**
   * The sentences of a text, each with its period; what follows the last period is a sentence
   * without one. Space around sentences does not count.
   */
  static List<String> sentences(String text) {
    List<String> sentences = new ArrayList<>();
    int start = 0;
    for (int end = text.indexOf('.'); end >= 0; end = text.indexOf('.', start)) {
      sentences.add(text.substring(start, end + 1).strip());
      start = end + 1;
    }
    String rest = text.substring(start).strip();
    if (!rest.isEmpty()) {
      sentences.add(rest);
    }
    return sentences;
  }
}
