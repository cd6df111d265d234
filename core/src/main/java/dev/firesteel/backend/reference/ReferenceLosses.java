package dev.firesteel.backend.reference;

import static dev.firesteel.backend.reference.Elements.intAt;
import static dev.firesteel.backend.reference.Elements.size;
import static dev.firesteel.backend.reference.Scalars.logSumExp;

import dev.firesteel.array.HeapStorage;
import dev.firesteel.array.IntStorage;
import dev.firesteel.array.NdArray;
import dev.firesteel.backend.Backend.Write;
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
      double rowLogSumExp = target < 0 ? 0 : logSumExp(row, width);
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
      logits(input, weight, m, width, 1, logits);
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
    addTo(dx, Write.SET, dInput);
    addTo(dw, Write.SET, dWeight);
  }

  /** {@code logits = x[m] w^T / temperature}. */
  private static void logits(
      Elements input, Elements weight, int m, int width, double temperature, double[] logits) {
    for (int v = 0; v < logits.length; v++) {
      double sum = 0;
      for (int c = 0; c < width; c++) {
        sum += input.get(m * width + c) * weight.get(v * width + c);
      }
      logits[v] = sum / temperature;
    }
  }

  @Override
  public void tokenLosses(
      NdArray x,
      NdArray w,
      NdArray targets,
      double temperature,
      NdArray losses,
      NdArray logSumExp,
      NdArray entropies) {
    Elements input = Elements.of(x);
    Elements weight = Elements.of(w);
    Elements result = Elements.result(losses);
    Elements logSums = Elements.resultOrNull(logSumExp);
    Elements rowEntropies = Elements.resultOrNull(entropies);
    int vocabulary = w.shape().dim(0);
    requireTargets(targets, vocabulary);
    double[] logits = new double[vocabulary];
    for (int m = 0; m < x.shape().rows(); m++) {
      int target = intAt(targets, m);
      double logSum = 0;
      double loss = 0;
      double entropy = 0;
      if (target >= 0) {
        logits(input, weight, m, w.shape().dim(1), temperature, logits);
        logSum = logSumExp(logits, vocabulary);
        loss = logSum - logits[target];
        for (double logit : logits) {
          entropy -= StrictMath.exp(logit - logSum) * (logit - logSum);
        }
      }
      result.set(m, loss);
      if (logSums != null) {
        logSums.set(m, logSum);
      }
      if (rowEntropies != null) {
        rowEntropies.set(m, entropy);
      }
    }
  }

  @Override
  public void tokenLossesBackward(
      NdArray x,
      NdArray w,
      NdArray targets,
      double temperature,
      NdArray logSumExp,
      NdArray entropies,
      NdArray dLosses,
      NdArray dEntropies,
      NdArray dx,
      Write dxWrite,
      NdArray dw,
      Write dwWrite) {
    Elements input = Elements.of(x);
    Elements weight = Elements.of(w);
    int vocabulary = w.shape().dim(0);
    requireTargets(targets, vocabulary);
    int width = w.shape().dim(1);
    double[] dInput = new double[size(x)];
    double[] dWeight = new double[size(w)];
    double[] logits = new double[vocabulary];
    Elements logSums = Elements.of(logSumExp);
    Elements rowEntropies = Elements.orNull(entropies);
    Elements lossGradients = Elements.of(dLosses);
    Elements entropyGradients = Elements.orNull(dEntropies);
    for (int m = 0; m < x.shape().rows(); m++) {
      int target = intAt(targets, m);
      if (target < 0) {
        continue;
      }
      logits(input, weight, m, width, temperature, logits);
      for (int v = 0; v < vocabulary; v++) {
        double logProbability = logits[v] - logSums.get(m);
        double probability = StrictMath.exp(logProbability);
        double dLogit = lossGradients.get(m) * (probability - (v == target ? 1 : 0));
        if (entropyGradients != null) {
          dLogit -= entropyGradients.get(m) * probability * (logProbability + rowEntropies.get(m));
        }
        for (int c = 0; c < width; c++) {
          dInput[m * width + c] += dLogit / temperature * weight.get(v * width + c);
          dWeight[v * width + c] += dLogit / temperature * input.get(m * width + c);
        }
      }
    }
    addTo(dx, dxWrite, dInput);
    addTo(dw, dwWrite, dWeight);
  }

  private static void addTo(NdArray array, Write write, double... values) {
    if (array != null) {
      Elements result = Elements.result(array);
      for (int i = 0; i < values.length; i++) {
        result.write(i, values[i], write);
      }
    }
  }

  private static void requireTargets(NdArray targets, int vocabulary) {
    IdChecks.requireTargets(
        IntStorage.of(targets), HeapStorage.offset(targets), size(targets), vocabulary);
  }
}
