package dev.firesteel.train;

import dev.firesteel.chat.ChatTemplate;
import dev.firesteel.tokenizer.Tokenizer;
import java.util.Optional;

/**
 * What the run loop needs to know about a stage's data.
 *
 * @param tokenizer tokenizer saved with the model
 * @param template chat template saved with the model; empty if its texts have none
 * @param sha256 hash of all the data: it must match on resume
 * @param tokensPerStep tokens of a global batch; if they vary, their mean or what they are at most
 * @param trainingTokens tokens of the training data; 0 if unknown
 * @param validationTokens targets of one evaluation; 0 if there is no validation data
 */
public record StageData(
    Tokenizer tokenizer,
    Optional<ChatTemplate> template,
    String sha256,
    long tokensPerStep,
    long trainingTokens,
    long validationTokens) {

  /** Of texts without a chat template. */
  public StageData(
      Tokenizer tokenizer,
      String sha256,
      long tokensPerStep,
      long trainingTokens,
      long validationTokens) {
    this(tokenizer, Optional.empty(), sha256, tokensPerStep, trainingTokens, validationTokens);
  }

  /**
   * Of prepared examples.
   *
   * @param batch examples of a step
   */
  public static StageData ofExamples(ExampleData data, int batch) {
    long tokens = data.train().manifest().train().tokens();
    return new StageData(
        data.tokenizer(),
        data.template(),
        data.sha256(),
        Math.round((double) tokens * batch / data.train().size()),
        tokens,
        data.validation().manifest().validation().tokens());
  }
}
