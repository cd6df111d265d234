package dev.firesteel.scaling;

import java.util.Locale;

/**
 * Which constants of {@link ParametricLaw} a fit is free to choose. Constants that are NaN are
 * free.
 *
 * @param name of the variant in {@code fit.json}
 * @param tied whether alpha and beta are one constant, so that N and D grow alike
 * @param irreducible E
 * @param alpha exponent of the parameters
 * @param beta exponent of the tokens
 */
public record ParametricVariant(
    String name, boolean tied, double irreducible, double alpha, double beta) {
  /** All five constants are fitted. */
  public static final ParametricVariant FREE =
      new ParametricVariant("free", false, Double.NaN, Double.NaN, Double.NaN);

  /** One exponent for both, as in {@code N* ~ C^0.5}. */
  public static final ParametricVariant TIED =
      new ParametricVariant("tied_exponents", true, Double.NaN, Double.NaN, Double.NaN);

  /** Checks that tied exponents are not also fixed. */
  public ParametricVariant {
    if (tied && !(Double.isNaN(alpha) && Double.isNaN(beta))) {
      throw new IllegalArgumentException("exponents are tied or fixed, got both");
    }
  }

  /** Both exponents are given. */
  public static ParametricVariant fixedExponents(double alpha, double beta) {
    return new ParametricVariant("fixed_exponents", false, Double.NaN, alpha, beta);
  }

  /** The irreducible loss is given; 0 makes the law one of pure powers. */
  public static ParametricVariant fixedIrreducible(double irreducible) {
    return new ParametricVariant("fixed_irreducible", false, irreducible, Double.NaN, Double.NaN);
  }

  /** Number of constants that are fitted. */
  public int freeConstants() {
    return 2
        + (Double.isNaN(irreducible) ? 1 : 0)
        + (tied ? 1 : (Double.isNaN(alpha) ? 1 : 0) + (Double.isNaN(beta) ? 1 : 0));
  }

  /** What the variant assumes, in words. */
  public String description() {
    if (tied) {
      return "alpha = beta";
    }
    if (!Double.isNaN(alpha)) {
      return String.format(Locale.ROOT, "alpha = %s, beta = %s", alpha, beta);
    }
    return Double.isNaN(irreducible)
        ? "all constants free"
        : String.format(Locale.ROOT, "E = %s", irreducible);
  }
}
