package dev.firesteel.tales;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.EnumSet;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class TalesTest {
  private static final Tales TALES = new Tales(7, "test");

  @Test
  void everyCleanTaleParsesScoresOneAndHasThreeToSixSentences() {
    Set<String> texts = new HashSet<>();
    for (long index = 0; index < 10_000; index++) {
      Tale tale = TALES.tale(index);
      List<String> sentences = Grammar.sentences(tale.text());
      assertThat(sentences).hasSizeBetween(5, 6).last().isEqualTo(Grammar.ENDING);
      for (String sentence : sentences.subList(0, sentences.size() - 1)) {
        assertThat(Grammar.parse(sentence)).as(sentence).isPresent();
      }
      assertThat(TaleScore.of(tale.request(), tale.text()).total()).as(tale.text()).isEqualTo(1);
      texts.add(tale.text());
    }
    assertThat(texts).hasSizeGreaterThan(9_990);
  }

  /** By the facts and the outcome alone; the sentences multiply that by far more. */
  @Test
  void thereAreMoreThanAMillion() {
    int facts =
        Stream.of("hero", "name", "trait", "wish", "obstacle")
            .mapToInt(slot -> Words.SLOTS.get(slot).size())
            .reduce(1, Math::multiplyExact);
    assertThat(facts * Outcome.values().length).isEqualTo(1_920_000);
  }

  @ParameterizedTest
  @EnumSource
  void eachFlawIsSeenInTheTextAndLowersTheScore(Flaw flaw) {
    for (long index = 0; index < 1_000; index++) {
      Tale clean = TALES.tale(index);
      Tale flawed = TALES.tale(index, EnumSet.of(flaw));
      assertThat(flawed.text()).isNotEqualTo(clean.text());
      assertThat(flawed.prompt()).isEqualTo(clean.prompt());
      TaleScore score = TaleScore.of(flawed.request(), flawed.text());
      assertThat(score.total()).as("%s: %s", flawed.request(), flawed.text()).isBetween(0.3, 0.96);
      double part =
          switch (flaw) {
            case OTHER_HERO -> score.hero();
            case OTHER_WISH -> score.wish();
            case OTHER_OUTCOME -> score.outcome();
            case HERO_CHANGES -> score.consistency();
            case REPEATED_SENTENCE -> score.repetition();
            case BREAKS_OFF -> score.ending() + score.outcome();
            case BROKEN_SENTENCE -> score.grammar() - 0.5;
          };
      assertThat(part).as("%s: %s", flawed.request(), flawed.text()).isZero();
    }
  }

  @Test
  void aBrokenSentenceIsRejectedByTheGrammarAndAllOthersAreNot() {
    for (long index = 0; index < 1_000; index++) {
      String text = TALES.tale(index, EnumSet.of(Flaw.BROKEN_SENTENCE)).text();
      assertThat(Grammar.sentences(text))
          .filteredOn(each -> !each.equals(Grammar.ENDING) && Grammar.parse(each).isEmpty())
          .as(text)
          .hasSize(1);
    }
  }

  @Test
  void isOneTextForASeedAPurposeAndAnIndex() {
    assertThat(TALES.tale(3)).isEqualTo(new Tales(7, "test").tale(3));
    assertThat(TALES.tale(3)).isNotEqualTo(TALES.tale(4));
    assertThat(TALES.tale(3)).isNotEqualTo(new Tales(8, "test").tale(3));
    assertThat(TALES.tale(3)).isNotEqualTo(new Tales(7, "another").tale(3));
    assertThat(TALES.tale(3).prompt())
        .isEqualTo("Write a story about a lazy goose named Sam who wants a ring and gets it.");
    assertThat(TALES.tale(3).text())
        .isEqualTo(
            "Sam was a lazy goose who lived in a field. Sam liked to paint in the forest. Every"
                + " evening Sam dreamed of a sunny ring. But a cold wall kept the ring from the"
                + " goose. After a long day the wall was gone, and the goose got the ring. The"
                + " end.");
  }

  @Test
  void holdsAllThatIsAsked() {
    TaleRequest request =
        new TaleRequest(
            "fox",
            "lamp",
            Outcome.FAILS,
            Map.of("name", "Zoe", "trait", "shy", "obstacle", "witch"));
    String text = TALES.answer(request, 5, Set.of()).text();
    assertThat(text).contains(" shy fox", "Zoe", "lamp", "witch");
    assertThat(Grammar.sentences(text).stream().flatMap(each -> Grammar.parse(each).stream()))
        .filteredOn(each -> each.role() == Sentence.Role.OUTCOME)
        .extracting(Sentence::outcome)
        .containsExactly(Optional.of(Outcome.FAILS));
  }

  @Test
  void flawsAreAsFrequentAsAsked() {
    int text = 0;
    int hero = 0;
    for (long index = 0; index < 10_000; index++) {
      Set<Flaw> flaws = TALES.flaws(index, 0.3, 0.2);
      text += flaws.stream().anyMatch(Flaw.OF_TEXT::contains) ? 1 : 0;
      hero += flaws.contains(Flaw.OTHER_HERO) ? 1 : 0;
      assertThat(TALES.flaws(index, 0, 0)).isEmpty();
      assertThat(TALES.flaws(index, 1, 1)).containsAll(Flaw.OF_ANSWER).hasSizeBetween(4, 5);
    }
    // Five standard deviations of a binomial distribution are 229 and 200.
    assertThat(text).isBetween(2771, 3229);
    assertThat(hero).isBetween(1800, 2200);
    assertThat(Flaw.values()).containsOnlyOnceElementsOf(Flaw.OF_TEXT);
    assertThat(Flaw.OF_TEXT.size() + Flaw.OF_ANSWER.size()).isEqualTo(Flaw.values().length);
  }
}
