package dev.firesteel.scaling;

/**
 * Kaplan's joint law (Kaplan et al. 2020, equation 1.5): {@code L(N, D) = ((Nc / N)^(alphaN /
 * alphaD) + Dc / D)^alphaD}. It has no irreducible loss.
 *
 * @param criticalParameters Nc
 * @param criticalTokens Dc
 * @param alphaN exponent of the parameters
 * @param alphaD exponent of the tokens
 */
public record KaplanLaw(
    double criticalParameters, double criticalTokens, double alphaN, double alphaD) {
  /** Loss of a model of N parameters after D tokens. */
  public double loss(double parameters, double tokens) {
    return Math.pow(
        Math.pow(criticalParameters / parameters, alphaN / alphaD) + criticalTokens / tokens,
        alphaD);
  }

  /** Exponent of {@code N* ~ C^a}, of the minimum of this law at {@code C = 6ND}. */
  public double parameterExponent() {
    return 1 / (1 + alphaN / alphaD);
  }
}
