package dev.firesteel.reward;

import java.util.List;

/** The rewards of completions, and the scores that they are sums of. */
public final class Scores {
  private final double[] total;
  private final double[][] ofFunctions;
  private final List<String> failures;

  Scores(double[] total, double[][] ofFunctions, List<String> failures) {
    this.total = total;
    this.ofFunctions = ofFunctions;
    this.failures = List.copyOf(failures);
  }

  /** [completions], the weighted sums. Not a copy. */
  public double[] total() {
    return total;
  }

  /** [functions][completions], without weights. Not a copy. */
  public double[][] ofFunctions() {
    return ofFunctions;
  }

  /** A sentence for each failure, whose score is the substitute; empty if there were none. */
  public List<String> failures() {
    return failures;
  }
}
