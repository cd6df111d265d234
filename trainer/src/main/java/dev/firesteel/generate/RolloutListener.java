package dev.firesteel.generate;

/** Counts what rollouts have sampled, for showing progress. */
@FunctionalInterface
public interface RolloutListener {
  /** Ignores progress. */
  RolloutListener NONE = (tokens, finished) -> {};

  /**
   * Called after each pass of the model.
   *
   * @param tokens sampled so far, of all completions of this call
   * @param finished completions that have ended
   */
  void onProgress(long tokens, int finished);
}
