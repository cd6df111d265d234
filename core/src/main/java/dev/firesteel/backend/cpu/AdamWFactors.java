package dev.firesteel.backend.cpu;

import dev.firesteel.backend.AdamWStep;

/**
 * An AdamW update's scalars as the kernel uses them, computed in double and rounded once. With
 * {@code g = gradientScale gradient}:
 *
 * <pre>
 * m = beta1 m + oneMinusBeta1 g        v = beta2 v + oneMinusBeta2 g^2
 * w = weightKept w - stepSize m / (sqrt(secondMomentScale v) + epsilon)
 * </pre>
 */
record AdamWFactors(
    float gradientScale,
    float beta1,
    float oneMinusBeta1,
    float beta2,
    float oneMinusBeta2,
    float stepSize,
    float secondMomentScale,
    float epsilon,
    float weightKept) {

  /**
   * With the bias corrections {@code c1 = 1 - beta1^step} and {@code c2 = 1 - beta2^step}, the step
   * size is {@code lr / c1}, {@code sqrt(vHat) = sqrt(v / c2)}, and the factor on a weight {@code 1
   * - lr * decay}.
   */
  static AdamWFactors of(AdamWStep step) {
    double correction1 = 1 - StrictMath.pow(step.beta1(), (double) step.step());
    double correction2 = 1 - StrictMath.pow(step.beta2(), (double) step.step());
    return new AdamWFactors(
        (float) step.gradientScale(),
        (float) step.beta1(),
        (float) (1 - step.beta1()),
        (float) step.beta2(),
        (float) (1 - step.beta2()),
        (float) (step.learningRate() / correction1),
        (float) (1 / correction2),
        (float) step.epsilon(),
        (float) (1 - step.learningRate() * step.weightDecay()));
  }
}
