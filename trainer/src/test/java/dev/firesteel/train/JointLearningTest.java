package dev.firesteel.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.firesteel.array.ArrayPool;
import dev.firesteel.array.DType;
import dev.firesteel.array.NdArray;
import dev.firesteel.array.Shape;
import dev.firesteel.backend.Backend;
import dev.firesteel.backend.reference.ReferenceBackend;
import dev.firesteel.collective.Collective;
import dev.firesteel.collective.ThreadCollective;
import dev.firesteel.config.OptimizerConfig;
import dev.firesteel.model.LanguageModel;
import dev.firesteel.model.Models;
import dev.firesteel.model.TestModels;
import dev.firesteel.nn.ForwardPass;
import dev.firesteel.nn.ParameterSet;
import dev.firesteel.nn.Recompute;
import dev.firesteel.nn.ScalarHead;
import dev.firesteel.optim.LearningRateSchedule;
import dev.firesteel.random.RandomStream;
import dev.firesteel.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A policy and a value model in two parameter sets, with an optimizer each. */
class JointLearningTest {
  private static final int B = 2;
  private static final int T = 6;
  private static final int V = 11;
  private static final int MICRO_BATCHES = 4;
  private static final int STEPS = 3;

  /** What a rank has after some steps. */
  private record Result(List<Double> norms, List<Float> policy, List<Float> value) {}

  /** Both models and their learners on one rank. */
  private static final class Pair implements AutoCloseable {
    private final Backend backend = new ReferenceBackend();
    private final ArrayPool pool = new ArrayPool(backend);
    private final LanguageModel policy;
    private final LanguageModel value;
    private final ScalarHead head;
    private final Learner policyLearner;
    private final Learner valueLearner;

    Pair(Collective collective) {
      policy = Models.declare(TestModels.withDropout(TestModels.gpt2(1, 8, 2, T, V), 0.2));
      ParameterSet.Builder parameters = ParameterSet.builder();
      value =
          Models.declare(
              TestModels.withDropout(TestModels.llama(2, 8, 2, 1, 12, T, V), 0.1), parameters);
      head = new ScalarHead(parameters, "value_head", 8, ScalarHead.initial(8));
      parameters.build();
      policy.parameters().allocate(backend, DType.F32);
      value.parameters().allocate(backend, DType.F32);
      policy.parameters().initialize(1);
      value.parameters().initialize(2);
      policyLearner = learner(policy, collective, 0.01, 1, Recompute.NONE);
      valueLearner = learner(value, collective, 0.03, 0.5, Recompute.ATTENTION);
    }

    Learner learner(
        LanguageModel model,
        Collective collective,
        double learningRate,
        double clip,
        Recompute recompute) {
      TrainingContext context =
          new TrainingContext(
              backend, collective, null, event -> {}, new RankListener() {}, new StopSignal());
      return new Learner(
          model,
          new LearnerSettings(
              new OptimizerConfig(learningRate, 0.9, 0.95, 1e-8, 0.1),
              new LearningRateSchedule.Constant(learningRate, 2),
              clip,
              MICRO_BATCHES,
              7,
              recompute),
          context,
          pool);
    }

    Tensor policyLoss(ForwardPass pass, long step, int microBatch, double scale) {
      Tensor ids = ids(pass, step, microBatch);
      return policy.loss(pass, ids, ids, scale);
    }

    Tensor valueLoss(ForwardPass pass, long step, int microBatch, double scale) {
      Tensor values = head.apply(pass, value.hidden(pass, ids(pass, step, microBatch)));
      return values.multiply(values).sum().scale(scale);
    }

    private static Tensor ids(ForwardPass pass, long step, int microBatch) {
      RandomStream random = RandomStream.of(3, "ids", step, microBatch);
      int[] ids = new int[B * T];
      for (int i = 0; i < ids.length; i++) {
        ids[i] = random.nextInt(V);
      }
      return pass.tape().constant(ids, Shape.of(B, T));
    }

    List<Update> separately(long step) {
      long targets = MICRO_BATCHES * B * T;
      return List.of(
          policyLearner.update(
              step, targets, (pass, batch, scale) -> policyLoss(pass, step, batch, scale)),
          valueLearner.update(
              step, targets, (pass, batch, scale) -> valueLoss(pass, step, batch, scale)));
    }

    List<Update> together(long step) {
      return Learner.update(
          List.of(policyLearner, valueLearner),
          step,
          MICRO_BATCHES * B * T,
          (passes, batch, scale) ->
              policyLoss(passes.get(0), step, batch, scale)
                  .add(valueLoss(passes.get(1), step, batch, scale)));
    }

    List<Float> weights(LanguageModel model) {
      NdArray flat = model.parameters().weights().flat();
      float[] values = new float[Math.toIntExact(flat.size())];
      backend.download(flat, values, 0);
      List<Float> list = new ArrayList<>();
      for (float each : values) {
        list.add(each);
      }
      return list;
    }

    @Override
    public void close() {
      policyLearner.close();
      valueLearner.close();
      policy.close();
      value.close();
      pool.close();
      backend.close();
    }
  }

  private static Result train(Collective collective, boolean together) {
    try (Pair pair = new Pair(collective)) {
      List<Double> norms = new ArrayList<>();
      for (long step = 0; step < STEPS; step++) {
        List<Update> updates = together ? pair.together(step) : pair.separately(step);
        for (Update update : updates) {
          assertThat(update.skipped()).isFalse();
          norms.add(update.gradientNorm());
        }
      }
      return new Result(norms, pair.weights(pair.policy), pair.weights(pair.value));
    }
  }

  private static List<Result> train(int ranks, boolean together) throws Exception {
    ExecutorService threads = Executors.newFixedThreadPool(ranks);
    try {
      List<Future<Result>> futures = new ArrayList<>();
      for (Collective rank : ThreadCollective.world(ranks)) {
        futures.add(threads.submit(() -> train(rank, together)));
      }
      List<Result> results = new ArrayList<>();
      for (Future<Result> future : futures) {
        results.add(future.get());
      }
      return results;
    } finally {
      threads.shutdownNow();
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2})
  void oneTapeGivesTheBitsOfTwo(int ranks) throws Exception {
    Result separately = train(1, false).get(0);
    assertThat(separately.norms).allMatch(norm -> norm > 0);
    for (Result together : train(ranks, true)) {
      assertThat(together).isEqualTo(separately);
    }
  }

  @Test
  void aLossThatIsNotFiniteUpdatesNone() {
    try (Pair pair = new Pair(ThreadCollective.world(1).get(0))) {
      List<Float> policy = pair.weights(pair.policy);
      List<Float> value = pair.weights(pair.value);
      List<Update> updates =
          Learner.update(
              List.of(pair.policyLearner, pair.valueLearner),
              0,
              1,
              (passes, batch, scale) ->
                  pair.policyLoss(passes.get(0), 0, batch, 1)
                      .add(pair.valueLoss(passes.get(1), 0, batch, Double.POSITIVE_INFINITY)));
      assertThat(updates).extracting(Update::skipped).containsExactly(true, true);
      assertThat(pair.weights(pair.policy)).isEqualTo(policy);
      assertThat(pair.weights(pair.value)).isEqualTo(value);
    }
  }

  @Test
  void learnersOfOneLossMustFitTogether() {
    try (Pair pair = new Pair(ThreadCollective.world(1).get(0))) {
      assertThatThrownBy(
              () ->
                  Learner.update(
                      List.of(pair.policyLearner, pair.policyLearner), 0, 1, (p, b, s) -> null))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("learners of one loss must be of different models, got one model twice");
      try (Pair other = new Pair(ThreadCollective.world(1).get(0))) {
        assertThatThrownBy(
                () ->
                    Learner.update(
                        List.of(pair.policyLearner, other.valueLearner), 0, 1, (p, b, s) -> null))
            .isInstanceOf(IllegalArgumentException.class)
            .hasMessageStartingWith(
                "learners of one loss must have the same collective, backend and number of micro-batches");
      }
    }
  }

  /** Its gradient would be lost. */
  @Test
  void aLossMustNotHaveGradientsOfAnotherModel() {
    try (Pair pair = new Pair(ThreadCollective.world(1).get(0))) {
      assertThatThrownBy(
              () ->
                  pair.policyLearner.update(
                      0,
                      1,
                      (pass, batch, scale) -> {
                        ForwardPass stray =
                            ForwardPass.training(
                                pass.tape(),
                                pair.value.parameters(),
                                pair.value.parameters().newSegment(),
                                0);
                        return pair.policyLoss(pass, 0, batch, scale)
                            .add(pair.valueLoss(stray, 0, batch, scale));
                      }))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageStartingWith(
              "a loss may have gradients of the models of its learners alone, got F32[");
    }
  }
}
