package dev.firesteel.scaling;

/**
 * Chinchilla's law (Hoffmann et al. 2022, equation 2): {@code L(N, D) = E + A / N^alpha + B /
 * D^beta}, in nats per token.
 *
 * @param irreducible E, the entropy of text under an unlimited model
 * @param a A
 * @param b B
 * @param alpha exponent of the parameters
 * @param beta exponent of the tokens
 */
public record ParametricLaw(double irreducible, double a, double b, double alpha, double beta) {
  /** The published constants with all their digits (Hoffmann et al. 2022, source of the paper). */
  public static final ParametricLaw HOFFMANN =
      ofLogs(.5267228, 6.0073404, 6.0179186, .33917084, .2849083);

  /** The same as printed in the paper, rounded: what not to use. */
  public static final ParametricLaw HOFFMANN_ROUNDED =
      new ParametricLaw(1.69, 406.4, 410.7, .34, .28);

  /** Besiroglu et al. 2024 (arXiv:2404.10102), table 1, refitted to the figure's points. */
  public static final ParametricLaw EPOCH =
      new ParametricLaw(1.8172, 482.01, 2085.43, .3478, .3658);

  /** Relative difference of a and b at which the largest value is looked for. */
  private static final double PRECISION = 1e-12;

  /** The law of {@code log E, log A, log B} and the exponents. */
  static ParametricLaw ofLogs(double e, double a, double b, double alpha, double beta) {
    return new ParametricLaw(Math.exp(e), Math.exp(a), Math.exp(b), alpha, beta);
  }

  /** Loss of a model of N parameters after D tokens. */
  public double loss(double parameters, double tokens) {
    return irreducible + sizeTerm(parameters) + dataTerm(tokens);
  }

  /** A / N^alpha: what a larger model would gain at most. */
  double sizeTerm(double parameters) {
    return a * Math.pow(parameters, -alpha);
  }

  /** B / D^beta: what more tokens would gain at most. */
  double dataTerm(double tokens) {
    return b * Math.pow(tokens, -beta);
  }

  /** Exponent of {@code N* ~ C^a}: {@code beta / (alpha + beta)}. */
  public double parameterExponent() {
    return beta / (alpha + beta);
  }

  /**
   * The allocation with the lowest loss for a budget: {@code N* = G (C/6)^(beta/(alpha+beta))},
   * {@code D* = C/6 / N*}, {@code G = (alpha A / (beta B))^(1/(alpha+beta))} (Hoffmann et al. 2022,
   * equation 4).
   */
  public Allocation optimum(double flops) {
    double product = flops / ScalingRun.FLOPS_PER_PARAMETER_AND_TOKEN;
    double g = Math.pow(alpha * a / (beta * b), 1 / (alpha + beta));
    double parameters = g * Math.pow(product, parameterExponent());
    return new Allocation(parameters, product / parameters, loss(parameters, product / parameters));
  }

  /**
   * How a budget is spent.
   *
   * @param parameters N
   * @param tokens D
   * @param loss expected
   */
  public record Allocation(double parameters, double tokens, double loss) {
    /** D / N. */
    public double tokensPerParameter() {
      return tokens / parameters;
    }
  }

  /**
   * A range of model sizes.
   *
   * @param low smallest N
   * @param high largest N
   */
  public record Range(double low, double high) {}

  /**
   * The model sizes whose loss at a budget exceeds that of the optimum by at most a share of it:
   * the optimum is flat, and a point says more than is known.
   *
   * @param share 0.005 for half a percent
   */
  public Range within(double flops, double share) {
    Allocation best = optimum(flops);
    double bound = (1 + share) * best.loss();
    return new Range(
        crossing(flops, bound, best.parameters(), 0.5),
        crossing(flops, bound, best.parameters(), 2));
  }

  /** The size, outwards from the optimum, at which the loss of a budget reaches a bound. */
  private double crossing(double flops, double bound, double from, double factor) {
    double product = flops / ScalingRun.FLOPS_PER_PARAMETER_AND_TOKEN;
    double inside = from;
    double outside = from * factor;
    while (loss(outside, product / outside) < bound) {
      inside = outside;
      outside *= factor;
    }
    while (Math.abs(outside / inside - 1) > PRECISION) {
      double middle = Math.sqrt(inside * outside);
      if (middle == inside || middle == outside) {
        break;
      }
      if (loss(middle, product / middle) < bound) {
        inside = middle;
      } else {
        outside = middle;
      }
    }
    return inside;
  }

  /** Tokens after which a model of N parameters reaches a loss; infinite if it never does. */
  public double tokensFor(double parameters, double loss) {
    double left = loss - irreducible - sizeTerm(parameters);
    return left <= 0 ? Double.POSITIVE_INFINITY : Math.pow(b / left, 1 / beta);
  }
}
