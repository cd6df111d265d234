package dev.firesteel.backend.reference;

import static dev.firesteel.backend.reference.Elements.size;

import dev.firesteel.array.NdArray;
import dev.firesteel.backend.AdamWStep;
import dev.firesteel.backend.LionStep;
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

  @Override
  public void lion(LionStep step, NdArray gradients, NdArray momentum, NdArray weights) {
    Elements gradient = Elements.of(gradients);
    Elements moment = Elements.result(momentum);
    Elements weight = Elements.result(weights);
    for (int i = 0; i < size(weights); i++) {
      double g = step.gradientScale() * gradient.get(i);
      double m = moment.get(i);
      double w = weight.get(i);
      double direction = Math.signum(step.beta1() * m + (1 - step.beta1()) * g);
      moment.set(i, step.beta2() * m + (1 - step.beta2()) * g);
      weight.set(i, w - step.learningRate() * (direction + step.weightDecay() * w));
    }
  }

  @Override
  public void squareSums(NdArray x, NdArray rows, NdArray columns) {
    Elements from = Elements.of(x);
    int width = x.shape().last();
    double[] ofRows = new double[x.shape().rows()];
    double[] ofColumns = new double[width];
    for (int r = 0; r < ofRows.length; r++) {
      for (int c = 0; c < width; c++) {
        double square = from.get(r * width + c) * from.get(r * width + c);
        ofRows[r] += square;
        ofColumns[c] += square;
      }
    }
    Elements.setAll(rows, ofRows);
    Elements.setAll(columns, ofColumns);
  }

  @Override
  public void scaleRowsAndColumns(NdArray x, NdArray rows, NdArray columns) {
    Elements matrix = Elements.result(x);
    Elements ofRows = Elements.of(rows);
    Elements ofColumns = Elements.of(columns);
    int width = x.shape().last();
    for (int i = 0; i < size(x); i++) {
      matrix.set(i, matrix.get(i) * ofColumns.get(i % width) * ofRows.get(i / width));
    }
  }
}
