package dev.firesteel.backend.cpu;

import dev.firesteel.backend.AdamWStep;

/** AdamW over a range, in one pass over gradients, moments and weights. */
final class Optimizer {
  private Optimizer() {}

  /** An update's scalars as the loop uses them, computed in double and rounded once. */
  record Factors(
      float gradientScale,
      float beta1,
      float oneMinusBeta1,
      float beta2,
      float oneMinusBeta2,
      float stepSize,
      float secondMomentScale,
      float epsilon,
      float weightKept) {}

  /**
   * With the bias corrections {@code c1 = 1 - beta1^step} and {@code c2 = 1 - beta2^step}, the step
   * size is {@code lr / c1}, {@code sqrt(vHat) = sqrt(v / c2)}, and what is kept of a weight {@code
   * 1 - lr * decay}.
   */
  static Factors factors(AdamWStep step) {
    double correction1 = 1 - StrictMath.pow(step.beta1(), (double) step.step());
    double correction2 = 1 - StrictMath.pow(step.beta2(), (double) step.step());
    return new Factors(
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

  static void adamW(
      Factors factors,
      float[] gradients,
      int gOffset,
      float[] firstMoments,
      int mOffset,
      float[] secondMoments,
      int vOffset,
      float[] weights,
      int wOffset,
      int size) {
    float scale = factors.gradientScale;
    float beta1 = factors.beta1;
    float gain1 = factors.oneMinusBeta1;
    float beta2 = factors.beta2;
    float gain2 = factors.oneMinusBeta2;
    float stepSize = factors.stepSize;
    float secondScale = factors.secondMomentScale;
    float epsilon = factors.epsilon;
    float kept = factors.weightKept;
    for (int i = 0; i < size; i++) {
      float g = scale * gradients[gOffset + i];
      float m = beta1 * firstMoments[mOffset + i] + gain1 * g;
      float v = beta2 * secondMoments[vOffset + i] + gain2 * (g * g);
      firstMoments[mOffset + i] = m;
      secondMoments[vOffset + i] = v;
      float update = stepSize * m / ((float) Math.sqrt(v * secondScale) + epsilon);
      weights[wOffset + i] = kept * weights[wOffset + i] - update;
    }
  }
}
