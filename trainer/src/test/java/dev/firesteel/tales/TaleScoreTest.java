package dev.firesteel.tales;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.firesteel.error.UserException;
import dev.firesteel.reward.ScoredText;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TaleScoreTest {
  private static final TaleRequest REQUEST =
      new TaleRequest("fox", "lamp", Outcome.FAILS, Map.of());
  private static final String INTRODUCTION = "Once there lived a shy fox named Zoe. ";
  private static final String WISH = "Zoe wished for a lamp. ";
  private static final String OBSTACLE = "But a big witch was in the way. ";
  private static final String OUTCOME = "In the end Zoe went home without the lamp. ";
  private static final String FEELING = "The fox was very sad. ";
  private static final String END = "The end.";
  private static final String CLEAN = INTRODUCTION + WISH + OBSTACLE + OUTCOME + FEELING + END;

  private static double total(String text) {
    return TaleScore.of(REQUEST, text).total();
  }

  /** Totals by hand from the formula. */
  @ParameterizedTest
  @CsvSource({
    "fox, fox, 1",
    "The end., '', 0.92",
    "The end., The end. The end., 0.92",
    "The end., The end. Zoe, 0.845", // the fragment fits nowhere, either
    "very sad, very very sad, 0.925",
    "very sad, very glad, 0.88", // glad of having failed
    "The fox was, The bear was, 0.88",
    "a shy fox, a shy bear, 0.68333333", // hero, a third of details, consistency
    "wished for a lamp, wished for a ring, 0.68333333",
    "without the lamp, without the ring, 0.88",
    "In the end Zoe went home without the lamp, At last the lamp was in the hands of Zoe, 0.67333333",
    "But a big witch was in the way. , '', 0.66",
    "But a big witch was in the way., But a big witch in the way., 0.60375",
  })
  void isTheWeightedSumOfItsParts(String what, String by, double expected) {
    assertThat(CLEAN).contains(what);
    assertThat(total(CLEAN.replace(what, by))).isCloseTo(expected, within(1e-7));
  }

  @Test
  void comparesAskedDetails() {
    TaleRequest request =
        new TaleRequest(
            "fox",
            "lamp",
            Outcome.FAILS,
            Map.of("name", "Zoe", "trait", "shy", "obstacle", "wall"));
    assertThat(TaleScore.of(request, CLEAN).details()).isCloseTo(2.0 / 3, within(1e-12));
    assertThat(TaleScore.of(request, CLEAN.replace("witch", "wall")).total()).isEqualTo(1);
  }

  @Test
  void textsWithoutATaleScoreNothing() {
    String request = "Write a story about a fox who wants a lamp and fails.";
    for (String text :
        List.of(
            "",
            " ",
            ".",
            "...",
            END,
            END.repeat(9),
            request,
            request + " " + END,
            "fox lamp",
            "\0\ud83d")) {
      assertThat(total(text)).as(text).isZero();
    }
  }

  @Test
  void trivialTextsScoreLessThanAFlawedTale() {
    double flawed =
        total(CLEAN.replace("shy fox", "shy bear").replace("a lamp", "a ring").replace(END, ""));
    assertThat(flawed).isGreaterThan(0.4);
    for (String text :
        List.of(
            INTRODUCTION,
            INTRODUCTION + END,
            INTRODUCTION.repeat(20) + END,
            WISH.repeat(20) + END,
            OUTCOME.repeat(5),
            OUTCOME + END)) {
      assertThat(total(text)).as(text).isLessThan(0.25);
    }
    assertThat(total(CLEAN.repeat(2))).isLessThan(0.75);
    assertThat(total(FEELING + OUTCOME + OBSTACLE + WISH + INTRODUCTION + END)).isZero();
  }

  @Test
  void longTextsTakeLinearTime() {
    assertThat(total("fox ".repeat(1_000_000))).isZero();
    assertThat(total(".".repeat(1_000_000))).isZero();
    assertThat(total(INTRODUCTION.repeat(50_000))).isLessThan(0.2);
  }

  /** Of all sets of flaws: one more never raises the score. */
  @Test
  void fallsWithEachFlaw() {
    Tales tales = new Tales(11, "test");
    List<Flaw> kinds = List.of(Flaw.values());
    for (long index = 0; index < 200; index++) {
      double[] scores = new double[1 << kinds.size()];
      for (int set = 0; set < scores.length; set++) {
        Tale tale = tales.tale(index, flaws(kinds, set));
        scores[set] = TaleScore.of(tale.request(), tale.text()).total();
      }
      for (int set = 0; set < scores.length; set++) {
        for (int more = 0; more < kinds.size(); more++) {
          assertThat(scores[set | (1 << more)])
              .as("%s with %s, tale %d", flaws(kinds, set), kinds.get(more), index)
              .isLessThanOrEqualTo(scores[set] + 1e-12);
        }
      }
    }
  }

  /** The flaws whose bits are set. */
  private static Set<Flaw> flaws(List<Flaw> kinds, int set) {
    Set<Flaw> flaws = EnumSet.noneOf(Flaw.class);
    for (int i = 0; i < kinds.size(); i++) {
      if (((set >> i) & 1) == 1) {
        flaws.add(kinds.get(i));
      }
    }
    return flaws;
  }

  @Test
  void namesItsParts() {
    assertThat(TaleScore.of(REQUEST, CLEAN.replace(END, "")).parts())
        .isEqualTo(
            Map.of(
                "completeness",
                1.0,
                "hero",
                1.0,
                "wish",
                1.0,
                "outcome",
                1.0,
                "details",
                1.0,
                "grammar",
                1.0,
                "ending",
                0.0,
                "repetition",
                1.0,
                "consistency",
                1.0));
  }

  @Test
  void isARewardFunctionOfTheRecordsFields() throws Exception {
    var fields =
        new ObjectMapper()
            .readTree("{\"hero\":\"fox\",\"wish\":\"lamp\",\"ending\":\"fails\",\"id\":3}");
    assertThat(TaleRequest.of(fields)).isEqualTo(REQUEST);
    assertThat(TaleRequest.of(REQUEST.fields())).isEqualTo(REQUEST);
    TaleReward reward = TaleReward.class.getConstructor().newInstance();
    assertThat(
            reward.score(
                List.of(
                    new ScoredText("prompt", CLEAN, 60, true, fields),
                    new ScoredText("prompt", "", 0, false, fields))))
        .containsExactly(1.0, 0.0);
    assertThatThrownBy(
            () ->
                reward.score(
                    List.of(
                        new ScoredText(
                            "prompt",
                            CLEAN,
                            60,
                            true,
                            new ObjectMapper()
                                .readTree(
                                    "{\"hero\":\"fox\",\"wish\":\"lamp\",\"ending\":\"well\"}")))))
        .isInstanceOf(UserException.class)
        .hasMessage(
            "a prompt of a tale must have a field ending with one of [gets, fails], got \"well\":"
                + " use the records of tales/prompts");
  }
}
