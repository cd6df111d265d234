package dev.firesteel.stage;

import dev.firesteel.array.Shape;
import dev.firesteel.backend.Precision;
import dev.firesteel.config.KlConfig;
import dev.firesteel.config.PpoSection;
import dev.firesteel.config.RlConfig;
import dev.firesteel.config.UpdateConfig;
import dev.firesteel.data.DocumentRows;
import dev.firesteel.error.UserException;
import dev.firesteel.example.TrainedTokens;
import dev.firesteel.loss.EntropyBonus;
import dev.firesteel.loss.HostLoss;
import dev.firesteel.loss.KlPenalty;
import dev.firesteel.loss.LossMeasures;
import dev.firesteel.loss.LossMetrics;
import dev.firesteel.loss.PolicyLoss;
import dev.firesteel.loss.TokenGroups;
import dev.firesteel.loss.ValueLoss;
import dev.firesteel.metrics.Measures;
import dev.firesteel.metrics.Metrics;
import dev.firesteel.model.LanguageModel;
import dev.firesteel.model.LogProbs;
import dev.firesteel.model.ScoredModel;
import dev.firesteel.nn.ForwardPass;
import dev.firesteel.random.RandomStream;
import dev.firesteel.rl.LossAverage;
import dev.firesteel.rl.RlMetrics;
import dev.firesteel.tensor.Tensor;
import dev.firesteel.train.Learner;
import dev.firesteel.train.MeasureSum;
import dev.firesteel.train.TapeLoss;
import dev.firesteel.train.TrainingContext;
import dev.firesteel.train.Update;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The second half of a step of reinforcement learning: several passes over its completions in
 * minibatches, each an update of the policy and, with a value model, one of that.
 */
final class PolicyUpdates {
  private final RlConfig config;
  private final LanguageModel policy;
  private final Learner learner;
  private final LossAverage average;
  private final TrainingContext context;
  private final PolicyLoss policyLoss;
  private final PretrainingMix mix; // null: none

  /**
   * @param mixOrNull a language-model loss beside the policy's
   */
  PolicyUpdates(
      RlConfig config,
      LanguageModel policy,
      Learner learner,
      LossAverage average,
      PretrainingMix mixOrNull,
      TrainingContext context) {
    this.config = config;
    this.policy = policy;
    this.learner = learner;
    this.average = average;
    mix = mixOrNull;
    this.context = context;
    UpdateConfig update = config.update();
    policyLoss =
        new PolicyLoss(
            update.clipLow(),
            update.clipHigh(),
            update.dualClip() == 0 ? Double.POSITIVE_INFINITY : update.dualClip());
  }

  /**
   * What gives values.
   *
   * @param model a value model, or the policy with its head
   * @param learner null with a head, which the policy's learner trains
   */
  record Critic(PpoSection settings, ScoredModel model, Learner learner) {
    boolean isHead() {
      return learner == null;
    }
  }

  /**
   * Updates the models.
   *
   * @param beta KL coefficient, where the penalty is in the loss
   * @param critic null without a value model
   */
  Result run(long step, RolloutPhase.Sampled sampled, Credit credit, double beta, Critic critic) {
    UpdateMeans means = new UpdateMeans();
    boolean skipped = false;
    int size = config.training().globalBatchSize();
    boolean policyTrains = critic == null || step >= critic.settings().valueWarmupSteps();
    boolean near = true;
    for (int epoch = 0; near && epoch < config.update().epochs(); epoch++) {
      int[] order = order(sampled.episodes().size(), step, epoch);
      for (int from = 0; near && from < order.length; from += size) {
        Minibatch minibatch =
            new Minibatch(sampled, credit, Arrays.copyOfRange(order, from, from + size), beta);
        if (policyTrains) {
          int update = (epoch * order.length + from) / size;
          Measures measures = policy(step, update, minibatch, critic, means);
          skipped |= means.lastSkipped();
          near = isNear(measures);
          if (epoch == 0 && from == 0) {
            requireSameProbabilities(measures);
          }
        }
        if (critic != null && !critic.isHead()) {
          value(step, minibatch, critic, means);
          skipped |= means.lastSkipped();
        }
      }
    }
    return new Result(means.measures(), skipped);
  }

  /** Whether the policy was, before an update, still within update.max_kl of that which sampled. */
  private boolean isNear(Measures measures) {
    double maxKl = config.update().maxKl();
    return maxKl == 0 || measures.get(LossMetrics.APPROX_KL).orElse(0) <= maxKl;
  }

  /**
   * What the updates report.
   *
   * @param measures means over the updates
   * @param skipped whether one was skipped
   */
  record Result(Measures measures, boolean skipped) {}

  /** The completions in the order of a pass. */
  private int[] order(int size, long step, int epoch) {
    int[] order = new int[size];
    RandomStream random = RandomStream.of(config.seed(), "minibatches", step, epoch);
    for (int i = 0; i < size; i++) {
      int j = random.nextInt(i + 1);
      order[i] = order[j];
      order[j] = i;
    }
    return order;
  }

  /** Some completions of a step. */
  private final class Minibatch {
    private final RolloutPhase.Sampled sampled;
    private final Credit credit;
    private final int[] completions;
    private final double beta;
    private final boolean[] included;
    private final double denominator;
    private final double counted;
    private final double tokens;

    Minibatch(RolloutPhase.Sampled sampled, Credit credit, int[] completions, double beta) {
      this.sampled = sampled;
      this.credit = credit;
      this.completions = completions;
      this.beta = beta;
      included = new boolean[completions.length];
      for (int i = 0; i < included.length; i++) {
        included[i] = credit.included().length(completions[i]) > 0;
      }
      TokenGroups actions = sampled.episodes().actionsOf(completions);
      TokenGroups inLoss = actions.only(included);
      denominator = LossAverage.denominator(average.share(inLoss, config.rollouts().maxTokens()));
      counted = inLoss.tokens();
      tokens = Math.max(1, actions.tokens());
    }

    /** One of its micro-batches. */
    Part part(int microBatch) {
      int size = config.training().microBatchSize();
      int[] some = Arrays.copyOfRange(completions, microBatch * size, (microBatch + 1) * size);
      boolean[] included =
          Arrays.copyOfRange(this.included, microBatch * size, (microBatch + 1) * size);
      List<TrainedTokens> documents = new ArrayList<>();
      for (int completion : some) {
        documents.add(sampled.episodes().documents().get(completion));
      }
      DocumentRows rows = DocumentRows.of(documents);
      TokenGroups all = TokenGroups.rows(rows.targets(), rows.layout().tokens());
      return new Part(rows, some, all, all.only(included));
    }

    /** Tokens in the loss, of which measures are means; 1 where there are none. */
    double counted() {
      return Math.max(1, counted);
    }

    /** Whether all completions are left out of the loss, which has no measures then. */
    boolean isEmpty() {
      return counted == 0;
    }

    double[] toRows(Part part, double[] ofActions) {
      return sampled.episodes().toRows(part.rows(), part.completions(), ofActions);
    }
  }

  /** A micro-batch: rows of some completions, and those of their tokens that are in the loss. */
  @SuppressWarnings("ArrayRecordComponent") // Never compared.
  private record Part(
      DocumentRows rows, int[] completions, TokenGroups all, TokenGroups included) {}

  private Measures policy(
      long step, int number, Minibatch minibatch, Critic critic, UpdateMeans means) {
    MeasureSum sum = new MeasureSum(config.training().microBatches());
    Critic head = critic != null && critic.isHead() ? critic : null;
    Update update =
        learner.update(
            step,
            (passes, microBatch) -> {
              ForwardPass pass = passes.get(0);
              Tensor text = mix == null ? null : mix.loss(pass, policy, step, number, microBatch);
              return policyLoss(pass, minibatch, minibatch.part(microBatch), text, head, sum);
            });
    Measures measures = minibatch.isEmpty() ? Measures.none() : sum.total(context.collective());
    means.add(update.measures().with(measures), update.skipped());
    return measures;
  }

  private TapeLoss policyLoss(
      ForwardPass pass,
      Minibatch minibatch,
      Part part,
      Tensor textOrNull,
      Critic headOrNull,
      MeasureSum sum) {
    DocumentRows rows = part.rows();
    LogProbs.Recorded now =
        LogProbs.of(policy, config.rollouts().temperature())
            .withEntropies()
            .record(pass, rows.ids(), rows.targets(), rows.layout());
    double[] weights = average.weights(part.included());
    double[] logProbs = now.values().logProbs();
    HostLoss loss =
        policyLoss.of(
            logProbs,
            minibatch.toRows(part, minibatch.sampled.old()),
            minibatch.toRows(part, minibatch.credit.advantages()),
            weights,
            minibatch.denominator,
            minibatch.counted());
    if (config.kl().place() == KlConfig.Place.LOSS) {
      loss =
          loss.plus(
              new KlPenalty(config.kl().estimator(), minibatch.beta)
                  .of(
                      logProbs,
                      minibatch.toRows(part, minibatch.sampled.reference()),
                      weights,
                      minibatch.denominator,
                      minibatch.counted()));
    }
    double coefficient = config.update().entropyCoefficient();
    HostLoss bonus =
        new EntropyBonus(coefficient)
            .of(now.values().entropies(), weights, minibatch.denominator, minibatch.counted());
    LossMeasures measures = loss.measures().and(bonus.measures());
    double value = loss.loss() + bonus.loss();
    List<LogProbs.Output> others = new ArrayList<>();
    if (textOrNull != null) {
      double ofText = textOrNull.item();
      measures = measures.share(LossMetrics.LOSS_PRETRAINING, ofText);
      value += mix.coefficient() * ofText;
      others.add(new LogProbs.Output(textOrNull, new double[] {mix.coefficient()}));
    }
    if (headOrNull != null) {
      Tensor values = headOrNull.model().values(pass, now.hidden());
      HostLoss ofValues = valueLoss(values, minibatch, part, headOrNull);
      measures = measures.and(ofValues.measures());
      value += ofValues.loss();
      others.add(new LogProbs.Output(values, ofValues.gradient()));
    }
    sum.add(measures);
    double[] gradient = loss.gradient();
    double[] ofEntropies = coefficient == 0 ? null : bonus.gradient();
    return TapeLoss.of(value, complete -> now.backward(gradient, ofEntropies, others, complete));
  }

  private void value(long step, Minibatch minibatch, Critic critic, UpdateMeans means) {
    MeasureSum sum = new MeasureSum(config.training().microBatches());
    Update update =
        critic
            .learner()
            .update(
                step,
                (passes, microBatch) ->
                    valueLoss(passes.get(0), minibatch, microBatch, critic, sum));
    means.add(
        sum.total(context.collective())
            .with(RlMetrics.CRITIC_GRADIENT_NORM, update.gradientNorm())
            .with(RlMetrics.CRITIC_LEARNING_RATE, update.learningRate()),
        update.skipped());
  }

  private TapeLoss valueLoss(
      ForwardPass pass, Minibatch minibatch, int microBatch, Critic critic, MeasureSum sum) {
    Part part = minibatch.part(microBatch);
    DocumentRows rows = part.rows();
    Shape shape = Shape.of(rows.count(), rows.layout().tokens());
    Tensor values =
        critic.model().values(pass, pass.tape().constant(rows.ids(), shape), rows.layout());
    HostLoss loss = valueLoss(values, minibatch, part, critic);
    sum.add(loss.measures());
    return TapeLoss.of(loss.loss(), values, loss.gradient());
  }

  private HostLoss valueLoss(Tensor values, Minibatch minibatch, Part part, Critic critic) {
    double[] now = new double[part.rows().ids().length];
    context.backend().download(values.array(), now, 0);
    PpoSection settings = critic.settings();
    return new ValueLoss(
            settings.valueClip() == 0 ? Double.POSITIVE_INFINITY : settings.valueClip(),
            settings.valueCoefficient())
        .of(
            now,
            minibatch.toRows(part, minibatch.sampled.values()),
            minibatch.toRows(part, minibatch.credit.returns()),
            part.all().tokenWeights(),
            minibatch.tokens);
  }

  /**
   * The policy has not changed since it sampled, so that each ratio of the first minibatch must be
   * exactly 1 in fp32: otherwise what is trained is not what was sampled.
   */
  private void requireSameProbabilities(Measures measures) {
    if (config.compute().precision() != Precision.FP32) {
      return;
    }
    double least = measures.get(LossMetrics.RATIO_MIN).orElse(Double.NaN);
    double greatest = measures.get(LossMetrics.RATIO_MAX).orElse(Double.NaN);
    if (!Double.isNaN(least) && (least != 1 || greatest != 1)) {
      throw UserException.failure(
          "the ratios of the first minibatch must be exactly 1, since the policy has not changed since it sampled, got %s to %s: this is a defect of the program; please report it with config.yaml"
              .formatted(least, greatest));
    }
  }

  /** The loss and its gradient norm, for a step that had no update of the policy. */
  static Measures none(double learningRate) {
    return Measures.of(Metrics.LOSS, 0)
        .with(Metrics.LEARNING_RATE, learningRate)
        .with(Metrics.GRADIENT_NORM, 0);
  }
}
