package dev.firesteel.reward;

import java.util.Collections;
import java.util.List;

/** The scores that one function gave to completions, or why it gave none. */
final class FunctionScores {
  private final double[] scores;
  private final String[] failures;
  private final Throwable[] causes;

  private FunctionScores(int count) {
    scores = new double[count];
    failures = new String[count];
    causes = new Throwable[count];
  }

  /** Scores that are computed already. */
  static FunctionScores checked(double[] given) {
    FunctionScores result = new FunctionScores(given.length);
    for (int i = 0; i < given.length; i++) {
      result.set(i, given[i]);
    }
    return result;
  }

  /**
   * Calls a function on all completions together. If that fails as a whole, it is called on one
   * after the other, to find out on which of them it fails; if on none, all have failed.
   */
  static FunctionScores call(RewardFunction function, List<ScoredText> completions) {
    FunctionScores result = new FunctionScores(completions.size());
    if (result.callAt(0, function, completions) || completions.size() == 1) {
      return result;
    }
    FunctionScores single = new FunctionScores(completions.size());
    boolean allGood = true;
    for (int i = 0; i < completions.size(); i++) {
      allGood &= single.callAt(i, function, completions.subList(i, i + 1));
    }
    return allGood ? result : single;
  }

  /** Scores a range of completions; false if the call failed as a whole. */
  private boolean callAt(int from, RewardFunction function, List<ScoredText> completions) {
    try {
      List<Double> given = function.score(Collections.unmodifiableList(completions));
      if (given == null || given.size() != completions.size()) {
        throw new IllegalStateException(
            "it must return a score for each of "
                + completions.size()
                + " completions, got "
                + (given == null ? "null" : given.size()));
      }
      for (int i = 0; i < completions.size(); i++) {
        set(from + i, given.get(i));
      }
      return true;
    } catch (RuntimeException | StackOverflowError | LinkageError | AssertionError e) {
      for (int i = from; i < from + completions.size(); i++) {
        failures[i] = e.getClass().getName() + ": " + e.getMessage();
        causes[i] = e;
      }
      return false;
    }
  }

  private void set(int index, Double score) {
    if (score == null || !Double.isFinite(score)) {
      failures[index] = "a score must be a finite number, got " + score;
    } else {
      scores[index] = score;
    }
  }

  /** [completions], 0 where the function failed. Not a copy. */
  double[] scores() {
    return scores;
  }

  /** Why the function failed on a completion; null if it did not. */
  String failure(int index) {
    return failures[index];
  }

  /** What it threw; null if nothing. */
  Throwable cause(int index) {
    return causes[index];
  }
}
