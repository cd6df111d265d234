package dev.firesteel.generate;

/**
 * A completion that a model sampled, as ids: text that is encoded again may have other tokens than
 * those whose probabilities the model gave.
 */
public final class Rollout {
  private final int[] prompt;
  private final int[] completion;
  private final boolean ended;

  /**
   * @param prompt ids of the prompt
   * @param completion ids that were sampled, the end token included
   * @param ended whether the last of them is an end token; otherwise the completion was cut at its
   *     greatest length
   */
  public Rollout(int[] prompt, int[] completion, boolean ended) {
    this.prompt = prompt.clone();
    this.completion = completion.clone();
    this.ended = ended;
  }

  /** Ids of the prompt. */
  public int[] prompt() {
    return prompt.clone();
  }

  /** Ids that were sampled, the end token included. */
  public int[] completion() {
    return completion.clone();
  }

  /** Whether an end token was sampled; otherwise the completion was cut at its greatest length. */
  public boolean ended() {
    return ended;
  }

  /** Tokens of prompt and completion. */
  public int length() {
    return prompt.length + completion.length;
  }

  @Override
  public String toString() {
    return "Rollout["
        + prompt.length
        + " + "
        + completion.length
        + " tokens, "
        + (ended ? "ended" : "cut")
        + "]";
  }
}
