package dev.firesteel.rl;

import dev.firesteel.collective.TreeSum;
import dev.firesteel.loss.TokenGroups;
import java.util.Arrays;

/**
 * What is known of numbers without keeping them: how many, their sum, the sum of the squares of
 * their differences from their mean, and their extremes. Distributions of parts combine to that of
 * the whole (Chan, Golub and LeVeque 1979): {@code squares = a.squares + b.squares + (b.mean -
 * a.mean)^2 a.count b.count / (a.count + b.count)}, without the cancellation of a sum of squares.
 *
 * <p>Distributions of a batch are trees over its completions ({@link TreeSum}): a power of two of
 * ranks with equally many completions each, combined by {@link AcrossRanks}, have the bits of one.
 *
 * @param count how many numbers
 * @param sum of the numbers
 * @param squares sum of the squared differences from the mean
 * @param least number; infinity for none
 * @param greatest number; negative infinity for none
 */
public record Distribution(
    double count, double sum, double squares, double least, double greatest) {
  /** Of no numbers. */
  public static final Distribution NONE =
      new Distribution(0, 0, 0, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY);

  /** How many numbers {@link #numbers} has. */
  static final int SIZE = 5;

  /** Of one number. */
  public static Distribution of(double value) {
    return new Distribution(1, value, 0, value, value);
  }

  /** Of a number of each completion of a batch. */
  public static Distribution ofSequences(double[] values) {
    boolean[] all = new boolean[values.length];
    Arrays.fill(all, true);
    return ofSequences(values, all);
  }

  /**
   * Of a number of each of some completions.
   *
   * @param values [sequences] of the whole batch
   * @param included [sequences]
   */
  public static Distribution ofSequences(double[] values, boolean[] included) {
    Checks.size("the marks of completions", included.length, values.length);
    Distribution[] parts = new Distribution[values.length];
    for (int i = 0; i < parts.length; i++) {
      parts[i] = included[i] ? of(values[i]) : NONE;
    }
    return tree(parts);
  }

  /**
   * Of a number of each action of a batch.
   *
   * @param values [tokens]; those of tokens that belong to no completion are not read
   * @param tokens the actions
   */
  public static Distribution ofTokens(double[] values, TokenGroups tokens) {
    Checks.tokens("numbers of tokens", values, tokens);
    double[] means = tokens.means(values);
    double[] sums = tokens.sums(values);
    double[] squares = new double[sums.length];
    double[] least = new double[sums.length];
    double[] greatest = new double[sums.length];
    Arrays.fill(least, Double.POSITIVE_INFINITY);
    Arrays.fill(greatest, Double.NEGATIVE_INFINITY);
    for (int i = 0; i < values.length; i++) {
      int sequence = tokens.sequence(i);
      if (sequence >= 0) {
        double difference = values[i] - means[sequence];
        squares[sequence] += difference * difference;
        least[sequence] = StrictMath.min(least[sequence], values[i]);
        greatest[sequence] = StrictMath.max(greatest[sequence], values[i]);
      }
    }
    Distribution[] parts = new Distribution[sums.length];
    for (int i = 0; i < parts.length; i++) {
      parts[i] = new Distribution(tokens.length(i), sums[i], squares[i], least[i], greatest[i]);
    }
    return tree(parts);
  }

  /** Of all parts together, combined in the tree's order. */
  static Distribution tree(Distribution... parts) {
    if (parts.length == 0) {
      return NONE;
    }
    TreeSum<Distribution> sum = new TreeSum<>(Distribution::plus, parts.length);
    for (Distribution part : parts) {
      sum.add(part);
    }
    return sum.total();
  }

  /** Of these numbers and those of a later part together. */
  public Distribution plus(Distribution other) {
    if (count == 0) {
      return other;
    }
    if (other.count == 0) {
      return this;
    }
    double both = count + other.count;
    double difference = other.mean() - mean();
    return new Distribution(
        both,
        sum + other.sum,
        squares + other.squares + difference * difference * (count * other.count / both),
        StrictMath.min(least, other.least),
        StrictMath.max(greatest, other.greatest));
  }

  /** The mean; NaN of no numbers. */
  public double mean() {
    return sum / count;
  }

  /** The population's variance, {@code squares / count}; NaN of no numbers. */
  public double variance() {
    return squares / count;
  }

  /**
   * The standard deviation of a sample, {@code sqrt(squares / (count - 1))}, as Torch computes it;
   * 0 of one number, NaN of none.
   */
  public double sampleDeviation() {
    if (count == 0) {
      return Double.NaN;
    }
    return count == 1 ? 0 : StrictMath.sqrt(squares / (count - 1));
  }

  /** The components, in order: what is sent to other ranks and what a cursor saves. */
  public double[] numbers() {
    return new double[] {count, sum, squares, least, greatest};
  }

  /** The distribution of given {@link #numbers}, which begin at an offset. */
  public static Distribution ofNumbers(double[] numbers, int offset) {
    if (offset < 0 || numbers.length < offset + SIZE) {
      throw new IllegalArgumentException(
          "rl: a distribution must have " + SIZE + " numbers, got " + (numbers.length - offset));
    }
    return new Distribution(
        numbers[offset],
        numbers[offset + 1],
        numbers[offset + 2],
        numbers[offset + 3],
        numbers[offset + 4]);
  }
}
