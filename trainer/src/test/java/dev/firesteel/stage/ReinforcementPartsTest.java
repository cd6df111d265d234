package dev.firesteel.stage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.firesteel.array.ArrayPool;
import dev.firesteel.array.DType;
import dev.firesteel.array.Shape;
import dev.firesteel.backend.Backend;
import dev.firesteel.backend.reference.ReferenceBackend;
import dev.firesteel.config.ConfigLoader;
import dev.firesteel.config.GrpoConfig;
import dev.firesteel.config.PpoConfig;
import dev.firesteel.data.DocumentRows;
import dev.firesteel.example.TrainedTokens;
import dev.firesteel.generate.Rollout;
import dev.firesteel.model.LanguageModel;
import dev.firesteel.model.LogProbs;
import dev.firesteel.model.Models;
import dev.firesteel.model.ScoredModel;
import dev.firesteel.nn.ForwardPass;
import dev.firesteel.nn.Lora;
import dev.firesteel.nn.NamePattern;
import dev.firesteel.nn.Parameter;
import dev.firesteel.nn.ParameterSet;
import dev.firesteel.nn.Projections;
import dev.firesteel.tensor.RowLayout;
import dev.firesteel.tensor.Tape;
import dev.firesteel.tensor.Tensor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** What reinforcement learning computes of a step's completions, number by number. */
class ReinforcementPartsTest {
  private static final int END = AlignmentRun.END;

  /** Three prompts; completions of 3, 1 and 2 tokens, the last of which was cut. */
  private static final List<Rollout> ROLLOUTS =
      List.of(
          new Rollout(new int[] {1, 2}, new int[] {3, 4, END}, true),
          new Rollout(new int[] {5, 6, 7, 1}, new int[] {END}, true),
          new Rollout(new int[] {2}, new int[] {0, 0}, false));

  private static final double[] OLD = {-1, -2, -0.5, -0.1, -3, -1};
  private static final double[] REFERENCE = {-1.2, -1.5, -0.9, -0.1, -2, -1};
  private static final double[] VALUES = {0.5, 0.4, 0.6, 0.1, 0.2, 0.3};
  private static final double[] SCORES = {1, -0.5, 2};

  private static RolloutPhase.Sampled sampled() {
    return new RolloutPhase.Sampled(
        new Episodes(ROLLOUTS),
        OLD,
        REFERENCE,
        VALUES,
        SCORES,
        new double[][] {SCORES},
        new double[0],
        0,
        List.of(),
        0,
        0,
        0);
  }

  private static PpoConfig ppo(String... settings) {
    return ConfigLoader.load(PpoConfig.class, settings(settings));
  }

  private static List<String> settings(String... settings) {
    return Stream.concat(
            Stream.of("data.source=none", "model.from=none", "model.context_length=128"),
            Arrays.stream(settings))
        .toList();
  }

  private static Credit credit(PpoConfig config) {
    CreditAssignment credit = new CreditAssignment(config);
    credit.name(List.of("one"));
    return credit.withValues(config.ppo(), sampled());
  }

  /** With lambda 0 and gamma 0 an advantage is its own reward minus the value of its state. */
  @Test
  void scoreIsAddedToTheLastActionAndThePenaltyToEach() {
    Credit credit =
        credit(
            ppo(
                "ppo.lambda=0",
                "ppo.gamma=0",
                "ppo.whiten_advantages=false",
                "kl.coefficient=0.5"));
    double[] rewards = {-0.1, 0.25, -0.2 + 1, -0.5, 0.5, 2};
    for (int i = 0; i < rewards.length; i++) {
      assertThat(credit.advantages()[i]).isCloseTo(rewards[i] - VALUES[i], within(1e-12));
      assertThat(credit.returns()[i]).isCloseTo(rewards[i], within(1e-12));
    }
    assertThat(credit.kl()).isCloseTo((0.2 - 0.5 + 0.4 + 0 - 1 + 0) / 3, within(1e-12));
  }

  /** Nothing follows the last action: neither the next completion's value nor its reward. */
  @Test
  void episodesDoNotFlowIntoEachOther() {
    Credit credit =
        credit(
            ppo("ppo.lambda=1", "ppo.whiten_advantages=false", "kl.coefficient=0", "ppo.gamma=1"));
    assertThat(credit.returns()).containsExactly(new double[] {1, 1, 1, -0.5, 2, 2}, within(1e-12));
    assertThat(credit.advantages())
        .containsExactly(new double[] {0.5, 0.6, 0.4, -0.6, 1.8, 1.7}, within(1e-12));
  }

  @Test
  void advantagesAreWhitenedOverTheActionsOfTheStepAndReturnsAreNot() {
    Credit plain = credit(ppo("ppo.whiten_advantages=false", "kl.coefficient=0"));
    Credit white = credit(ppo("kl.coefficient=0"));
    double mean = Arrays.stream(plain.advantages()).average().orElseThrow();
    double variance =
        Arrays.stream(plain.advantages()).map(a -> (a - mean) * (a - mean)).average().orElseThrow();
    for (int i = 0; i < OLD.length; i++) {
      assertThat(white.advantages()[i])
          .isCloseTo((plain.advantages()[i] - mean) / Math.sqrt(variance + 1e-8), within(1e-12));
    }
    assertThat(white.returns()).isEqualTo(plain.returns());
  }

  @Test
  void scoresAreShapedBeforeTheyAreRewards() {
    Credit credit =
        credit(
            ppo(
                "ppo.lambda=1",
                "ppo.whiten_advantages=false",
                "kl.coefficient=0",
                "rewards.clip=0.75",
                "rewards.missing_end_penalty=1"));
    assertThat(credit.returns())
        .containsExactly(new double[] {0.75, 0.75, 0.75, -0.5, -0.25, -0.25}, within(1e-12));
  }

  /** The controller follows k1, whichever estimator the penalty uses, and also in the loss. */
  @Test
  void coefficientFollowsTheKlOfTheRollouts() {
    for (String place : List.of("kl.place=reward", "kl.place=loss")) {
      PpoConfig config =
          ppo("kl.target=0.1", "kl.horizon=100", "kl.coefficient=0.2", "kl.estimator=k3", place);
      CreditAssignment credit = new CreditAssignment(config);
      credit.name(List.of("one"));
      Credit assigned = credit.withValues(config.ppo(), sampled());
      assertThat(assigned.kl()).isCloseTo(-0.3, within(1e-12));
      credit.update(assigned.kl(), 3);
      assertThat(credit.coefficient()).isCloseTo(0.2 * (1 - 0.2 * 3 / 100), within(1e-12));
      CreditAssignment resumed = new CreditAssignment(config);
      resumed.resume(credit.state());
      assertThat(resumed.coefficient()).isEqualTo(credit.coefficient());
    }
  }

  @Test
  void scaleOfScoresIsThatOfTheWholeRunAndResumes() {
    PpoConfig config = ppo("rewards.running_scale=true");
    CreditAssignment whole = new CreditAssignment(config);
    whole.name(List.of("one"));
    whole.withValues(config.ppo(), sampled());
    CreditAssignment resumed = new CreditAssignment(config);
    resumed.name(List.of("one"));
    resumed.resume(whole.state());
    assertThat(resumed.withValues(config.ppo(), sampled()).returns())
        .isEqualTo(whole.withValues(config.ppo(), sampled()).returns());
    assertThat(resumed.state()).isEqualTo(whole.state());
  }

  /** Penalties come after: they keep their size. */
  @Test
  void normalizedScoresAreThoseOfTheFirstStepAndResume() {
    PpoConfig config =
        ppo(
            "rewards.normalize=true",
            "rewards.missing_end_penalty=1",
            "ppo.lambda=1",
            "kl.coefficient=0");
    double mean = 2.5 / 3;
    double deviation = Math.sqrt((square(1 - mean) + square(-0.5 - mean) + square(2 - mean)) / 2);
    CreditAssignment whole = new CreditAssignment(config);
    whole.name(List.of("one"));
    double[] returns = whole.withValues(config.ppo(), sampled()).returns();
    assertThat(returns[0]).isCloseTo((1 - mean) / deviation, within(1e-12));
    assertThat(returns[5]).isCloseTo((2 - mean) / deviation - 1, within(1e-12));
    CreditAssignment resumed = new CreditAssignment(config);
    resumed.name(List.of("one"));
    resumed.resume(whole.state());
    assertThat(resumed.state()).isEqualTo(whole.state());
    assertThat(resumed.withValues(config.ppo(), sampled()).returns()).isEqualTo(returns);
  }

  private static double square(double x) {
    return x * x;
  }

  @Test
  void groupsAreComparedWithTheirOwnPrompt() {
    GrpoConfig config =
        ConfigLoader.load(
            GrpoConfig.class,
            settings("rollouts.prompts=16", "rollouts.group_size=2", "grpo.estimator=rloo"));
    List<Rollout> rollouts = new ArrayList<>(ROLLOUTS);
    rollouts.add(new Rollout(new int[] {2}, new int[] {END}, true));
    double[] scores = {1, -0.5, 2, 2};
    CreditAssignment credit = new CreditAssignment(config);
    credit.name(List.of("one"));
    Credit assigned =
        credit.withGroups(
            config.grpo(),
            new RolloutPhase.Sampled(
                new Episodes(rollouts),
                new double[7],
                new double[7],
                new double[0],
                scores,
                new double[][] {scores},
                new double[0],
                0,
                List.of(),
                0,
                0,
                0));
    assertThat(assigned.advantages())
        .containsExactly(new double[] {1.5, 1.5, 1.5, -1.5, 0, 0, 0}, within(1e-12));
  }

  @Test
  void textsAreWithoutTheEndTokenAndLengthsWithIt() {
    var texts =
        Episodes.texts(
            ROLLOUTS,
            List.of(
                AlignmentRun.prompt("bc"), AlignmentRun.prompt("fghb"), AlignmentRun.prompt("c")),
            AlignmentRun.LETTERS);
    assertThat(texts).extracting(one -> one.prompt()).containsExactly("bc", "fghb", "c");
    assertThat(texts).extracting(one -> one.completion()).containsExactly("de", "", "aa");
    assertThat(texts).extracting(one -> one.tokens()).containsExactly(3, 1, 2);
    assertThat(texts).extracting(one -> one.ended()).containsExactly(true, true, false);
  }

  /** A value is that of the state in which an action is taken: at the token before it. */
  @Test
  void valuesAndLogProbsBelongToTheStatesBeforeTheActions() {
    List<TrainedTokens> documents = new Episodes(ROLLOUTS).documents();
    try (Backend backend = new ReferenceBackend();
        ArrayPool pool = new ArrayPool(backend);
        LanguageModel policy = Models.create(AlignmentRun.modelConfig(), backend, DType.F32, 3);
        ScoredModel value = ScoredModel.value(AlignmentRun.modelConfig(), Projections.DENSE)) {
      value.parameters().allocate(backend, DType.F32);
      value.parameters().initialize(4);
      for (Parameter parameter : value.parameters().parameters()) {
        if (parameter.name().startsWith(ScoredModel.VALUE_HEAD)) {
          float[] some = new float[Math.toIntExact(parameter.size())];
          for (int i = 0; i < some.length; i++) {
            some[i] = (i % 5 - 2) / 3f;
          }
          backend.upload(some, 0, value.parameters().weights().view(parameter));
        }
      }
      double[] values = new ActionNumbers(pool, 2).values(value, documents);
      double[] logProbs = new ActionNumbers(pool, 2).logProbs(LogProbs.of(policy, 0.7), documents);
      assertThat(values).doesNotHaveDuplicates();
      int action = 0;
      for (Rollout rollout : ROLLOUTS) {
        int[] tokens =
            IntStream.concat(Arrays.stream(rollout.prompt()), Arrays.stream(rollout.completion()))
                .toArray();
        for (int i = rollout.prompt().length; i < tokens.length; i++) {
          int[] state = Arrays.copyOf(tokens, i);
          assertThat(values[action]).isEqualTo(last(values(value, backend, pool, state)));
          assertThat(logProbs[action])
              .isCloseTo(logProb(policy, backend, pool, state, tokens[i]), within(1e-5));
          action++;
        }
      }
      assertThat(action).isEqualTo(values.length);
    }
  }

  private static double last(double... numbers) {
    return numbers[numbers.length - 1];
  }

  private static double[] values(
      ScoredModel model, Backend backend, ArrayPool pool, int... tokens) {
    double[] values = new double[tokens.length];
    try (Tape tape = Tape.inference(backend, pool)) {
      Tensor all =
          model.values(
              ForwardPass.inference(tape, model.parameters()),
              tape.constant(tokens, Shape.of(1, tokens.length)),
              RowLayout.rightPadded(tokens.length, new int[] {tokens.length}));
      backend.download(all.array(), values, 0);
    }
    return values;
  }

  private static double logProb(
      LanguageModel model, Backend backend, ArrayPool pool, int[] state, int action) {
    int vocabulary = model.config().vocabularySize();
    double[] logits = new double[state.length * vocabulary];
    try (Tape tape = Tape.inference(backend, pool)) {
      Tensor all =
          model.logits(
              ForwardPass.inference(tape, model.parameters()),
              tape.constant(state, Shape.of(1, state.length)));
      backend.download(all.array(), logits, 0);
    }
    double sum = 0;
    int first = (state.length - 1) * vocabulary;
    for (int i = 0; i < vocabulary; i++) {
      sum += Math.exp(logits[first + i] / 0.7);
    }
    return logits[first + action] / 0.7 - Math.log(sum);
  }

  /** A policy with adapters needs no second copy of its weights. */
  @Test
  void withoutItsAdaptersAPolicyIsTheReference() {
    DocumentRows rows = DocumentRows.of(new Episodes(ROLLOUTS).documents());
    try (Backend backend = new ReferenceBackend();
        ArrayPool pool = new ArrayPool(backend);
        LanguageModel full = Models.create(AlignmentRun.modelConfig(), backend, DType.F32, 3)) {
      ParameterSet.Builder parameters = ParameterSet.builder();
      try (LanguageModel adapted =
          Models.declare(
              AlignmentRun.modelConfig(),
              parameters,
              new Lora(2, 4, 0, NamePattern.all("*.attention.*", "*.feed_forward.*")))) {
        Lora.freezeBase(parameters);
        parameters.build().allocate(backend, DType.F32);
        adapted.parameters().initialize(3);
        for (Parameter parameter : adapted.parameters().parameters()) {
          float[] weights = new float[Math.toIntExact(parameter.size())];
          if (Lora.isAdapter(parameter.name())) {
            Arrays.fill(weights, 0.3f);
          } else {
            backend.download(
                full.parameters().weights().view(full.parameters().parameter(parameter.name())),
                weights,
                0);
          }
          backend.upload(weights, 0, adapted.parameters().weights().view(parameter));
        }
        double[] expected = logProbs(LogProbs.of(full, 0.7), pool, rows);
        assertThat(logProbs(LogProbs.of(adapted, 0.7).withoutAdapters(), pool, rows))
            .isEqualTo(expected);
        assertThat(logProbs(LogProbs.of(adapted, 0.7), pool, rows)).isNotEqualTo(expected);
      }
    }
  }

  private static double[] logProbs(LogProbs of, ArrayPool pool, DocumentRows rows) {
    return of.compute(pool, rows.ids(), rows.targets(), rows.layout(), 2).logProbs();
  }
}
