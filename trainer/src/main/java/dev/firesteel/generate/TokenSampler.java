package dev.firesteel.generate;

import dev.firesteel.error.UserException;
import dev.firesteel.random.RandomStream;
import java.util.Arrays;
import java.util.BitSet;

/**
 * Chooses the next token. The options apply in this order, which is that of Hugging Face's
 * transformers:
 *
 * <ol>
 *   <li>repetition penalty r (Keskar et al. 2019, section 4.1): the logit of a token that occurs in
 *       prompt or completion is divided by r if positive and multiplied by r if negative;
 *   <li>temperature: all logits are divided by it; 0 ends here with the argmax;
 *   <li>top-k: the k most likely are kept;
 *   <li>top-p (Holtzman et al. 2020): of those, with probabilities renormalized to sum to 1, the
 *       smallest set of most likely tokens whose sum reaches p is kept;
 *   <li>min-p (Nguyen et al. 2024): tokens at least minP times as likely as the most likely one are
 *       kept.
 * </ol>
 *
 * <p>Among equal logits the lower id ranks higher. The argmax is always kept. Everything runs on
 * the host in double precision, with StrictMath, so that a seed gives the same tokens wherever the
 * logits are the same. Without filters, a faster exponential narrows the choice first, and
 * StrictMath decides only where it is too close to call: the tokens are the same.
 *
 * <p>Not thread-safe: it keeps scratch memory.
 */
final class TokenSampler {
  /**
   * How close to a boundary between two tokens, relative to the sum of all weights, a random number
   * must be for {@link FastExp} not to decide. Its relative error is below 1e-11, and rounding adds
   * less than 1e-11 up to a vocabulary of 2^16 tokens.
   */
  private static final double TOO_CLOSE = 1e-9;

  private final GenerationOptions options;
  private double[] weights = new double[0];

  TokenSampler(GenerationOptions options) {
    this.options = options;
  }

  /** Candidate tokens and their probabilities. */
  static final class Distribution {
    private final int[] ids;
    private final double[] probabilities;

    private Distribution(int[] ids, double[] probabilities) {
      this.ids = ids;
      this.probabilities = probabilities;
    }

    int[] ids() {
      return ids.clone();
    }

    double[] probabilities() {
      return probabilities.clone();
    }
  }

  /**
   * Samples one token.
   *
   * @param logits of which {@code [start, start + vocabulary)} are this token's; modified there by
   *     the repetition penalty
   * @param seen the tokens of prompt and completion so far
   */
  int sample(float[] logits, int start, int vocabulary, BitSet seen, RandomStream random) {
    penalize(logits, start, seen, options.repetitionPenalty());
    if (options.temperature() == 0) {
      return argmax(logits, start, vocabulary);
    }
    double u = random.nextDouble();
    if (isFiltered()) {
      return choose(distribution(Arrays.copyOfRange(logits, start, start + vocabulary)), u);
    }
    int fast = chooseFast(logits, start, vocabulary, u);
    return fast >= 0
        ? fast
        : choose(distribution(Arrays.copyOfRange(logits, start, start + vocabulary)), u);
  }

  private static int choose(Distribution distribution, double u) {
    double sum = 0;
    for (int i = 0; i < distribution.ids.length - 1; i++) {
      sum += distribution.probabilities[i];
      if (u < sum) {
        return distribution.ids[i];
      }
    }
    return distribution.ids[distribution.ids.length - 1];
  }

  /**
   * The token that the whole distribution gives for a number in [0, 1); -1 if it is too close to a
   * boundary for {@link FastExp}.
   */
  int chooseFast(float[] logits, int start, int vocabulary, double u) {
    if (weights.length < vocabulary) {
      weights = new double[vocabulary];
    }
    double[] scratch = weights;
    double highest = logits[start + argmax(logits, start, vocabulary)];
    double inverse = 1 / options.temperature();
    double total = 0;
    for (int id = 0; id < vocabulary; id++) {
      double weight = FastExp.of((logits[start + id] - highest) * inverse);
      scratch[id] = weight;
      total += weight;
    }
    double target = u * total;
    double margin = TOO_CLOSE * total;
    double sum = 0;
    for (int id = 0; id < vocabulary; id++) {
      double before = sum;
      sum += scratch[id];
      if (target < sum + margin) {
        return target > before + margin && target < sum - margin ? id : -1;
      }
    }
    return -1;
  }

  /** Applies the repetition penalty in place. */
  static void penalize(float[] logits, int start, BitSet seen, double penalty) {
    if (penalty == 1) {
      return;
    }
    for (int id = seen.nextSetBit(0); id >= 0; id = seen.nextSetBit(id + 1)) {
      float logit = logits[start + id];
      logits[start + id] = (float) (logit > 0 ? logit / penalty : logit * penalty);
    }
  }

  /** The argmax; the lowest id among equals. */
  static int argmax(float... logits) {
    return argmax(logits, 0, logits.length);
  }

  /** The argmax of {@code [start, start + vocabulary)}, as an id; the lowest among equals. */
  static int argmax(float[] logits, int start, int vocabulary) {
    int best = 0;
    float highest = Float.NEGATIVE_INFINITY;
    for (int id = 0; id < vocabulary; id++) {
      float logit = logits[start + id];
      // Also where it is NaN, without a second comparison of all others.
      if (!(logit <= highest)) {
        requireNumber(logit);
        highest = logit;
        best = id;
      }
    }
    return best;
  }

  private static void requireNumber(float logit) {
    if (Float.isNaN(logit)) {
      throw UserException.failure(
          "the model's logits must be numbers, got NaN: its weights are damaged, or training"
              + " diverged; generate from an earlier checkpoint");
    }
  }

  /**
   * Temperature, top-k, top-p and min-p; ids in descending order of likelihood if any filter
   * applies.
   */
  Distribution distribution(float[] logits) {
    int[] ids = candidates(logits);
    double highest = Double.NEGATIVE_INFINITY;
    for (int id : ids) {
      highest = Math.max(highest, logits[id]);
    }
    double[] weights = new double[ids.length];
    double total = 0;
    for (int i = 0; i < ids.length; i++) {
      weights[i] = StrictMath.exp((logits[ids[i]] - highest) / options.temperature());
      total += weights[i];
    }
    int kept = keep(weights, total);
    if (kept < ids.length) {
      ids = Arrays.copyOf(ids, kept);
      weights = Arrays.copyOf(weights, kept);
      total = 0;
      for (double weight : weights) {
        total += weight;
      }
    }
    for (int i = 0; i < weights.length; i++) {
      weights[i] /= total;
    }
    return new Distribution(ids, weights);
  }

  private boolean isFiltered() {
    return options.topK() > 0 || options.topP() < 1 || options.minP() > 0;
  }

  /** All ids or, if a filter needs sorting, the top k in descending order of likelihood. */
  private int[] candidates(float[] logits) {
    int vocabulary = logits.length;
    if (!isFiltered()) {
      int[] ids = new int[vocabulary];
      for (int id = 0; id < vocabulary; id++) {
        requireNumber(logits[id]);
        ids[id] = id;
      }
      return ids;
    }
    int count = options.topK() > 0 ? Math.min(options.topK(), vocabulary) : vocabulary;
    return ranked(logits, count);
  }

  /** The {@code count} most likely ids, in descending order. */
  static int[] ranked(float[] logits, int count) {
    long[] keys = new long[logits.length];
    for (int id = 0; id < logits.length; id++) {
      requireNumber(logits[id]);
      keys[id] = descendingKey(logits[id], id);
    }
    Arrays.sort(keys);
    int[] ids = new int[count];
    for (int i = 0; i < count; i++) {
      ids[i] = (int) keys[i];
    }
    return ids;
  }

  /** Sorts by descending logit, then by ascending id. */
  private static long descendingKey(float logit, int id) {
    int bits = Float.floatToIntBits(logit + 0f); // -0 becomes 0, its equal
    int ascending = bits < 0 ? ~bits : bits | Integer.MIN_VALUE; // as unsigned
    return ((long) (~ascending ^ Integer.MIN_VALUE) << 32) | id; // as signed
  }

  /** How many of the sorted candidates top-p and min-p keep. */
  private int keep(double[] weights, double total) {
    int kept = weights.length;
    if (options.topP() < 1) {
      double sum = 0;
      int i = 0;
      while (i < kept && sum < options.topP() * total) {
        sum += weights[i++];
      }
      kept = Math.max(1, i);
    }
    if (options.minP() > 0) {
      // The argmax has weight 1.
      while (kept > 1 && weights[kept - 1] < options.minP()) {
        kept--;
      }
    }
    return kept;
  }
}
