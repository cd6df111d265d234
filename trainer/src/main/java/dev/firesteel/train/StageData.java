package dev.firesteel.train;

import dev.firesteel.tokenizer.Tokenizer;

/**
 * What the run loop needs to know about a stage's data.
 *
 * @param tokenizer tokenizer saved with the model
 * @param sha256 hash of all the data: it must match on resume
 * @param tokensPerStep tokens of a global batch; if they vary, their mean or what they are at most
 * @param trainingTokens tokens of the training data; 0 if unknown
 * @param validationTokens targets of one evaluation; 0 if there is no validation data
 */
public record StageData(
    Tokenizer tokenizer,
    String sha256,
    long tokensPerStep,
    long trainingTokens,
    long validationTokens) {

  /**
   * Of prepared examples.
   *
   * @param batch examples of a step
   */
  public static StageData ofExamples(ExampleData data, int batch) {
    long tokens = data.train().manifest().train().tokens();
    return new StageData(
        data.tokenizer(),
        data.sha256(),
        Math.round((double) tokens * batch / data.train().size()),
        tokens,
        data.validation().manifest().validation().tokens());
  }
}
