package dev.firesteel.backend.cpu;

import dev.firesteel.backend.LionStep;

/**
 * A Lion update's scalars as the kernel uses them, computed in double and rounded once. With {@code
 * g = gradientScale gradient}:
 *
 * <pre>
 * w = weightKept w - stepSize sign(beta1 m + oneMinusBeta1 g)
 * m = beta2 m + oneMinusBeta2 g
 * </pre>
 */
record LionFactors(
    float gradientScale,
    float beta1,
    float oneMinusBeta1,
    float beta2,
    float oneMinusBeta2,
    float stepSize,
    float weightKept) {

  /**
   * Two factors of this size take the smallest float above 1, so that a product with both, limited
   * to [-1, 1], is the sign.
   */
  static final float HUGE = 0x1p100f;

  static LionFactors of(LionStep step) {
    return new LionFactors(
        (float) step.gradientScale(),
        (float) step.beta1(),
        (float) (1 - step.beta1()),
        (float) step.beta2(),
        (float) (1 - step.beta2()),
        (float) step.learningRate(),
        (float) (1 - step.learningRate() * step.weightDecay()));
  }
}
