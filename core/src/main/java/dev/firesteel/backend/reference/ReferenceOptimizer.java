package dev.firesteel.backend.reference;

import static dev.firesteel.backend.reference.Elements.size;

import dev.firesteel.array.NdArray;
import dev.firesteel.backend.AdamWStep;
import dev.firesteel.backend.OptimizerKernels;

/** The formulas of {@link OptimizerKernels} as plain loops. */
final class ReferenceOptimizer implements OptimizerKernels {
  @Override
  public void adamW(
      AdamWStep step,
      NdArray gradients,
      NdArray firstMoments,
      NdArray secondMoments,
      NdArray weights) {
    Elements gradient = Elements.of(gradients);
    Elements first = Elements.result(firstMoments);
    Elements second = Elements.result(secondMoments);
    Elements weight = Elements.result(weights);
    double correction1 = 1 - StrictMath.pow(step.beta1(), (double) step.step());
    double correction2 = 1 - StrictMath.pow(step.beta2(), (double) step.step());
    for (int i = 0; i < size(weights); i++) {
      double g = step.gradientScale() * gradient.get(i);
      double m = step.beta1() * first.get(i) + (1 - step.beta1()) * g;
      double v = step.beta2() * second.get(i) + (1 - step.beta2()) * g * g;
      double direction = m / correction1 / (StrictMath.sqrt(v / correction2) + step.epsilon());
      double w = weight.get(i);
      first.set(i, m);
      second.set(i, v);
      weight.set(i, w - step.learningRate() * (direction + step.weightDecay() * w));
    }
  }
}
