package dev.firesteel.stage;

import dev.firesteel.array.ArrayPool;
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
import dev.firesteel.train.ExampleData;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

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
   * @param failures scores that are substitutes for failed ones
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
      double rolloutMillis,
      double scoringMillis) {}

  /**
   * Samples and scores.
   *
   * @param examples prompts, one for each group
   * @param step of the run, which names the random numbers
   * @param firstPrompt number of the first prompt in the run
   */
  Sampled sample(List<Example> examples, long step, long firstPrompt) {
    List<Example> all = new ArrayList<>();
    for (Example example : examples) {
      for (int i = 0; i < config.rollouts().groupSize(); i++) {
        all.add(example);
      }
    }
    long began = System.nanoTime();
    List<Rollout> mine = sample(all, RandomStream.key(config.seed(), "rollouts", step));
    long sampled = System.nanoTime();
    List<Example> myExamples = share.of(all);
    RewardSum.Scored scored =
        rewards.score(
            mine,
            myExamples,
            firstPrompt + share.begin(all.size()) / config.rollouts().groupSize(),
            config.rollouts().groupSize());
    List<TrainedTokens> documents = new Episodes(mine).documents();
    double[] old =
        numbers.logProbs(LogProbs.of(policy, config.rollouts().temperature()), documents);
    double[] ofReference = numbers.logProbs(reference, documents);
    double[] values = value.map(model -> numbers.values(model, documents)).orElse(new double[0]);
    double[][] functions = scored.rewards().ofFunctions();
    double[][] joined = new double[functions.length][];
    for (int i = 0; i < functions.length; i++) {
      joined[i] = share.join(functions[i]);
    }
    double[] failures = share.join(new double[] {scored.rewards().failures().size()});
    List<int[]> prompts = all.stream().map(RolloutPhase::prompt).toList();
    Sampled result =
        new Sampled(
            new Episodes(share.join(prompts, mine)),
            share.join(old),
            share.join(ofReference),
            share.join(values),
            share.join(scored.rewards().total()),
            joined,
            share.join(scored.gold()),
            (int) Arrays.stream(failures).sum(),
            scored.rewards().failures(),
            (sampled - began) / 1e6,
            (System.nanoTime() - sampled) / 1e6);
    return result;
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
