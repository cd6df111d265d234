package dev.firesteel.backend.reference;

import dev.firesteel.array.NdArray;
import dev.firesteel.backend.Backend.Write;
import dev.firesteel.backend.NormKernels;
import dev.firesteel.backend.ReductionKernels;

/** The formulas of {@link NormKernels} as plain loops. */
final class ReferenceNorms implements NormKernels {
  private final ReductionKernels reductions;

  ReferenceNorms(ReductionKernels reductions) {
    this.reductions = reductions;
  }

  @Override
  public void layerNorm(
      NdArray x,
      NdArray gain,
      NdArray bias,
      double epsilon,
      NdArray out,
      NdArray mean,
      NdArray rstd) {
    Elements from = Elements.of(x);
    Elements factor = Elements.of(gain);
    Elements offset = Elements.orNull(bias);
    Elements result = Elements.result(out);
    Elements means = Elements.result(mean);
    Elements rstds = Elements.result(rstd);
    int width = x.shape().last();
    for (int row = 0; row < x.shape().rows(); row++) {
      double sum = 0;
      for (int j = 0; j < width; j++) {
        sum += from.get(row * width + j);
      }
      double rowMean = sum / width;
      double squares = 0;
      for (int j = 0; j < width; j++) {
        double centred = from.get(row * width + j) - rowMean;
        squares += centred * centred;
      }
      double rowRstd = 1 / StrictMath.sqrt(squares / width + epsilon);
      means.set(row, rowMean);
      rstds.set(row, rowRstd);
      for (int j = 0; j < width; j++) {
        double normal = (from.get(row * width + j) - rowMean) * rowRstd;
        result.set(row * width + j, normal * factor.get(j) + (offset == null ? 0 : offset.get(j)));
      }
    }
  }

  @Override
  public void layerNormBackward(
      NdArray x,
      NdArray gain,
      NdArray mean,
      NdArray rstd,
      NdArray dy,
      NdArray dx,
      Write dxWrite,
      NdArray dGain,
      Write dGainWrite,
      NdArray dBias,
      Write dBiasWrite) {
    if (dx != null) {
      layerNormBackwardInput(x, gain, mean, rstd, dy, dx, dxWrite);
    }
    if (dGain != null) {
      layerNormBackwardGain(x, mean, rstd, dy, dGain, dGainWrite);
    }
    if (dBias != null) {
      reductions.sumRows(dy, dBias, dBiasWrite);
    }
  }

  private static void layerNormBackwardInput(
      NdArray x, NdArray gain, NdArray mean, NdArray rstd, NdArray dy, NdArray dx, Write write) {
    Elements from = Elements.of(x);
    Elements factor = Elements.of(gain);
    Elements means = Elements.of(mean);
    Elements rstds = Elements.of(rstd);
    Elements gradient = Elements.of(dy);
    Elements result = Elements.result(dx);
    int width = x.shape().last();
    for (int row = 0; row < x.shape().rows(); row++) {
      double sum = 0;
      double dot = 0;
      for (int j = 0; j < width; j++) {
        int at = row * width + j;
        double g = gradient.get(at) * factor.get(j);
        double normal = (from.get(at) - means.get(row)) * rstds.get(row);
        sum += g;
        dot += g * normal;
      }
      for (int j = 0; j < width; j++) {
        int at = row * width + j;
        double g = gradient.get(at) * factor.get(j);
        double normal = (from.get(at) - means.get(row)) * rstds.get(row);
        result.write(at, rstds.get(row) * (g - sum / width - normal * dot / width), write);
      }
    }
  }

  private static void layerNormBackwardGain(
      NdArray x, NdArray mean, NdArray rstd, NdArray dy, NdArray dGain, Write write) {
    Elements from = Elements.of(x);
    Elements means = Elements.of(mean);
    Elements rstds = Elements.of(rstd);
    Elements gradient = Elements.of(dy);
    Elements result = Elements.result(dGain);
    int width = x.shape().last();
    for (int j = 0; j < width; j++) {
      double sum = 0;
      for (int row = 0; row < x.shape().rows(); row++) {
        int at = row * width + j;
        sum += gradient.get(at) * (from.get(at) - means.get(row)) * rstds.get(row);
      }
      result.write(j, sum, write);
    }
  }

  @Override
  public void rmsNorm(NdArray x, NdArray gain, double epsilon, NdArray out, NdArray rstd) {
    Elements from = Elements.of(x);
    Elements factor = Elements.of(gain);
    Elements result = Elements.result(out);
    Elements rstds = Elements.result(rstd);
    int width = x.shape().last();
    for (int row = 0; row < x.shape().rows(); row++) {
      double squares = 0;
      for (int j = 0; j < width; j++) {
        squares += from.get(row * width + j) * from.get(row * width + j);
      }
      double rowRstd = 1 / StrictMath.sqrt(squares / width + epsilon);
      rstds.set(row, rowRstd);
      for (int j = 0; j < width; j++) {
        result.set(row * width + j, from.get(row * width + j) * rowRstd * factor.get(j));
      }
    }
  }

  @Override
  public void rmsNormBackward(
      NdArray x,
      NdArray gain,
      NdArray rstd,
      NdArray dy,
      NdArray dx,
      Write dxWrite,
      NdArray dGain,
      Write dGainWrite) {
    if (dx != null) {
      rmsNormBackwardInput(x, gain, rstd, dy, dx, dxWrite);
    }
    if (dGain != null) {
      rmsNormBackwardGain(x, rstd, dy, dGain, dGainWrite);
    }
  }

  private static void rmsNormBackwardInput(
      NdArray x, NdArray gain, NdArray rstd, NdArray dy, NdArray dx, Write write) {
    Elements from = Elements.of(x);
    Elements factor = Elements.of(gain);
    Elements rstds = Elements.of(rstd);
    Elements gradient = Elements.of(dy);
    Elements result = Elements.result(dx);
    int width = x.shape().last();
    for (int row = 0; row < x.shape().rows(); row++) {
      double r = rstds.get(row);
      double dot = 0;
      for (int j = 0; j < width; j++) {
        int at = row * width + j;
        dot += gradient.get(at) * factor.get(j) * from.get(at);
      }
      for (int j = 0; j < width; j++) {
        int at = row * width + j;
        double g = gradient.get(at) * factor.get(j);
        result.write(at, r * (g - from.get(at) * r * r * dot / width), write);
      }
    }
  }

  private static void rmsNormBackwardGain(
      NdArray x, NdArray rstd, NdArray dy, NdArray dGain, Write write) {
    Elements from = Elements.of(x);
    Elements rstds = Elements.of(rstd);
    Elements gradient = Elements.of(dy);
    Elements result = Elements.result(dGain);
    int width = x.shape().last();
    for (int j = 0; j < width; j++) {
      double sum = 0;
      for (int row = 0; row < x.shape().rows(); row++) {
        int at = row * width + j;
        sum += gradient.get(at) * from.get(at) * rstds.get(row);
      }
      result.write(j, sum, write);
    }
  }
}
