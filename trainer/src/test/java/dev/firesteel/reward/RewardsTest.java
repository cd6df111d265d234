package dev.firesteel.reward;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.firesteel.error.UserException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Weighted sums of reward functions, their mistakes and their failures. */
class RewardsTest {
  private static final double[] NO_MODEL = {};

  static ScoredText text(String completion) {
    ObjectNode fields = JsonNodeFactory.instance.objectNode();
    fields.put("target", 4).put("topic", "fox").put("good", true).put("Length", 99);
    return new ScoredText("Tell a story.", completion, 7, true, fields);
  }

  private static Scores score(Rewards rewards, String... completions) {
    List<ScoredText> texts = new ArrayList<>();
    long[] prompts = new long[completions.length];
    for (int i = 0; i < completions.length; i++) {
      texts.add(text(completions[i]));
      prompts[i] = 40L + i;
    }
    return rewards.score(texts, prompts, NO_MODEL);
  }

  private static double value(String expression, String completion) {
    Rewards rewards = Rewards.of(List.of(expression), RewardFailures.stop());
    rewards.check(text(completion));
    return score(rewards, completion).total()[0];
  }

  // ---- expressions

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '~',
      value = {
        "-abs(length - 60) / 60 + 2 * contains(\"The end.\") | 1.1166666666666667",
        "length | 7",
        "words | 5",
        "ended | 1",
        "count('a') | 1",
        "count(\"fox\") | 1",
        "matches('\\\\bfox\\\\b') | 1",
        "matches('^fox') | 0",
        "contains(topic) | 1",
        "contains('Fox') | 0",
        "target * 0.5 | 2",
        "good | 1",
        "if(words > 4 && !contains('cat'), 1, -1) | 1",
        "length < 60 | 1",
        "completion == 'x' | 0",
        "min(length, 3) + max(length, 9) | 12",
        "sqrt(target) + exp(0) + log(1) + floor(2.7) | 5",
        "0 | 0",
        "2 * length | 14",
        "7 % 4 - -1 | 4",
      })
  void expressions(String expression, double expected) {
    assertThat(value(expression, "A fox sat. \n The end.")).isCloseTo(expected, within(1e-15));
  }

  @Test
  void wordsOfNothingAreNone() {
    assertThat(value("words", " ")).isZero();
  }

  @Test
  void fieldsOfOneRecordAreNotThoseOfTheNext() {
    Rewards rewards = Rewards.of(List.of("target"), RewardFailures.count(-1));
    ScoredText without = new ScoredText("p", "c", 1, true, JsonNodeFactory.instance.objectNode());
    Scores scores = rewards.score(List.of(text("a"), without), new long[] {1, 2}, NO_MODEL);
    assertThat(scores.total()).containsExactly(4, -1);
    assertThat(scores.failures()).singleElement().asString().contains("prompt 2", "target");
  }

  /** Found when the run starts, without any completion. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '~',
      value = {
        "length + | the reward `length +` must be an expression or `weight * class.Name`:",
        "contain('x') | the reward `contain('x')` must be an expression or `weight * class.Name`:",
        "random() | the reward `random()` must be an expression or `weight * class.Name`:",
        "matches('(') | the reward `matches('(')` must have valid regular expressions:",
        "abs(1, 2) | the reward `abs(1, 2)` must be an expression or `weight * class.Name`:",
        "2 ^ 9 | the reward `2 ^ 9` must be an expression or `weight * class.Name`:",
        "a.b(1) | the reward `a.b(1)` must be an expression or `weight * class.Name`:",
        "2 length | the reward `2 length` must be an expression or `weight * class.Name`:",
        "length[0] | the reward `length[0]` must be an expression or `weight * class.Name`:",
      })
  void malformedExpressions(String expression, String message) {
    assertThatThrownBy(() -> Rewards.of(List.of(expression), RewardFailures.stop()))
        .isInstanceOf(UserException.class)
        .hasMessageStartingWith(message);
  }

  /** Found when the run starts, with a record of the data. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '~',
      value = {
        "if(ended, 1, lenght) | the reward `if(ended, 1, lenght)` must use variables that exist, got"
            + " `lenght`: there are completion, ended, good, Length, prompt, target, topic, words",
        "completion | the reward `completion` must have a value for the completion `A fox.`: the"
            + " value must be a number, got a STRING: A fox.",
        "abs(topic) | the reward `abs(topic)` must have a value for the completion `A fox.`: abs:"
            + " requires a number, got the STRING fox",
        "contains(3) | the reward `contains(3)` must have a value for the completion `A fox.`:"
            + " contains: requires a text, got the NUMBER 3",
        "count('') | the reward `count('')` must have a value for the completion `A fox.`: count:"
            + " the text to count must not be empty",
        "1 / count('z') | the reward `1 / count('z')` must have a value for the completion `A"
            + " fox.`: Division by zero",
      })
  void expressionsWithoutAValue(String expression, String message) {
    Rewards rewards = Rewards.of(List.of(expression), RewardFailures.stop());
    assertThatThrownBy(() -> rewards.check(text("A fox.")))
        .isInstanceOf(UserException.class)
        .hasMessage(message);
  }

  // ---- classes

  /** Scores lengths, in characters; counts the calls. */
  public static final class LengthReward implements RewardFunction {
    /** Makes the function. */
    public LengthReward() {}

    @Override
    public List<Double> score(List<ScoredText> completions) {
      return completions.stream().map(text -> (double) text.completion().length()).toList();
    }
  }

  /** TRL issue 5353: weights are in what is logged, because it is what is trained on. */
  @Test
  void weightsAreInTheTotal() {
    Rewards rewards =
        Rewards.of(
            List.of(
                "0.5 * " + LengthReward.class.getName(),
                LengthReward.class.getName(),
                "-2*contains('c')",
                "0 * ExactMatchReward"),
            RewardFailures.count(0));
    assertThat(rewards.names())
        .containsExactly(
            "rewards_test_length_reward",
            "rewards_test_length_reward_2",
            "expression",
            "exact_match_reward");
    Scores scores = score(rewards, "abc", "ab");
    assertThat(scores.total()).containsExactly(1.5 + 3 - 2, 1 + 2);
    assertThat(scores.ofFunctions()[0]).containsExactly(3, 2);
    assertThat(scores.ofFunctions()[2]).containsExactly(-2, 0);
    assertThat(scores.failures()).hasSize(2); // the records have no answer
  }

  @Test
  void modelIsOneOfTheFunctions() {
    Rewards rewards = Rewards.of(List.of("2 * model", "contains('a')"), RewardFailures.stop());
    assertThat(rewards.usesModel()).isTrue();
    assertThat(rewards.names()).containsExactly("model", "expression");
    double[] model = {0.25, -1};
    List<ScoredText> texts = List.of(text("a"), text("b"));
    assertThat(rewards.score(texts, new long[2], model).total()).containsExactly(1.5, -2);
    assertThatThrownBy(() -> rewards.score(texts, new long[2], new double[] {1, Double.NaN}))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("`2 * model` failed on a completion of prompt 0 (`b`): a score must");
    assertThatThrownBy(() -> rewards.score(texts, new long[2], NO_MODEL))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> Rewards.of(List.of("model", "2 * model"), RewardFailures.stop()))
        .hasMessage("rewards must name the reward model once, got it twice: 2 * model");
  }

  /** Not public. */
  static final class HiddenReward implements RewardFunction {
    @Override
    public List<Double> score(List<ScoredText> completions) {
      return List.of();
    }
  }

  /** Without a constructor that has no parameters. */
  public static final class ParameterReward implements RewardFunction {
    /** Makes the function. */
    public ParameterReward(int parameter) {
      assertThat(parameter).isZero();
    }

    @Override
    public List<Double> score(List<ScoredText> completions) {
      return List.of();
    }
  }

  /** Whose constructor fails. */
  public static final class BrokenReward implements RewardFunction {
    /** Fails. */
    public BrokenReward() {
      throw new IllegalStateException("no dictionary");
    }

    @Override
    public List<Double> score(List<ScoredText> completions) {
      return List.of();
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "com.example.None | must be a class on the class path, found none: check its name with the"
            + " package, and give its jar with --jars",
        "NoneReward | must be a class on the class path, found none: check its name with the"
            + " package, and give its jar with --jars",
        "java.lang.String | must implement dev.firesteel.reward.RewardFunction, which it does not",
        "dev.firesteel.reward.RewardFunction | must be a public class that is not abstract",
        "dev.firesteel.reward.RewardsTest$HiddenReward | must be a public class that is not abstract",
        "dev.firesteel.reward.RewardsTest$ParameterReward | must have a public constructor without"
            + " parameters",
        "dev.firesteel.reward.RewardsTest$BrokenReward | could not be made: its constructor threw"
            + " java.lang.IllegalStateException: no dictionary",
      })
  void classesThatAreNoRewardFunctions(String name, String message) {
    assertThatThrownBy(() -> Rewards.of(List.of("0.5 * " + name), RewardFailures.stop()))
        .isInstanceOf(UserException.class)
        .hasMessage("the reward function " + name + " " + message);
  }

  @Test
  void noFunctionsAreRefused() {
    assertThatThrownBy(() -> Rewards.of(List.of(), RewardFailures.stop()))
        .isInstanceOf(UserException.class)
        .hasMessageStartingWith("rewards must name at least one reward function, got none");
  }

  // ---- failures

  /** Throws on a text of "bad", gives NaN for "nan", null for "null"; else 0. */
  public static final class FailingReward implements RewardFunction {
    /** Makes the function. */
    public FailingReward() {}

    @Override
    public List<Double> score(List<ScoredText> completions) {
      List<Double> scores = new ArrayList<>();
      for (ScoredText text : completions) {
        switch (text.completion()) {
          case "bad" -> throw new IllegalStateException("cannot read");
          case "nan" -> scores.add(Double.NaN);
          case "null" -> scores.add(null);
          case "few" -> {}
          default -> scores.add(0.0);
        }
      }
      return scores;
    }
  }

  /** verl issue 5635: an exception became a score of 0 for all. */
  @Test
  void failureStopsTheRun() {
    Rewards rewards = Rewards.of(List.of(FailingReward.class.getName()), RewardFailures.stop());
    assertThatThrownBy(() -> score(rewards, "good", "bad", "good"))
        .isInstanceOf(UserException.class)
        .hasMessage(
            "the reward function `dev.firesteel.reward.RewardsTest$FailingReward` failed on a"
                + " completion of prompt 41 (`bad`): java.lang.IllegalStateException: cannot read;"
                + " correct the function, or count failures and choose a score for them")
        .hasCauseInstanceOf(IllegalStateException.class)
        .extracting(e -> ((UserException) e).kind())
        .isEqualTo(UserException.Kind.FAILURE);
  }

  @ParameterizedTest
  @ValueSource(strings = {"nan", "null", "few"})
  void scoresThatAreNoneStopTheRun(String completion) {
    Rewards rewards = Rewards.of(List.of(FailingReward.class.getName()), RewardFailures.stop());
    assertThatThrownBy(() -> score(rewards, "good", completion))
        .hasMessageContaining("completion of prompt 41 (`" + completion + "`)");
  }

  /** OpenRLHF issue 1219: a score of 0 is a score, not a missing one. */
  @Test
  void countedFailuresHaveTheChosenScoreAndZeroIsAScore() {
    Rewards rewards =
        Rewards.of(List.of("2 * " + FailingReward.class.getName()), RewardFailures.count(-3));
    Scores scores = score(rewards, "good", "bad", "nan", "null", "few", "good");
    assertThat(scores.ofFunctions()[0]).containsExactly(0, -3, -3, -3, -3, 0);
    assertThat(scores.total()).containsExactly(0, -6, -6, -6, -6, 0);
    assertThat(scores.failures()).hasSize(4);
    assertThat(scores.failures().get(0)).contains("prompt 41", "cannot read");
    assertThat(scores.failures().get(1)).contains("prompt 42", "got NaN");
    assertThat(scores.failures().get(2)).contains("prompt 43", "got null");
    assertThat(scores.failures().get(3)).contains("prompt 44", "a score for each of 1 completions");
    Scores chosen =
        score(Rewards.of(List.of(FailingReward.class.getName()), RewardFailures.count(0)), "bad");
    assertThat(chosen.total()).containsExactly(0);
    assertThat(chosen.failures()).hasSize(1);
  }

  /** Fails on more than one completion together. */
  public static final class LonelyReward implements RewardFunction {
    /** Makes the function. */
    public LonelyReward() {}

    @Override
    public List<Double> score(List<ScoredText> completions) {
      return List.of(1.0);
    }
  }

  @Test
  void functionThatFailsOnlyOnAllTogetherHasFailedOnAll() {
    Rewards rewards = Rewards.of(List.of(LonelyReward.class.getName()), RewardFailures.count(-1));
    Scores scores = score(rewards, "a", "b");
    assertThat(scores.total()).containsExactly(-1, -1);
    assertThat(scores.failures().get(0)).contains("a score for each of 2 completions, got 1");
  }

  @Test
  void substitutesMustBeFinite() {
    assertThatThrownBy(() -> RewardFailures.count(Double.NaN))
        .hasMessage("reward: the score of failures must be finite, got NaN");
  }
}
