package dev.firesteel.reward;

import java.util.List;

/**
 * Scores completions in reinforcement learning. Implementations are public classes with a public
 * constructor without parameters, found on the class path by their name; every rank makes one and
 * calls it on one thread. The same completion must always have the same score, or a resumed run
 * differs.
 */
public interface RewardFunction {
  /**
   * The scores of completions, in their order. An exception, or a score that is not finite, is a
   * failure: it stops the run or is counted, as configured, and is never taken for 0.
   */
  List<Double> score(List<ScoredText> completions);
}
