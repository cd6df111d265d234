package dev.firesteel.backend.reference;

import static dev.firesteel.backend.reference.Elements.intAt;
import static dev.firesteel.backend.reference.Elements.size;
import static dev.firesteel.backend.reference.Scalars.logSumExp;

import dev.firesteel.array.HeapStorage;
import dev.firesteel.array.IntStorage;
import dev.firesteel.array.NdArray;
import dev.firesteel.backend.IdChecks;
import dev.firesteel.backend.LossKernels;

/** The formulas of {@link LossKernels} as plain loops. */
final class ReferenceLosses implements LossKernels {
  @Override
  public void crossEntropy(NdArray logits, NdArray targets, NdArray losses, NdArray logSumExp) {
    Elements from = Elements.of(logits);
    Elements result = Elements.result(losses);
    Elements kept = Elements.result(logSumExp);
    int width = logits.shape().last();
    requireTargets(targets, width);
    double[] row = new double[width];
    for (int m = 0; m < logits.shape().rows(); m++) {
      for (int v = 0; v < width; v++) {
        row[v] = from.get(m * width + v);
      }
      int target = intAt(targets, m);
      double rowLogSumExp = logSumExp(row, width);
      kept.set(m, rowLogSumExp);
      result.set(m, target < 0 ? 0 : rowLogSumExp - row[target]);
    }
  }

  @Override
  public void crossEntropyBackward(
      NdArray logits, NdArray targets, NdArray logSumExp, NdArray dLosses, NdArray dLogits) {
    Elements from = Elements.of(logits);
    Elements logSums = Elements.of(logSumExp);
    Elements gradient = Elements.of(dLosses);
    Elements result = Elements.result(dLogits);
    int width = logits.shape().last();
    requireTargets(targets, width);
    for (int m = 0; m < logits.shape().rows(); m++) {
      int target = intAt(targets, m);
      for (int v = 0; v < width; v++) {
        int at = m * width + v;
        double probability = StrictMath.exp(from.get(at) - logSums.get(m));
        result.set(at, target < 0 ? 0 : gradient.get(m) * (probability - (v == target ? 1 : 0)));
      }
    }
  }

  @Override
  public void linearCrossEntropy(
      NdArray x, NdArray w, NdArray targets, double scale, NdArray losses, NdArray dx, NdArray dw) {
    Elements input = Elements.of(x);
    Elements weight = Elements.of(w);
    Elements result = Elements.result(losses);
    int vocabulary = w.shape().dim(0);
    requireTargets(targets, vocabulary);
    int width = w.shape().dim(1);
    double[] dInput = new double[size(x)];
    double[] dWeight = new double[size(w)];
    double[] logits = new double[vocabulary];
    for (int m = 0; m < x.shape().rows(); m++) {
      int target = intAt(targets, m);
      if (target < 0) {
        result.set(m, 0);
        continue;
      }
      for (int v = 0; v < vocabulary; v++) {
        logits[v] = 0;
        for (int c = 0; c < width; c++) {
          logits[v] += input.get(m * width + c) * weight.get(v * width + c);
        }
      }
      double logSumExp = logSumExp(logits, vocabulary);
      result.set(m, logSumExp - logits[target]);
      for (int v = 0; v < vocabulary; v++) {
        double probability = StrictMath.exp(logits[v] - logSumExp);
        double dLogit = scale * (probability - (v == target ? 1 : 0));
        for (int c = 0; c < width; c++) {
          dInput[m * width + c] += dLogit * weight.get(v * width + c);
          dWeight[v * width + c] += dLogit * input.get(m * width + c);
        }
      }
    }
    if (dx != null) {
      Elements.setAll(dx, dInput);
    }
    if (dw != null) {
      Elements.setAll(dw, dWeight);
    }
  }

  private static void requireTargets(NdArray targets, int vocabulary) {
    IdChecks.requireTargets(
        IntStorage.of(targets), HeapStorage.offset(targets), size(targets), vocabulary);
  }
}
