package dev.firesteel.loss;

import java.util.ArrayList;
import java.util.List;

/**
 * Which answers are better than which: pairs of indices into an array of answers, each with a
 * weight and a margin. An answer may be in several pairs, so that the forward pass of a ranking
 * sees each of its answers once. Immutable.
 */
public final class AnswerPairs {
  record Pair(int chosen, int rejected, double weight, double margin) {}

  private final List<Pair> pairs;

  private AnswerPairs(List<Pair> pairs) {
    this.pairs = List.copyOf(pairs);
  }

  /** Collects pairs. */
  public static Builder builder() {
    return new Builder();
  }

  List<Pair> pairs() {
    return pairs;
  }

  /** The sum of the weights: this part's share of a denominator. */
  public double weight() {
    double sum = 0;
    for (Pair pair : pairs) {
      sum += pair.weight;
    }
    return sum;
  }

  /** Checks that all indices are below {@code answers}. */
  void requireAnswers(int answers) {
    for (Pair pair : pairs) {
      if (StrictMath.max(pair.chosen, pair.rejected) >= answers) {
        throw new IllegalArgumentException(
            "loss: pairs must name answers below "
                + answers
                + ", got "
                + pair.chosen
                + " and "
                + pair.rejected);
      }
    }
  }

  /** Collects pairs of answers. */
  public static final class Builder {
    private final List<Pair> pairs = new ArrayList<>();

    private Builder() {}

    /** A pair of weight 1 without a margin. */
    public Builder add(int chosen, int rejected) {
      return add(chosen, rejected, 1, 0);
    }

    /**
     * A pair.
     *
     * @param chosen index of the better answer
     * @param rejected index of the worse answer
     * @param weight of its loss, not negative
     * @param margin by which the better reward should be greater
     */
    public Builder add(int chosen, int rejected, double weight, double margin) {
      if (chosen < 0 || rejected < 0 || chosen == rejected) {
        throw new IllegalArgumentException(
            "loss: a pair must be of two different answers, got " + chosen + " and " + rejected);
      }
      Checks.notNegative("a pair's weight", weight);
      if (!Double.isFinite(margin)) {
        throw new IllegalArgumentException("loss: a margin must be finite, got " + margin);
      }
      pairs.add(new Pair(chosen, rejected, weight, margin));
      return this;
    }

    /**
     * All K (K - 1) / 2 pairs of a ranking of K answers, best first, of equal weights that add up
     * to {@code weight} (Ouyang et al. 2022, equation 1, has 1 for each prompt).
     */
    public Builder addRanking(double weight, int... bestFirst) {
      if (bestFirst.length < 2) {
        throw new IllegalArgumentException(
            "loss: a ranking must have at least two answers, got " + bestFirst.length);
      }
      double count = bestFirst.length * (bestFirst.length - 1) / 2.0;
      for (int i = 0; i < bestFirst.length; i++) {
        for (int j = i + 1; j < bestFirst.length; j++) {
          add(bestFirst[i], bestFirst[j], weight / count, 0);
        }
      }
      return this;
    }

    /** The pairs collected so far. */
    public AnswerPairs build() {
      return new AnswerPairs(pairs);
    }
  }
}
