package dev.firesteel.loss;

/**
 * Which tokens of a batch belong to which sequence, such as the answers in rows of prompt, answer
 * and padding, or several in a packed row. Turns numbers of tokens into numbers of sequences, and
 * gradients back. Immutable.
 */
public final class TokenGroups {
  private final int[] groups;
  private final int[] lengths;

  private TokenGroups(int[] groups, int count) {
    this.groups = groups;
    lengths = new int[count];
    for (int group : groups) {
      if (group >= count) {
        throw new IllegalArgumentException(
            "loss: sequences must be below " + count + ", got " + group);
      }
      if (group >= 0) {
        lengths[group]++;
      }
    }
  }

  /**
   * Groups of any tokens.
   *
   * @param groups [tokens], the sequence of each token; negative for one that belongs to none
   * @param count sequences
   */
  public static TokenGroups of(int[] groups, int count) {
    return new TokenGroups(groups.clone(), count);
  }

  /**
   * A sequence in each row.
   *
   * @param targets [rows, tokens], negative for tokens that do not belong to the sequence
   * @param tokens of a row
   */
  public static TokenGroups rows(int[] targets, int tokens) {
    if (tokens < 1 || targets.length % tokens != 0) {
      throw new IllegalArgumentException(
          "loss: targets must be rows of " + tokens + " tokens, got " + targets.length);
    }
    int[] groups = new int[targets.length];
    for (int i = 0; i < groups.length; i++) {
      groups[i] = targets[i] < 0 ? -1 : i / tokens;
    }
    return new TokenGroups(groups, targets.length / tokens);
  }

  /**
   * The same tokens, of which those of the other sequences belong to none: what is left out of a
   * loss is left out of its denominator, too.
   *
   * @param included [sequences]
   */
  public TokenGroups only(boolean[] included) {
    if (included.length != lengths.length) {
      throw new IllegalArgumentException(
          "loss: there must be a mark for each of "
              + lengths.length
              + " sequences, got "
              + included.length);
    }
    int[] left = groups.clone();
    for (int i = 0; i < left.length; i++) {
      left[i] = left[i] >= 0 && included[left[i]] ? left[i] : -1;
    }
    return new TokenGroups(left, lengths.length);
  }

  /** Tokens of the batch, including those that belong to no sequence. */
  public int size() {
    return groups.length;
  }

  /** The sequence that a token belongs to; negative for none. */
  public int sequence(int token) {
    return groups[token];
  }

  /** Sequences. */
  public int count() {
    return lengths.length;
  }

  /** Tokens of a sequence. */
  public int length(int sequence) {
    return lengths[sequence];
  }

  /** Tokens of all sequences. */
  public long tokens() {
    long sum = 0;
    for (int length : lengths) {
      sum += length;
    }
    return sum;
  }

  /** The sum of each sequence's tokens, added in order; 0 for an empty one. */
  public double[] sums(double[] ofTokens) {
    Checks.size("the numbers of tokens", ofTokens, groups.length);
    double[] sums = new double[lengths.length];
    for (int i = 0; i < groups.length; i++) {
      if (groups[i] >= 0) {
        sums[groups[i]] += ofTokens[i];
      }
    }
    return sums;
  }

  /** The mean of each sequence's tokens; 0 for an empty one. */
  public double[] means(double[] ofTokens) {
    double[] means = sums(ofTokens);
    for (int i = 0; i < means.length; i++) {
      means[i] /= StrictMath.max(1, lengths[i]);
    }
    return means;
  }

  /** The gradient of tokens, given that of their {@link #sums}; 0 for tokens of no sequence. */
  public double[] sumsGradient(double[] ofSums) {
    Checks.size("the gradient of sequences", ofSums, lengths.length);
    double[] gradient = new double[groups.length];
    for (int i = 0; i < groups.length; i++) {
      gradient[i] = groups[i] < 0 ? 0 : ofSums[groups[i]];
    }
    return gradient;
  }

  /** The gradient of tokens, given that of their {@link #means}; 0 for tokens of no sequence. */
  public double[] meansGradient(double[] ofMeans) {
    double[] gradient = sumsGradient(ofMeans);
    for (int i = 0; i < groups.length; i++) {
      gradient[i] /= groups[i] < 0 ? 1 : lengths[groups[i]];
    }
    return gradient;
  }

  /**
   * 1 for each token of a sequence, 0 for others: a loss with the denominator {@link #tokens} of
   * the global batch is the mean over tokens.
   */
  public double[] tokenWeights() {
    double[] weights = new double[groups.length];
    for (int i = 0; i < weights.length; i++) {
      weights[i] = groups[i] < 0 ? 0 : 1;
    }
    return weights;
  }

  /**
   * 1 over the length of each token's sequence, 0 for others: a loss with the sequences of the
   * global batch as denominator is the mean over sequences of their tokens' means.
   */
  public double[] sequenceWeights() {
    double[] weights = tokenWeights();
    for (int i = 0; i < weights.length; i++) {
      weights[i] /= groups[i] < 0 ? 1 : lengths[groups[i]];
    }
    return weights;
  }
}
