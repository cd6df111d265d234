package dev.firesteel.backend.opencl;

import static dev.firesteel.backend.opencl.Launcher.size;

import dev.firesteel.array.NdArray;
import dev.firesteel.backend.AdamWStep;
import dev.firesteel.backend.OptimizerKernels;

/** Weight updates, in one launch. */
final class OpenClOptimizer implements OptimizerKernels {
  private final Launcher launcher;
  private final DeviceKernel kernel;

  OpenClOptimizer(Launcher launcher) {
    this.launcher = launcher;
    kernel = launcher.kernel();
  }

  @Override
  public void adamW(
      AdamWStep step,
      NdArray gradients,
      NdArray firstMoments,
      NdArray secondMoments,
      NdArray weights) {
    double correction1 = 1 - StrictMath.pow(step.beta1(), (double) step.step());
    double correction2 = 1 - StrictMath.pow(step.beta2(), (double) step.step());
    launcher.result(0, weights);
    launcher.operand(1, gradients);
    launcher.result(2, firstMoments);
    launcher.result(3, secondMoments);
    kernel.factor0 = (float) step.beta1();
    kernel.factor1 = (float) step.beta2();
    kernel.factor2 = (float) (1 - step.beta1());
    kernel.factor3 = (float) (1 - step.beta2());
    kernel.factor4 = (float) step.gradientScale();
    kernel.factor5 = (float) (step.learningRate() / correction1);
    kernel.factor6 = (float) (step.learningRate() * step.weightDecay());
    kernel.linear = (float) (1 / correction2);
    kernel.cubic = (float) step.epsilon();
    launcher.elementwise(DeviceKernel.ADAM_W, size(weights));
  }
}
