package dev.firesteel.stage;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.firesteel.array.ArrayPool;
import dev.firesteel.array.DType;
import dev.firesteel.config.GrpoConfig;
import dev.firesteel.config.KlConfig;
import dev.firesteel.config.LoraConfig;
import dev.firesteel.config.PpoConfig;
import dev.firesteel.config.PpoSection;
import dev.firesteel.config.RlConfig;
import dev.firesteel.data.ExampleDataset;
import dev.firesteel.data.ExampleOrder;
import dev.firesteel.error.UserException;
import dev.firesteel.example.Example;
import dev.firesteel.generate.Rollout;
import dev.firesteel.loss.LossMetrics;
import dev.firesteel.metrics.Headline;
import dev.firesteel.metrics.Measures;
import dev.firesteel.metrics.Metric;
import dev.firesteel.metrics.Metrics;
import dev.firesteel.metrics.Unit;
import dev.firesteel.model.LanguageModel;
import dev.firesteel.model.LogProbs;
import dev.firesteel.model.ScoredModel;
import dev.firesteel.nn.Projections;
import dev.firesteel.random.RandomStream;
import dev.firesteel.reward.RewardFailures;
import dev.firesteel.reward.Rewards;
import dev.firesteel.rl.Distribution;
import dev.firesteel.rl.LossAverage;
import dev.firesteel.rl.RlMetrics;
import dev.firesteel.train.ExampleData;
import dev.firesteel.train.Learner;
import dev.firesteel.train.LearnerSettings;
import dev.firesteel.train.Objective;
import dev.firesteel.train.StageData;
import dev.firesteel.train.StageInfo;
import dev.firesteel.train.StageModel;
import dev.firesteel.train.StartingModel;
import dev.firesteel.train.TrainingContext;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Reinforcement learning from rewards: PPO with a value model, or GRPO and its relatives without
 * one. A step samples completions, scores them, assigns credit to their tokens, and updates the
 * policy several times.
 */
final class Reinforcement implements Objective {
  static final Metric VALIDATION_REWARD =
      Metric.of("val_reward", "validation reward", Unit.NONE).in("Reward");
  static final Metric VALIDATION_GOLD =
      Metric.of("val_gold", "validation gold score", Unit.NONE).in("Gold score");

  private static final String NEXT_PROMPT = "next_prompt";
  private static final String REFERENCE = "reference_crc32c";
  private static final String REWARD = "reward_crc32c";
  private static final String PRETRAINING = "pretraining_sha256";

  private final RlConfig config;
  private final ExampleData data;
  private final TrainingContext context;
  private final PromptQueue prompts;
  private final RankShare share;
  private final CreditAssignment credit;
  private final PretrainingMix mix; // null: none
  private final PromptSample sample;

  // Released by close().
  private final ArrayPool pool;
  private final LanguageModel policy;
  private final Learner learner;
  private final LanguageModel reference; // null: the policy without its adapters
  private final RewardSum rewards;
  private final ScoredModel value; // null without values; with a head, the policy's
  private final Learner valueLearner; // null without a value model
  private final AveragedModel average; // null: none

  private final RolloutPhase rollouts;
  private final PolicyUpdates updates;

  /** What the stage is, on opened prompts. */
  static StageInfo info(RlConfig config, ExampleData data) {
    List<Metric> metrics = new ArrayList<>();
    metrics.addAll(
        List.of(
            RlMetrics.REWARD,
            RlMetrics.OBJECTIVE_SCORES,
            RlMetrics.OBJECTIVE_RLHF_REWARD,
            RlMetrics.OBJECTIVE_NON_SCORE_REWARD,
            RlMetrics.OBJECTIVE_KL,
            RlMetrics.OBJECTIVE_ENTROPY,
            RlMetrics.KL_COEFFICIENT));
    if (!config.rewards().gold().isEmpty()) {
      metrics.add(RlMetrics.GOLD);
    }
    for (String name : Rewards.of(config.rewards().functions(), RewardFailures.stop()).names()) {
      metrics.add(RlMetrics.functionMean(name));
      metrics.add(RlMetrics.functionDeviation(name));
    }
    metrics.addAll(
        List.of(
            RlMetrics.REWARD_FAILURES,
            RlMetrics.MEAN_LENGTH,
            RlMetrics.MIN_LENGTH,
            RlMetrics.MAX_LENGTH,
            RlMetrics.CLIPPED_RATIO,
            RlMetrics.MEAN_TERMINATED_LENGTH,
            RlMetrics.MIN_TERMINATED_LENGTH,
            RlMetrics.MAX_TERMINATED_LENGTH,
            RlMetrics.NUM_EOS_TOKENS,
            Metrics.LOSS,
            Metrics.LEARNING_RATE,
            Metrics.GRADIENT_NORM,
            LossMetrics.LOSS_POLICY,
            LossMetrics.APPROX_KL,
            LossMetrics.CLIP_FRACTION,
            LossMetrics.CLIP_FRACTION_LOW,
            LossMetrics.CLIP_FRACTION_HIGH,
            LossMetrics.DUAL_CLIP_FRACTION,
            LossMetrics.RATIO,
            LossMetrics.RATIO_VARIANCE,
            LossMetrics.RATIO_MIN,
            LossMetrics.RATIO_MAX,
            LossMetrics.ENTROPY,
            RlMetrics.ADVANTAGES_MEAN,
            RlMetrics.ADVANTAGES_MIN,
            RlMetrics.ADVANTAGES_MAX));
    if (config.kl().place() == KlConfig.Place.LOSS) {
      metrics.add(LossMetrics.KL);
    }
    if (config instanceof PpoConfig ppo) {
      metrics.addAll(
          List.of(
              LossMetrics.LOSS_VALUE,
              LossMetrics.VALUE_CLIP_FRACTION,
              RlMetrics.RETURNS_MEAN,
              RlMetrics.RETURNS_MIN,
              RlMetrics.RETURNS_MAX,
              RlMetrics.VALUES_MEAN,
              RlMetrics.VALUES_MIN,
              RlMetrics.VALUES_MAX,
              RlMetrics.EXPLAINED_VARIANCE));
      if (ppo.ppo().critic() == PpoSection.Critic.MODEL) {
        metrics.addAll(List.of(RlMetrics.CRITIC_GRADIENT_NORM, RlMetrics.CRITIC_LEARNING_RATE));
      }
      if (ppo.ppo().pretrainingCoefficient() > 0) {
        metrics.add(LossMetrics.LOSS_PRETRAINING);
      }
    } else {
      metrics.addAll(List.of(RlMetrics.REWARD_STD, RlMetrics.FRAC_REWARD_ZERO_STD));
      if (config instanceof GrpoConfig grpo && grpo.grpo().resampleRounds() > 0) {
        metrics.add(RlMetrics.RESAMPLED_PROMPTS);
      }
    }
    metrics.addAll(
        List.of(
            RlMetrics.EPISODES_PER_SECOND,
            RlMetrics.ROLLOUT_MILLIS,
            RlMetrics.SCORING_MILLIS,
            RlMetrics.UPDATE_MILLIS));
    metrics.add(VALIDATION_REWARD);
    if (!config.rewards().gold().isEmpty()) {
      metrics.add(VALIDATION_GOLD);
    }
    long completions = config.rollouts().completions();
    return new StageInfo(
        config.stage(),
        new StageData(
            data.tokenizer(),
            data.template(),
            data.sha256(),
            completions * config.training().sequenceLength(),
            data.train().manifest().train().tokens()
                + (long) data.train().size() * config.rollouts().maxTokens(),
            (long) data.validation().size() * config.rollouts().maxTokens()),
        metrics,
        Headline.more(VALIDATION_REWARD));
  }

  Reinforcement(RlConfig config, ExampleData data, TrainingContext context) {
    this.config = config;
    this.data = data;
    this.context = context;
    int world = context.collective().worldSize();
    if (config.rollouts().prompts() % world != 0) {
      throw UserException.usage(
          "rollouts.prompts must be a multiple of the number of executors (%d), got %d: change one of them"
              .formatted(world, config.rollouts().prompts()));
    }
    prompts = new PromptQueue(new ExampleOrder(data.train(), config.seed()));
    share = new RankShare(context.collective());
    credit = new CreditAssignment(config);
    mix =
        config instanceof PpoConfig ppo && ppo.ppo().pretrainingCoefficient() > 0
            ? new PretrainingMix(ppo, data.tokenizer(), context)
            : null;
    pool = new ArrayPool(context.backend());
    boolean head = config instanceof PpoConfig ppo && ppo.ppo().critic() == PpoSection.Critic.HEAD;
    ScoredModel withValues =
        head
            ? PolicyModel.createWithValues(config.model(), config.lora(), data.tokenizer(), context)
            : null;
    policy =
        head
            ? withValues.backbone()
            : PolicyModel.create(config.model(), config.lora(), data.tokenizer(), context);
    requireNoDropout();
    learner = new Learner(policy, LearnerSettings.of(config), context, pool);
    boolean adapted = policy.adapters().isPresent();
    reference =
        adapted
            ? null
            : PolicyModel.create(config.model(), LoraConfig.none(), data.tokenizer(), context);
    rewards =
        new RewardSum(
            config.rewards(),
            data.tokenizer(),
            data.train().get(0),
            context,
            pool,
            config.training().microBatchSize());
    credit.name(rewards.names());
    if (head) {
      value = withValues;
      valueLearner = null;
    } else if (config instanceof PpoConfig ppo) {
      value =
          ScoredModel.value(
              config.model().forTokenizer(data.tokenizer().vocabularySize()), Projections.DENSE);
      value.parameters().allocate(context.backend(), DType.F32);
      double rate = ppo.ppo().valueLearningRate();
      valueLearner =
          new Learner(
              value.backbone(),
              rate == 0 ? LearnerSettings.of(config) : LearnerSettings.of(config, rate),
              context,
              pool);
    } else {
      value = null;
      valueLearner = null;
    }
    double decay = config.update().emaDecay();
    average =
        decay == 0
            ? null
            : new AveragedModel(
                policy,
                PolicyModel.create(config.model(), config.lora(), data.tokenizer(), context),
                decay);
    double temperature = config.rollouts().temperature();
    rollouts =
        new RolloutPhase(
            config,
            data,
            policy,
            adapted
                ? LogProbs.of(policy, temperature).withoutAdapters()
                : LogProbs.of(reference, temperature),
            Optional.ofNullable(value),
            rewards,
            share,
            pool);
    updates = new PolicyUpdates(config, policy, learner, lossAverage(), mix, context);
    sample = new PromptSample(config.sample(), config.seed(), data, policy, pool);
  }

  private void requireNoDropout() {
    if (policy.config().dropout() != 0 || config.lora().dropout() != 0) {
      throw UserException.usage(
          "%s needs a policy without dropout, since its ratios compare what it samples with what is trained, got model.dropout %s and lora.dropout %s: set model.dropout=0 lora.dropout=0"
              .formatted(config.stage(), policy.config().dropout(), config.lora().dropout()));
    }
  }

  private LossAverage lossAverage() {
    return config instanceof GrpoConfig grpo
        ? grpo.grpo().estimator().average()
        : LossAverage.TOKENS;
  }

  @Override
  public List<StageModel> models() {
    List<StageModel> models = new ArrayList<>();
    models.add(StageModel.trained("policy", policy, learner));
    if (valueLearner != null) {
      models.add(StageModel.trained("value", value.backbone(), valueLearner));
    }
    if (average != null) {
      models.add(StageModel.frozen("ema", average.model()));
    }
    return models;
  }

  @Override
  public void initialize() {
    PolicyModel.initialize(policy, config.model(), config.seed(), data.tokenizer(), context);
    loadReference();
    if (average != null) {
      average.start();
    }
    if (valueLearner != null) {
      value.parameters().initialize(config.seed());
      String from =
          ((PpoConfig) config).ppo().valueStart() == PpoSection.ValueStart.REWARD
              ? config.rewards().model()
              : config.model().from();
      StartingModel.load(
          from,
          value.backbone(),
          data.tokenizer(),
          context.collective(),
          context.run().configuration());
    }
  }

  private void loadReference() {
    if (reference != null) {
      PolicyModel.initialize(reference, config.model(), config.seed(), data.tokenizer(), context);
    }
  }

  @Override
  public Step step(long step) {
    RolloutPhase.Sampled sampled = rollouts.sample(prompts, step);
    sampled.failureLines().stream().limit(1).forEach(context.listener()::notice);
    double beta = credit.coefficient();
    Credit assigned =
        config instanceof PpoConfig ppo
            ? credit.withValues(ppo.ppo(), sampled)
            : credit.withGroups(((GrpoConfig) config).grpo(), sampled);
    long began = System.nanoTime();
    PolicyUpdates.Result result = updates.run(step, sampled, assigned, beta, critic());
    if (average != null) {
      average.update();
    }
    double updateMillis = (System.nanoTime() - began) / 1e6;
    credit.update(assigned.kl(), sampled.episodes().size());
    Measures measures =
        assigned
            .measures()
            .measures()
            .with(RlMetrics.KL_COEFFICIENT, beta)
            .with(
                result.measures().get(Metrics.LOSS).isPresent()
                    ? result.measures()
                    : PolicyUpdates.none(0).with(result.measures()))
            .with(RlMetrics.EPISODE, (step + 1.0) * sampled.episodes().size())
            .with(
                RlMetrics.EPISODES_PER_SECOND,
                1000
                    * sampled.episodes().size()
                    / (sampled.rolloutMillis() + sampled.scoringMillis() + updateMillis))
            .with(RlMetrics.ROLLOUT_MILLIS, sampled.rolloutMillis())
            .with(RlMetrics.SCORING_MILLIS, sampled.scoringMillis())
            .with(RlMetrics.UPDATE_MILLIS, updateMillis);
    if (config instanceof GrpoConfig grpo && grpo.grpo().resampleRounds() > 0) {
      measures = measures.with(RlMetrics.RESAMPLED_PROMPTS, sampled.resampled());
    }
    return new Step(measures, result.skipped(), sampled.episodes().tokens());
  }

  private PolicyUpdates.Critic critic() {
    return value == null
        ? null
        : new PolicyUpdates.Critic(((PpoConfig) config).ppo(), value, valueLearner);
  }

  /** Samples completions of held-out prompts, always with the same random numbers. */
  @Override
  public Optional<Measures> evaluate() {
    ExampleDataset held = data.validation();
    if (held.size() == 0) {
      return Optional.empty();
    }
    int limit = config.evaluation().batches() * config.rollouts().prompts();
    int count = limit == 0 ? held.size() : Math.min(limit, held.size());
    List<Example> examples = held.examples().subList(0, count);
    List<Rollout> mine = rollouts.sample(examples, RandomStream.key(config.seed(), "evaluation"));
    RewardSum.Scored scored = rewards.score(mine, share.of(examples), share.begin(count), 1);
    double[] totals = share.join(scored.total());
    Measures measures = Measures.of(VALIDATION_REWARD, Distribution.ofSequences(totals).mean());
    if (rewards.hasGold()) {
      double[] gold = share.join(scored.gold());
      measures = measures.with(VALIDATION_GOLD, Distribution.ofSequences(gold).mean());
    }
    return Optional.of(measures);
  }

  @Override
  public Optional<String> sample(long step) {
    return sample.at(step);
  }

  /** The KL coefficient, the scale of scores, the next prompt, and what the frozen models are. */
  @Override
  public JsonNode cursor(long step) {
    ObjectNode cursor = credit.state();
    cursor.put(NEXT_PROMPT, prompts.next());
    cursor.put(REFERENCE, checksum(reference));
    cursor.put(REWARD, checksum(rewards.model().map(ScoredModel::backbone).orElse(null)));
    if (mix != null) {
      cursor.put(PRETRAINING, mix.sha256());
    }
    return cursor;
  }

  private static long checksum(LanguageModel modelOrNull) {
    return modelOrNull == null ? 0 : StartingModel.checksum(modelOrNull.parameters().weights());
  }

  /** Reads the frozen models again, which must be those of the checkpoint. */
  @Override
  public void resume(JsonNode cursor) {
    credit.resume(cursor);
    prompts.resume(cursor.path(NEXT_PROMPT).asLong());
    loadReference();
    require(cursor, REFERENCE, checksum(reference), "model.from", config.model().from());
    require(
        cursor,
        REWARD,
        checksum(rewards.model().map(ScoredModel::backbone).orElse(null)),
        "rewards.model",
        config.rewards().model());
    if (mix != null && !mix.sha256().equals(cursor.path(PRETRAINING).asText())) {
      throw UserException.usage(
          "ppo.pretraining_data must be the text that the run began with, got another one in %s: restore it, or train under another name (name=...)"
              .formatted(((PpoConfig) config).ppo().pretrainingData()));
    }
  }

  private static void require(
      JsonNode cursor, String key, long checksum, String setting, String value) {
    if (cursor.path(key).asLong() != checksum) {
      throw UserException.usage(
          "%s must be the model that the run began with, got other weights in %s: restore it, or train under another name (name=...)"
              .formatted(setting, value));
    }
  }

  @Override
  @SuppressWarnings("try") // Closed in reverse order.
  public void close() {
    ScoredModel ownValue = valueLearner == null ? null : value;
    try (pool;
        policy;
        learner;
        reference;
        rewards;
        ownValue;
        valueLearner;
        average) {
      // No other resources are held.
    }
  }
}
