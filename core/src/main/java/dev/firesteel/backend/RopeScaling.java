package dev.firesteel.backend;

import java.util.List;

/**
 * How the frequencies of rotary positions are changed, so that a model computes with longer
 * sequences than it was first trained on. Frequencies are in radians per position; {@code r =
 * theta^(-2i/K)} is that of pair i without scaling. Formulas as in {@code modeling_rope_utils.py}
 * of Hugging Face's transformers, in double precision.
 */
public sealed interface RopeScaling {
  /** No scaling. */
  static RopeScaling none() {
    return new None();
  }

  /** The frequency of pair {@code pair} of a head of width {@code headWidth}. */
  double frequency(double theta, int headWidth, int pair);

  /** The factor on all cosines and sines. */
  default double magnitude() {
    return 1;
  }

  /** The frequency without scaling. */
  private static double unscaled(double theta, int headWidth, int pair) {
    return StrictMath.pow(theta, -2.0 * pair / headWidth);
  }

  private static void require(boolean valid, String rule, Object... got) {
    if (!valid) {
      throw new IllegalArgumentException(
          "RopeScaling: " + rule + ", got " + List.of(got) + " in this order");
    }
  }

  /** No scaling: {@code r}. */
  record None() implements RopeScaling {
    @Override
    public double frequency(double theta, int headWidth, int pair) {
      return unscaled(theta, headWidth, pair);
    }
  }

  /**
   * Position interpolation (Chen et al. 2023): {@code r / factor}.
   *
   * @param factor how many times longer sequences become
   */
  record Linear(double factor) implements RopeScaling {
    public Linear {
      require(factor > 0, "factor must be positive", factor);
    }

    @Override
    public double frequency(double theta, int headWidth, int pair) {
      return unscaled(theta, headWidth, pair) / factor;
    }
  }

  /**
   * Scaling by wavelength, as Llama 3.1: with {@code n = originalLength r / (2 pi)}, the turns that
   * a pair makes in a sequence of the original length, {@code r} if {@code n > highFactor}, {@code
   * r / factor} if {@code n < lowFactor}, and between them {@code (1 - s) r / factor + s r}, {@code
   * s = (n - lowFactor) / (highFactor - lowFactor)}.
   *
   * @param factor of the slow pairs
   * @param lowFactor turns below which a pair is slow
   * @param highFactor turns above which a pair is fast
   * @param originalLength sequence length before scaling
   */
  record Llama3(double factor, double lowFactor, double highFactor, int originalLength)
      implements RopeScaling {
    public Llama3 {
      require(
          factor > 0 && lowFactor > 0 && highFactor > lowFactor && originalLength > 0,
          "factor, low factor and original length must be positive and the high factor above the low",
          factor,
          lowFactor,
          highFactor,
          originalLength);
    }

    @Override
    public double frequency(double theta, int headWidth, int pair) {
      double plain = unscaled(theta, headWidth, pair);
      double turns = originalLength * plain / (2 * Math.PI);
      double share = Math.max(0, Math.min(1, (turns - lowFactor) / (highFactor - lowFactor)));
      return (1 - share) * plain / factor + share * plain;
    }
  }

  /**
   * YaRN (Peng et al. 2023): {@code m r / factor + (1 - m) r}, where m rises linearly from 0 at
   * pair {@code low} to 1 at pair {@code high}: the pairs that make {@code fast} and {@code slow}
   * turns in a sequence of the original length, {@code K ln(originalLength / (2 pi turns)) / (2 ln
   * theta)}.
   *
   * @param factor of the slow pairs
   * @param originalLength sequence length before scaling
   * @param fast turns above which a pair is not scaled, usually 32
   * @param slow turns below which a pair is scaled by the whole factor, usually 1
   * @param magnitude factor on cosines and sines, in the paper {@code 0.1 ln(factor) + 1}
   * @param truncate whether {@code low} is rounded down and {@code high} up
   */
  record Yarn(
      double factor,
      int originalLength,
      double fast,
      double slow,
      double magnitude,
      boolean truncate)
      implements RopeScaling {
    /** The width of the ramp if it would begin and end at the same pair. */
    private static final double LEAST_RAMP = 0.001;

    public Yarn {
      require(
          factor > 0 && originalLength > 0 && slow > 0 && fast > slow && magnitude > 0,
          "factor, original length, slow and magnitude must be positive and fast above slow",
          factor,
          originalLength,
          slow,
          fast,
          magnitude);
    }

    @Override
    public double frequency(double theta, int headWidth, int pair) {
      double low = pairWith(fast, theta, headWidth);
      double high = pairWith(slow, theta, headWidth);
      if (truncate) {
        low = Math.floor(low);
        high = Math.ceil(high);
      }
      low = Math.max(low, 0);
      high = Math.min(high, headWidth - 1.0);
      double ramp = low == high ? LEAST_RAMP : high - low;
      double share = Math.max(0, Math.min(1, (pair - low) / ramp));
      double plain = unscaled(theta, headWidth, pair);
      return share * plain / factor + (1 - share) * plain;
    }

    private double pairWith(double turns, double theta, int headWidth) {
      return headWidth
          * StrictMath.log(originalLength / (2 * Math.PI * turns))
          / (2 * StrictMath.log(theta));
    }
  }
}
