package dev.firesteel.tales;

import dev.firesteel.tales.Sentence.Role;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The true ("gold") score of a text for a request, in [0, 1]; 1 only for a clean tale that holds
 * all that was asked:
 *
 * <pre>
 * total = completeness * (0.17 hero + 0.17 wish + 0.18 outcome + 0.08 details
 *                         + 0.15 grammar + 0.08 ending + 0.05 repetition + 0.12 consistency)
 * </pre>
 *
 * <p>A sentence <em>fits</em> if the grammar accepts it and its role (introduction, detail, wish,
 * obstacle, attempt, outcome, feeling) comes after that of all fitting sentences before it. Without
 * fitting sentences the score is 0 even if the text has more, so neither the ending alone nor the
 * request repeated is worth anything. Any text has a score, in time linear in its length.
 *
 * @param completeness share of the four required sentences that fit: introduction, wish, obstacle,
 *     outcome
 * @param hero 1 if the introduction's hero is the asked one, else 0
 * @param wish 1 if the wish is the asked one, else 0
 * @param outcome 1 if the outcome is the asked one, else 0
 * @param details share of the other asked things (name, trait, obstacle) that the introduction and
 *     the obstacle's sentence have; if there are none, the mean of hero, wish and outcome
 * @param grammar 1 / (1 + number of sentences that do not fit)
 * @param ending 1 if "The end." is the last sentence and occurs only there, else 0
 * @param repetition 1 if no other sentence occurs twice, else 0
 * @param consistency 1 if the tale is complete and its sentences agree on the hero's kind and name,
 *     on the wish and on the obstacle, and the feeling suits the outcome, else 0
 */
public record TaleScore(
    double completeness,
    double hero,
    double wish,
    double outcome,
    double details,
    double grammar,
    double ending,
    double repetition,
    double consistency) {
  private static final List<String> FACTS = List.of("hero", "name", "wish", "obstacle");

  /** Scores a text. */
  public static TaleScore of(TaleRequest request, String text) {
    List<String> sentences = Grammar.sentences(text);
    int endings = (int) sentences.stream().filter(Grammar.ENDING::equals).count();
    boolean ended = endings == 1 && sentences.get(sentences.size() - 1).equals(Grammar.ENDING);
    List<String> body =
        sentences.stream().filter(sentence -> !sentence.equals(Grammar.ENDING)).toList();

    Map<Role, Sentence> fitting = new EnumMap<>(Role.class);
    List<Sentence> parsed = new ArrayList<>();
    for (String sentence : body) {
      Optional<Sentence> accepted = Grammar.parse(sentence);
      accepted.ifPresent(parsed::add);
      accepted
          .filter(
              next -> fitting.keySet().stream().allMatch(role -> role.compareTo(next.role()) < 0))
          .ifPresent(next -> fitting.put(next.role(), next));
    }

    long required = fitting.keySet().stream().filter(Role::isRequired).count();
    double hero = has(fitting, Role.INTRODUCTION, "hero", request.hero());
    double wish = has(fitting, Role.WISH, "wish", request.wish());
    double outcome =
        one(
            Optional.ofNullable(fitting.get(Role.OUTCOME))
                .flatMap(Sentence::outcome)
                .equals(Optional.of(request.outcome())));
    double details =
        request.details().entrySet().stream()
            .mapToDouble(
                asked ->
                    has(
                        fitting,
                        asked.getKey().equals("obstacle") ? Role.OBSTACLE : Role.INTRODUCTION,
                        asked.getKey(),
                        asked.getValue()))
            .average()
            .orElse((hero + wish + outcome) / 3);
    return new TaleScore(
        (double) required / Sentence.REQUIRED,
        hero,
        wish,
        outcome,
        details,
        body.isEmpty() ? 0 : 1.0 / (1 + body.size() - fitting.size()),
        one(ended),
        one(new HashSet<>(body).size() == body.size()),
        one(required == Sentence.REQUIRED && isConsistent(parsed)));
  }

  private static double has(Map<Role, Sentence> sentences, Role role, String slot, String word) {
    Sentence sentence = sentences.get(role);
    return one(sentence != null && word.equals(sentence.slots().get(slot)));
  }

  private static double one(boolean holds) {
    return holds ? 1 : 0;
  }

  private static boolean isConsistent(List<Sentence> sentences) {
    Map<String, String> facts = new HashMap<>();
    for (Sentence sentence : sentences) {
      for (String slot : FACTS) {
        String word = sentence.slots().get(slot);
        if (word != null && !word.equals(facts.computeIfAbsent(slot, any -> word))) {
          return false;
        }
      }
    }
    return sentences.stream().flatMap(each -> each.outcome().stream()).distinct().count() <= 1;
  }

  /** The score in [0, 1]. */
  public double total() {
    double sum =
        0.17 * hero
            + 0.17 * wish
            + 0.18 * outcome
            + 0.08 * details
            + 0.15 * grammar
            + 0.08 * ending
            + 0.05 * repetition
            + 0.12 * consistency;
    return Math.min(1, completeness * sum);
  }

  /** The parts by name, in the order of the formula. */
  public Map<String, Double> parts() {
    Map<String, Double> parts = new LinkedHashMap<>();
    parts.put("completeness", completeness);
    parts.put("hero", hero);
    parts.put("wish", wish);
    parts.put("outcome", outcome);
    parts.put("details", details);
    parts.put("grammar", grammar);
    parts.put("ending", ending);
    parts.put("repetition", repetition);
    parts.put("consistency", consistency);
    return parts;
  }
}
