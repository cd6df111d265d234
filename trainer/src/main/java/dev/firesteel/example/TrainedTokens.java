package dev.firesteel.example;

import java.util.Arrays;

/**
 * The tokens of one document, such as a prompt with its answer, and which of them a model learns to
 * predict. Immutable.
 */
public final class TrainedTokens {
  private final int[] tokens;
  private final boolean[] trained;

  /**
   * @param tokens [T], at least one
   * @param trained [T], whether each token is a target; the first never is, since nothing precedes
   *     it
   * @throws IllegalArgumentException if the sizes differ or are 0
   */
  public TrainedTokens(int[] tokens, boolean[] trained) {
    if (tokens.length == 0 || tokens.length != trained.length) {
      throw new IllegalArgumentException(
          "an example must have tokens and as many marks of those that are trained, got "
              + tokens.length
              + " and "
              + trained.length);
    }
    this.tokens = tokens.clone();
    this.trained = trained.clone();
    this.trained[0] = false;
  }

  /** T. */
  public int length() {
    return tokens.length;
  }

  /** The token at a position. */
  public int token(int position) {
    return tokens[position];
  }

  /** Whether the token at a position is a target. */
  public boolean isTrained(int position) {
    return trained[position];
  }

  /** A copy of the tokens. */
  public int[] tokens() {
    return tokens.clone();
  }

  /** How many tokens are targets. */
  public int trainedCount() {
    int count = 0;
    for (boolean one : trained) {
      count += one ? 1 : 0;
    }
    return count;
  }

  /** The position of the first target; the length if there is none. */
  public int firstTrained() {
    int position = 0;
    while (position < trained.length && !trained[position]) {
      position++;
    }
    return position;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof TrainedTokens same
        && Arrays.equals(tokens, same.tokens)
        && Arrays.equals(trained, same.trained);
  }

  @Override
  public int hashCode() {
    return 31 * Arrays.hashCode(tokens) + Arrays.hashCode(trained);
  }

  @Override
  public String toString() {
    return length() + " tokens, " + trainedCount() + " trained";
  }
}
