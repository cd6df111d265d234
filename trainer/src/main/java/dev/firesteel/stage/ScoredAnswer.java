package dev.firesteel.stage;

import dev.firesteel.array.ArrayPool;
import dev.firesteel.config.PipelineEvaluation;
import dev.firesteel.data.ExampleDataset;
import dev.firesteel.example.Example;
import dev.firesteel.generate.Rollout;
import dev.firesteel.generate.RolloutListener;
import dev.firesteel.generate.RolloutOptions;
import dev.firesteel.generate.Rollouts;
import dev.firesteel.model.LanguageModel;
import dev.firesteel.random.RandomStream;
import dev.firesteel.reward.RewardFailures;
import dev.firesteel.reward.Rewards;
import dev.firesteel.reward.ScoredText;
import dev.firesteel.train.ExampleData;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * An answer of a model to a prompt, with its gold score.
 *
 * @param prompt text of the prompt, with the chat template
 * @param answer text
 * @param tokens of the answer, its end token included
 * @param ended whether the model ended it; false if it was cut at the maximum length
 * @param gold its score
 */
public record ScoredAnswer(String prompt, String answer, int tokens, boolean ended, double gold) {

  /**
   * Samples answers and scores them. Models that are asked the same way sample with the same random
   * numbers.
   *
   * @param prompts prepared prompts, of the model's tokenizer
   * @return the answers to the first prompt, then those to the next
   */
  public static List<ScoredAnswer> of(
      LanguageModel model, ExampleData prompts, PipelineEvaluation settings, ArrayPool pool) {
    ExampleDataset examples = prompts.train();
    List<Example> asked = new ArrayList<>();
    for (Example example : examples.examples()) {
      for (int i = 0; i < settings.samples(); i++) {
        asked.add(example);
      }
    }
    long[] indices = new long[asked.size()];
    Arrays.setAll(indices, i -> i);
    RolloutOptions options =
        new RolloutOptions(
            settings.maxTokens(),
            settings.temperature(),
            prompts.endTokens(),
            settings.batch(),
            RandomStream.key(settings.seed(), "evaluation"));
    List<Rollout> rollouts =
        new Rollouts(model, pool, prompts.tokenizer().vocabularySize(), options)
            .sample(
                asked.stream().map(example -> example.documents().get(0).tokens()).toList(),
                indices,
                RolloutListener.NONE);
    List<ScoredText> texts = Episodes.texts(rollouts, asked, prompts.tokenizer());
    long[] numbers = new long[texts.size()];
    Arrays.setAll(numbers, i -> i / settings.samples());
    double[] gold = gold(settings).score(texts, numbers, new double[0]).total();
    List<ScoredAnswer> answers = new ArrayList<>();
    for (int i = 0; i < gold.length; i++) {
      ScoredText text = texts.get(i);
      answers.add(
          new ScoredAnswer(text.prompt(), text.completion(), text.tokens(), text.ended(), gold[i]));
    }
    return answers;
  }

  /** Makes the gold score. */
  static Rewards gold(PipelineEvaluation settings) {
    return Rewards.of(List.of(settings.gold()), RewardFailures.stop());
  }
}
