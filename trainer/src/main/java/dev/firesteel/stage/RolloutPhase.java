package dev.firesteel.stage;

import dev.firesteel.array.ArrayPool;
import dev.firesteel.config.GrpoConfig;
import dev.firesteel.config.RlConfig;
import dev.firesteel.config.RolloutConfig;
import dev.firesteel.example.Example;
import dev.firesteel.example.TrainedTokens;
import dev.firesteel.generate.Rollout;
import dev.firesteel.generate.RolloutListener;
import dev.firesteel.generate.RolloutOptions;
import dev.firesteel.generate.Rollouts;
import dev.firesteel.model.LanguageModel;
import dev.firesteel.model.LogProbs;
import dev.firesteel.model.ScoredModel;
import dev.firesteel.random.RandomStream;
import dev.firesteel.rl.GroupAdvantages;
import dev.firesteel.train.ExampleData;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;

/**
 * The first half of a step of reinforcement learning: the policy samples completions of prompts,
 * which are scored; old and reference log-probabilities and values are computed. Each rank does a
 * share, and all get the whole.
 */
final class RolloutPhase {
  private final RlConfig config;
  private final ExampleData data;
  private final LanguageModel policy;
  private final LogProbs reference;
  private final Optional<ScoredModel> value;
  private final RewardSum rewards;
  private final ActionNumbers numbers;
  private final RankShare share;
  private final ArrayPool pool;

  /**
   * @param reference log-probabilities of the reference model
   * @param value the value model, if advantages come from one
   */
  RolloutPhase(
      RlConfig config,
      ExampleData data,
      LanguageModel policy,
      LogProbs reference,
      Optional<ScoredModel> value,
      RewardSum rewards,
      RankShare share,
      ArrayPool pool) {
    this.config = config;
    this.data = data;
    this.policy = policy;
    this.reference = reference;
    this.value = value;
    this.rewards = rewards;
    this.share = share;
    this.pool = pool;
    numbers = new ActionNumbers(pool, config.training().microBatchSize());
  }

  /**
   * What all ranks know of a step's completions. Arrays of actions are in the order of {@link
   * Episodes}.
   *
   * @param old log-probabilities of the policy that sampled
   * @param reference those of the reference model
   * @param values of the states before the actions; empty without a value model
   * @param scores of completions: the weighted sum of the reward functions
   * @param functions scores of each function
   * @param gold gold scores; empty if there are none
   * @param failures scores that are substitutes for failed ones, in all rounds
   * @param resampled prompts that others replaced
   */
  @SuppressWarnings("ArrayRecordComponent") // Never compared.
  record Sampled(
      Episodes episodes,
      double[] old,
      double[] reference,
      double[] values,
      double[] scores,
      double[][] functions,
      double[] gold,
      int failures,
      List<String> failureLines,
      int resampled,
      double rolloutMillis,
      double scoringMillis) {}

  /**
   * Samples and scores.
   *
   * <p>With {@code grpo.resample_rounds}, prompts whose completions all have the same score give
   * their places to the next prompts, which are sampled in another round with random numbers of its
   * own. Rounds end when there are no such prompts, or as many as configured were done; what
   * remains is part of the step.
   *
   * @param prompts from which those of the step are taken
   * @param step of the run, which names the random numbers
   */
  Sampled sample(PromptQueue prompts, long step) {
    int size = config.rollouts().groupSize();
    int count = config.rollouts().prompts();
    Round all = round(prompts, count, RandomStream.key(config.seed(), "rollouts", step));
    int resampled = 0;
    for (int round = 1; round <= resampleRounds(); round++) {
      int[] equal = all.equalGroups(size);
      if (equal.length == 0) {
        break;
      }
      resampled += equal.length;
      long seed = RandomStream.key(config.seed(), "resampled rollouts", step, round);
      all.replace(equal, round(prompts, equal.length, seed), size);
    }
    return joined(all, resampled);
  }

  private int resampleRounds() {
    return config instanceof GrpoConfig grpo ? grpo.grpo().resampleRounds() : 0;
  }

  /** Samples completions of the next prompts and scores them. */
  private Round round(PromptQueue prompts, int count, long seed) {
    int groupSize = config.rollouts().groupSize();
    long firstPrompt = prompts.next();
    List<Example> all = new ArrayList<>();
    for (Example example : prompts.take(count)) {
      for (int i = 0; i < groupSize; i++) {
        all.add(example);
      }
    }
    long began = System.nanoTime();
    List<Rollout> mine = sample(all, seed);
    long sampled = System.nanoTime();
    RewardSum.Scored scored =
        rewards.score(
            mine, share.of(all), firstPrompt * groupSize + share.begin(all.size()), groupSize);
    double[][] functions = new double[scored.ofFunctions().length][];
    for (int i = 0; i < functions.length; i++) {
      functions[i] = share.join(scored.ofFunctions()[i]);
    }
    double[] failures = share.join(new double[] {scored.failures().size()});
    Round round =
        new Round(
            new ArrayList<>(share.join(all.stream().map(RolloutPhase::prompt).toList(), mine)),
            share.join(scored.total()),
            functions,
            share.join(scored.gold()));
    round.failures = (int) Arrays.stream(failures).sum();
    round.failureLines.addAll(scored.failures());
    round.rolloutNanos = sampled - began;
    round.scoringNanos = System.nanoTime() - sampled;
    return round;
  }

  /** Completions of all ranks with their scores, before the models of the step look at them. */
  private static final class Round {
    private final List<Rollout> rollouts;
    private final double[] scores;
    private final double[][] functions;
    private final double[] gold;
    private final List<String> failureLines = new ArrayList<>();
    private int failures;
    private long rolloutNanos;
    private long scoringNanos;

    Round(List<Rollout> rollouts, double[] scores, double[][] functions, double[] gold) {
      this.rollouts = rollouts;
      this.scores = scores;
      this.functions = functions;
      this.gold = gold;
    }

    /** The groups whose scores are all equal. */
    int[] equalGroups(int size) {
      boolean[] informative = GroupAdvantages.informative(scores, size);
      return IntStream.range(0, scores.length / size)
          .filter(group -> !informative[group * size])
          .toArray();
    }

    /** Puts the groups of a later round into the places of some of these. */
    void replace(int[] groups, Round later, int size) {
      for (int i = 0; i < groups.length; i++) {
        int to = groups[i] * size;
        for (int j = 0; j < size; j++) {
          rollouts.set(to + j, later.rollouts.get(i * size + j));
        }
        System.arraycopy(later.scores, i * size, scores, to, size);
        for (int function = 0; function < functions.length; function++) {
          System.arraycopy(later.functions[function], i * size, functions[function], to, size);
        }
        if (gold.length > 0) {
          System.arraycopy(later.gold, i * size, gold, to, size);
        }
      }
      failures += later.failures;
      failureLines.addAll(later.failureLines);
      rolloutNanos += later.rolloutNanos;
      scoringNanos += later.scoringNanos;
    }
  }

  /** With log-probabilities and values, of which each rank computes a share. */
  private Sampled joined(Round round, int resampled) {
    long began = System.nanoTime();
    Episodes episodes = new Episodes(round.rollouts);
    List<TrainedTokens> mine = share.of(episodes.documents());
    double[] old = numbers.logProbs(LogProbs.of(policy, config.rollouts().temperature()), mine);
    double[] ofReference = numbers.logProbs(reference, mine);
    double[] values = value.map(model -> numbers.values(model, mine)).orElse(new double[0]);
    return new Sampled(
        episodes,
        share.join(old),
        share.join(ofReference),
        share.join(values),
        round.scores,
        round.functions,
        round.gold,
        round.failures,
        List.copyOf(round.failureLines),
        resampled,
        round.rolloutNanos / 1e6,
        (round.scoringNanos + System.nanoTime() - began) / 1e6);
  }

  /** This rank's completions of prompts, one of each. */
  List<Rollout> sample(List<Example> all, long seed) {
    RolloutConfig rollouts = config.rollouts();
    RolloutOptions options =
        new RolloutOptions(
            rollouts.maxTokens(), rollouts.temperature(), data.endTokens(), rollouts.batch(), seed);
    List<int[]> prompts = share.of(all).stream().map(RolloutPhase::prompt).toList();
    long[] indices = new long[prompts.size()];
    Arrays.setAll(indices, i -> share.begin(all.size()) + i);
    return new Rollouts(policy, pool, data.tokenizer().vocabularySize(), options)
        .sample(prompts, indices, RolloutListener.NONE);
  }

  private static int[] prompt(Example example) {
    return example.documents().get(0).tokens();
  }
}
