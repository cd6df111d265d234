package dev.firesteel.config;

import dev.firesteel.example.ExampleRules.TrainOn;
import dev.firesteel.example.ExampleRules.Truncation;
import dev.firesteel.example.ExampleType;
import java.util.List;

/** Section {@code evaluation} of a pipeline: how the language models of its stages are compared. */
public record PipelineEvaluation(
    @Setting(
            meaning =
                "Held-out prompts: a source of records as in `data.source`. Empty: no comparison.")
        String prompts,
    @Setting(byDefault = "auto", meaning = "Form of the records, as `data.type`.") ExampleType type,
    @Setting(meaning = "Fields to rename, as `data.columns`.") List<String> columns,
    @Setting(meaning = "Chat template, as `data.template`.") String template,
    @Setting(meaning = "The score of an answer: a reward function, as in `rewards.functions`.")
        String gold,
    @Setting(
            byDefault = "0",
            meaning = "Number of prompts: those with the smallest hashes. 0: all.")
        long maxPrompts,
    @Setting(byDefault = "4", meaning = "Answers to each prompt.") int samples,
    @Setting(byDefault = "64", meaning = "Longest answer in tokens, the end token included.")
        int maxTokens,
    @Setting(byDefault = "1.0", meaning = "Sampling temperature. 0: greedy decoding.")
        double temperature,
    @Setting(byDefault = "1337", meaning = "Seed of the answers, the same for all models.")
        long seed,
    @Setting(byDefault = "32", meaning = "Answers that are decoded together.") int batch) {

  public PipelineEvaluation {
    columns = List.copyOf(columns);
    Require.that(
        prompts.isEmpty() == gold.isEmpty(),
        "evaluation.prompts and evaluation.gold are needed together, got only one of them: give"
            + " both, or neither for a pipeline without a comparison");
    Require.atLeast("evaluation.max_prompts", maxPrompts, 0);
    Require.atLeast("evaluation.samples", samples, 1);
    Require.atLeast("evaluation.max_tokens", maxTokens, 1);
    Require.notNegative("evaluation.temperature", temperature);
    Require.atLeast("evaluation.batch", batch, 1);
  }

  /** Whether models are compared. */
  public boolean isWanted() {
    return !prompts.isEmpty();
  }

  /** The prompts as the data of a stage, none of them held out. */
  public ExampleDataConfig data() {
    return new ExampleDataConfig(
        prompts,
        type,
        columns,
        template,
        TrainOn.ANSWERS,
        Truncation.KEEP_START,
        0,
        maxPrompts,
        0.01,
        "");
  }

  /** SHA-256 of all keys, in hexadecimal. */
  public String hash() {
    return ConfigLoader.hash(this);
  }
}
