package dev.firesteel.stage;

import dev.firesteel.array.ArrayPool;
import dev.firesteel.config.RewardsConfig;
import dev.firesteel.error.UserException;
import dev.firesteel.example.Example;
import dev.firesteel.format.huggingface.ModelDirectory;
import dev.firesteel.generate.Rollout;
import dev.firesteel.model.ScoredModel;
import dev.firesteel.reward.RewardFailures;
import dev.firesteel.reward.Rewards;
import dev.firesteel.reward.ScoredText;
import dev.firesteel.reward.Scores;
import dev.firesteel.tokenizer.Tokenizer;
import dev.firesteel.train.StartingModel;
import dev.firesteel.train.TrainingContext;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.apache.hadoop.fs.Path;

/** Scores completions as the section {@code rewards} says. */
final class RewardSum implements AutoCloseable {
  private final Tokenizer tokenizer;
  private final ArrayPool pool;
  private final int rows;
  private final Rewards rewards;
  private final Optional<Rewards> gold;
  private final Optional<ScoredModel> model;

  /**
   * Reads the reward model, if there is one.
   *
   * @param rows documents of a forward pass of it
   * @param example of the data, with which expressions are tried
   */
  RewardSum(
      RewardsConfig config,
      Tokenizer tokenizer,
      Example example,
      TrainingContext context,
      ArrayPool pool,
      int rows) {
    this.tokenizer = tokenizer;
    this.pool = pool;
    this.rows = rows;
    rewards = functions(config);
    gold = gold(config);
    int[] prompt = example.documents().get(0).tokens();
    ScoredText made = new ScoredText(tokenizer.decode(prompt), "text", 2, true, example.fields());
    rewards.check(made);
    gold.ifPresent(one -> one.check(made));
    model = rewards.usesModel() ? Optional.of(read(config.model(), context)) : Optional.empty();
  }

  private static Rewards functions(RewardsConfig config) {
    RewardFailures failures =
        config.onFailure() == RewardsConfig.OnFailure.STOP
            ? RewardFailures.stop()
            : RewardFailures.count(config.failureScore());
    Rewards rewards = Rewards.of(config.functions(), failures);
    if (rewards.usesModel() == config.model().isEmpty()) {
      throw UserException.usage(
          rewards.usesModel()
              ? "rewards.model must name the reward model that rewards.functions uses, got none: give the run of the command reward, or other functions"
              : "rewards.functions must name model, since rewards.model is given, got %s: add it, or leave rewards.model out"
                  .formatted(config.functions()));
    }
    return rewards;
  }

  private static Optional<Rewards> gold(RewardsConfig config) {
    if (config.gold().isEmpty()) {
      return Optional.empty();
    }
    Rewards gold = Rewards.of(List.of(config.gold()), RewardFailures.stop());
    if (gold.usesModel()) {
      throw UserException.usage(
          "rewards.gold must be a class or an expression, got %s: the reward model is what it is compared with"
              .formatted(config.gold()));
    }
    return Optional.of(gold);
  }

  /** Whether all functions can be made; nothing is read. */
  static void check(RewardsConfig config) {
    functions(config);
    gold(config);
  }

  private ScoredModel read(String directory, TrainingContext context) {
    ScoredModel read = StartingModel.readReward(directory, context);
    boolean same = false;
    try {
      String sha256 =
          ModelDirectory.readTokenizer(
                  StartingModel.fileSystem(directory, context.run().configuration()),
                  new Path(directory))
              .sha256();
      same = sha256.equals(tokenizer.sha256());
    } finally {
      if (!same) {
        read.close();
      }
    }
    if (!same) {
      throw UserException.usage(
          "the reward model %s must have the policy's tokenizer, got another one: train it from a model with that tokenizer"
              .formatted(directory));
    }
    return read;
  }

  /** The reward model. */
  Optional<ScoredModel> model() {
    return model;
  }

  /** The names of the functions, in order. */
  List<String> names() {
    return rewards.names();
  }

  /** Whether there is a gold score. */
  boolean hasGold() {
    return gold.isPresent();
  }

  /**
   * Scores completions, of which there may be none.
   *
   * @param examples whose prompts they are of
   * @param first the number of the first completion, for messages
   * @param groupSize completions of each prompt
   */
  Scored score(List<Rollout> rollouts, List<Example> examples, long first, int groupSize) {
    if (rollouts.isEmpty()) {
      return new Scored(new double[0], new double[names().size()][0], new double[0], List.of());
    }
    List<ScoredText> texts = Episodes.texts(rollouts, examples, tokenizer);
    long[] prompts = new long[texts.size()];
    Arrays.setAll(prompts, i -> (first + i) / groupSize);
    double[] ofModel =
        model
            .map(one -> one.score(pool, rollouts.stream().map(RewardSum::document).toList(), rows))
            .orElse(new double[0]);
    Scores scores = rewards.score(texts, prompts, ofModel);
    return new Scored(
        scores.total(),
        scores.ofFunctions(),
        gold.map(one -> one.score(texts, prompts, new double[0]).total()).orElse(new double[0]),
        scores.failures());
  }

  private static int[] document(Rollout rollout) {
    int[] prompt = rollout.prompt();
    int[] completion = rollout.completion();
    int[] tokens = Arrays.copyOf(prompt, rollout.length());
    System.arraycopy(completion, 0, tokens, prompt.length, completion.length);
    return tokens;
  }

  /**
   * Scores of completions.
   *
   * @param total the weighted sums, which are trained on
   * @param ofFunctions [functions][completions], without weights
   * @param gold empty if there is no gold score
   * @param failures a sentence for each score that is a substitute
   */
  @SuppressWarnings("ArrayRecordComponent") // Never compared.
  record Scored(double[] total, double[][] ofFunctions, double[] gold, List<String> failures) {}

  @Override
  public void close() {
    model.ifPresent(ScoredModel::close);
  }
}
