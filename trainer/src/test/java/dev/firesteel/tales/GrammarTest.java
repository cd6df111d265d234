package dev.firesteel.tales;

import static org.assertj.core.api.Assertions.assertThat;

import dev.firesteel.random.RandomStream;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class GrammarTest {
  private static final Map<String, String> FACTS =
      Map.of("hero", "fox", "name", "Zoe", "trait", "shy", "wish", "lamp", "obstacle", "witch");

  @Test
  void readsWhatASentenceSays() {
    assertThat(Grammar.parse("Once there lived a shy fox named Zoe."))
        .contains(
            new Sentence(
                Sentence.Role.INTRODUCTION,
                Optional.empty(),
                Map.of("trait", "shy", "hero", "fox", "name", "Zoe")));
    assertThat(Grammar.parse("But the witch was too dark, and the fox never got the lamp."))
        .contains(
            new Sentence(
                Sentence.Role.OUTCOME,
                Optional.of(Outcome.FAILS),
                Map.of("obstacle", "witch", "size", "dark", "hero", "fox", "wish", "lamp")));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        ".",
        "The end.",
        "Once there lived a shy fox named Zoe", // no period
        "once there lived a shy fox named Zoe.",
        "Once there lived a shy fox named Zoe .",
        "Once there lived a  shy fox named Zoe.",
        "Once there lived a shy lamp named Zoe.",
        "Once there a shy fox named Zoe.", // no verb
        "the fox was very sad.",
        "Zoe tried to swim the wall with a rope.", // nobody swims a wall
        "But the witch was too dark , and the fox never got the lamp.",
        "But the witch was too dark and the fox never got the lamp.",
        "{name} was very sad.",
      })
  void rejects(String sentence) {
    assertThat(Grammar.parse(sentence)).isEmpty();
  }

  /** No sentence can be read in two ways: each one written is read with its own role and words. */
  @ParameterizedTest
  @EnumSource
  void readsWhatItWrites(Sentence.Role role) {
    RandomStream randomness = RandomStream.of(1, "test");
    for (int i = 0; i < 1_000; i++) {
      Outcome outcome = i % 2 == 0 ? Outcome.GETS : Outcome.FAILS;
      String sentence = Grammar.write(role, outcome, FACTS, randomness);
      Sentence read = Grammar.parse(sentence).orElseThrow();
      assertThat(read.role()).as(sentence).isEqualTo(role);
      assertThat(read.outcome().orElse(outcome)).as(sentence).isEqualTo(outcome);
      assertThat(FACTS).as(sentence).containsAllEntriesOf(facts(read));
    }
  }

  private static Map<String, String> facts(Sentence read) {
    Map<String, String> facts = new HashMap<>(read.slots());
    facts.keySet().retainAll(FACTS.keySet());
    return facts;
  }

  @Test
  void splitsAtPeriods() {
    assertThat(Grammar.sentences(" A b.  C.\nThe end. rest "))
        .isEqualTo(List.of("A b.", "C.", "The end.", "rest"));
    assertThat(Grammar.sentences("A..")).isEqualTo(List.of("A.", "."));
    assertThat(Grammar.sentences(" \n")).isEmpty();
  }

  /** What may follow "a" begins with a consonant. */
  @ParameterizedTest
  @ValueSource(
      strings = {"hero", "trait", "wish", "obstacle", "cheer", "place", "friend", "size", "tool"})
  void wordsAfterAnArticleBeginWithAConsonant(String slot) {
    assertThat(Words.SLOTS.get(slot))
        .isNotEmpty()
        .doesNotHaveDuplicates()
        .noneMatch(word -> "aeiou".indexOf(word.charAt(0)) >= 0);
  }
}
