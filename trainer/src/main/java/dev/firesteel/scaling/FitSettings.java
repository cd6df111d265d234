package dev.firesteel.scaling;

import java.util.Set;

/**
 * How a table of runs is fitted.
 *
 * @param approaches what is fitted
 * @param bootstrap resamples for the intervals
 * @param entropy a loss below which no model can be, in nats per token; NaN if it is not known
 * @param fixedAlpha alpha of the variant with fixed exponents
 * @param fixedBeta beta of it
 * @param fixedIrreducible E of the variant with a fixed irreducible loss
 * @param gridStep approach 3 searches from each start of its grid whose index is a multiple of this
 * @param given constants to judge, of another fit of the same runs; null for none
 */
public record FitSettings(
    Set<Approach> approaches,
    Bootstrap bootstrap,
    double entropy,
    double fixedAlpha,
    double fixedBeta,
    double fixedIrreducible,
    int gridStep,
    ParametricLaw given) {
  /** Copies the set. */
  public FitSettings {
    approaches = Set.copyOf(approaches);
  }

  /**
   * All approaches; the exponents of Besiroglu et al. 2024 and, as in Kaplan's laws, no irreducible
   * loss for the variants that fix them.
   */
  public static FitSettings standard(Bootstrap bootstrap) {
    return new FitSettings(
        Set.of(Approach.values()),
        bootstrap,
        Double.NaN,
        ParametricLaw.EPOCH.alpha(),
        ParametricLaw.EPOCH.beta(),
        0,
        1,
        null);
  }
}
