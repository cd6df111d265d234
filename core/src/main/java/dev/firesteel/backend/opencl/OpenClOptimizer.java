package dev.firesteel.backend.opencl;

import static dev.firesteel.backend.opencl.Launcher.size;

import dev.firesteel.array.NdArray;
import dev.firesteel.backend.AdamWStep;
import dev.firesteel.backend.Backend.Write;
import dev.firesteel.backend.LionStep;
import dev.firesteel.backend.OptimizerKernels;

/** Weight updates: those of single elements in one launch. */
final class OpenClOptimizer implements OptimizerKernels {
  private final Launcher launcher;
  private final OpenClReductions reductions;
  private final DeviceKernel kernel;

  OpenClOptimizer(Launcher launcher, OpenClReductions reductions) {
    this.launcher = launcher;
    this.reductions = reductions;
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

  @Override
  public void lion(LionStep step, NdArray gradients, NdArray momentum, NdArray weights) {
    launcher.result(0, weights);
    launcher.operand(1, gradients);
    launcher.result(2, momentum);
    kernel.factor0 = (float) step.beta1();
    kernel.factor1 = (float) step.beta2();
    kernel.factor2 = (float) (1 - step.beta1());
    kernel.factor3 = (float) (1 - step.beta2());
    kernel.factor4 = (float) step.gradientScale();
    kernel.factor5 = (float) step.learningRate();
    kernel.factor6 = (float) (step.learningRate() * step.weightDecay());
    launcher.elementwise(DeviceKernel.LION, size(weights));
  }

  @Override
  public void squareSums(NdArray x, NdArray rows, NdArray columns) {
    int count = x.shape().rows();
    int width = x.shape().last();
    launcher.result(0, rows);
    launcher.operand(1, x);
    launcher.sizes(count, width);
    launcher.launch(DeviceKernel.ROW_SQUARES, count);
    int blocks = Launcher.ceilDiv(count, OpenClReductions.SUM_ROWS);
    DeviceFloats partial = launcher.floats((long) blocks * width);
    launcher.operand(0, partial);
    launcher.operand(1, x);
    launcher.sizes(count, width, OpenClReductions.SUM_ROWS);
    launcher.launchOver(DeviceKernel.COLUMN_SQUARES, blocks * width);
    reductions.addPartial(partial, blocks, width, columns, Write.SET);
  }

  @Override
  public void scaleRowsAndColumns(NdArray x, NdArray rows, NdArray columns) {
    launcher.result(0, x);
    launcher.operand(1, rows);
    launcher.operand(2, columns);
    launcher.elementwise(DeviceKernel.SCALE_ROWS_AND_COLUMNS, size(x), x.shape().last());
  }
}
