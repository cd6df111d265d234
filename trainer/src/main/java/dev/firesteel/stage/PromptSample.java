package dev.firesteel.stage;

import dev.firesteel.array.ArrayPool;
import dev.firesteel.config.SampleConfig;
import dev.firesteel.data.ExampleDataset;
import dev.firesteel.example.TrainedTokens;
import dev.firesteel.generate.Completion;
import dev.firesteel.generate.GenerationOptions;
import dev.firesteel.generate.Generator;
import dev.firesteel.generate.TokenListener;
import dev.firesteel.model.LanguageModel;
import dev.firesteel.random.RandomStream;
import dev.firesteel.tokenizer.Tokenizer;
import dev.firesteel.train.ExampleData;
import dev.firesteel.train.RunReport;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * The text that a model answers during training: to {@code sample.prompt}, or to the first held-out
 * prompts, the same each time.
 */
final class PromptSample {
  private static final int PROMPTS = 2;

  private final SampleConfig config;
  private final long seed;
  private final Tokenizer tokenizer;
  private final List<int[]> prompts;
  private final Generator generator;

  PromptSample(
      SampleConfig config, long seed, ExampleData data, LanguageModel model, ArrayPool pool) {
    this.config = config;
    this.seed = seed;
    tokenizer = data.tokenizer();
    generator = new Generator(model, tokenizer, pool);
    ExampleDataset examples = data.validation().size() == 0 ? data.train() : data.validation();
    prompts =
        examples.examples().stream()
            .map(example -> prompt(example.documents().get(0)))
            .filter(prompt -> prompt.length > 0)
            .limit(PROMPTS)
            .toList();
  }

  /** The tokens before the first target. */
  private static int[] prompt(TrainedTokens document) {
    return Arrays.copyOf(document.tokens(), document.firstTrained());
  }

  /** The answers of the model after some steps; empty if none are wanted. */
  Optional<String> at(long step) {
    if (config.maxTokens() == 0 || prompts.isEmpty()) {
      return Optional.empty();
    }
    GenerationOptions options =
        GenerationOptions.of(config, RandomStream.key(seed, "sample", step));
    List<Completion> answers = generator.generateFromIds(prompts, options, TokenListener.NONE);
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < answers.size(); i++) {
      text.append(i == 0 ? "" : RunReport.SAMPLE_SEPARATOR)
          .append(tokenizer.decode(prompts.get(i)))
          .append(answers.get(i).text());
    }
    return Optional.of(text.toString());
  }
}
