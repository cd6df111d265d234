package dev.firesteel.backend.cpu;

import static dev.firesteel.backend.cpu.Simd.LANES;
import static dev.firesteel.backend.cpu.VectorConstants.LENGTH;
import static dev.firesteel.backend.cpu.VectorConstants.SPECIES;
import static dev.firesteel.backend.cpu.VectorConstants.VECTOR;
import static dev.firesteel.backend.cpu.VectorConstants.otherClass;

import jdk.incubator.vector.FloatVector;

/** The norms on the Vector API, under the rules of {@link VectorSimd}. */
final class VectorNorms implements NormSimd {

  private final float[] gLanes = new float[LANES];
  private final float[] ghLanes = new float[LANES];

  @Override
  public void normalize(
      float[] x,
      int xOffset,
      float mean,
      float rstd,
      float[] gain,
      int gainOffset,
      float[] bias,
      int biasOffset,
      float[] out,
      int outOffset,
      int size) {
    FloatVector means = FloatVector.broadcast(SPECIES, mean);
    FloatVector deviations = FloatVector.broadcast(SPECIES, rstd);
    int whole = size - size % LENGTH;
    for (int i = 0; i < whole; i += LENGTH) {
      FloatVector h = FloatVector.fromArray(SPECIES, x, xOffset + i).sub(means).mul(deviations);
      FloatVector factor = FloatVector.fromArray(SPECIES, gain, gainOffset + i);
      if (bias == null) {
        h.mul(factor).intoArray(out, outOffset + i);
      } else {
        h.fma(factor, FloatVector.fromArray(SPECIES, bias, biasOffset + i))
            .intoArray(out, outOffset + i);
      }
    }
    for (int i = whole; i < size; i++) {
      float h = (x[xOffset + i] - mean) * rstd;
      float factor = gain[gainOffset + i];
      out[outOffset + i] = bias == null ? h * factor : Math.fma(h, factor, bias[biasOffset + i]);
    }
  }

  @Override
  public void backward(
      float[] x,
      int xOffset,
      float mean,
      float rstd,
      boolean centred,
      float[] gain,
      int gainOffset,
      float[] dy,
      int dyOffset,
      float[] sums,
      int sumsOffset,
      float[] dx,
      int dxOffset,
      boolean add,
      int size) {
    addSums(x, xOffset, mean, rstd, gain, gainOffset, dy, dyOffset, sums, sumsOffset, size);
    if (dx != null) {
      float gMean = centred ? Simd.addInHalves(gLanes) / size : 0f;
      float ghMean = Simd.addInHalves(ghLanes) / size;
      inputGradient(
          x,
          xOffset,
          mean,
          rstd,
          gain,
          gainOffset,
          dy,
          dyOffset,
          gMean,
          ghMean,
          dx,
          dxOffset,
          add,
          size);
    }
  }

  /** The sums over rows, and in the lanes those over the row of g and of g h. */
  private void addSums(
      float[] x,
      int xOffset,
      float mean,
      float rstd,
      float[] gain,
      int gainOffset,
      float[] dy,
      int dyOffset,
      float[] sums,
      int sumsOffset,
      int size) {
    FloatVector means = FloatVector.broadcast(SPECIES, mean);
    FloatVector deviations = FloatVector.broadcast(SPECIES, rstd);
    int whole = size - size % LANES;
    for (int lane = 0; lane < LANES; lane += LENGTH) {
      FloatVector gSum = FloatVector.zero(SPECIES);
      FloatVector ghSum = FloatVector.zero(SPECIES);
      for (int i = lane; i < whole; i += LANES) {
        FloatVector value = FloatVector.fromArray(SPECIES, x, xOffset + i);
        FloatVector gradient = FloatVector.fromArray(SPECIES, dy, dyOffset + i);
        if (value.getClass() != VECTOR || gradient.getClass() != VECTOR) {
          throw otherClass();
        }
        FloatVector h = value.sub(means).mul(deviations);
        FloatVector g = gradient.mul(FloatVector.fromArray(SPECIES, gain, gainOffset + i));
        gSum = g.add(gSum);
        ghSum = g.fma(h, ghSum);
        int gainSum = sumsOffset + i;
        gradient.fma(h, FloatVector.fromArray(SPECIES, sums, gainSum)).intoArray(sums, gainSum);
        int biasSum = gainSum + size;
        gradient.add(FloatVector.fromArray(SPECIES, sums, biasSum)).intoArray(sums, biasSum);
      }
      if (gSum.getClass() != VECTOR || ghSum.getClass() != VECTOR) {
        throw otherClass();
      }
      gSum.intoArray(gLanes, lane);
      ghSum.intoArray(ghLanes, lane);
    }
    for (int i = whole; i < size; i++) {
      float h = (x[xOffset + i] - mean) * rstd;
      float gradient = dy[dyOffset + i];
      float g = gradient * gain[gainOffset + i];
      gLanes[i - whole] += g;
      ghLanes[i - whole] = Math.fma(g, h, ghLanes[i - whole]);
      sums[sumsOffset + i] = Math.fma(gradient, h, sums[sumsOffset + i]);
      sums[sumsOffset + size + i] += gradient;
    }
  }

  private static void inputGradient(
      float[] x,
      int xOffset,
      float mean,
      float rstd,
      float[] gain,
      int gainOffset,
      float[] dy,
      int dyOffset,
      float gMean,
      float ghMean,
      float[] dx,
      int dxOffset,
      boolean add,
      int size) {
    FloatVector means = FloatVector.broadcast(SPECIES, mean);
    FloatVector deviations = FloatVector.broadcast(SPECIES, rstd);
    FloatVector gMeans = FloatVector.broadcast(SPECIES, gMean);
    FloatVector ghMeans = FloatVector.broadcast(SPECIES, ghMean);
    int whole = size - size % LENGTH;
    for (int i = 0; i < whole; i += LENGTH) {
      FloatVector value = FloatVector.fromArray(SPECIES, x, xOffset + i);
      FloatVector gradient = FloatVector.fromArray(SPECIES, dy, dyOffset + i);
      if (value.getClass() != VECTOR || gradient.getClass() != VECTOR) {
        throw otherClass();
      }
      FloatVector h = value.sub(means).mul(deviations);
      FloatVector g = gradient.mul(FloatVector.fromArray(SPECIES, gain, gainOffset + i));
      FloatVector rest = g.sub(h.fma(ghMeans, gMeans));
      int to = dxOffset + i;
      if (add) {
        rest.fma(deviations, FloatVector.fromArray(SPECIES, dx, to)).intoArray(dx, to);
      } else {
        rest.mul(deviations).intoArray(dx, to);
      }
    }
    for (int i = whole; i < size; i++) {
      float h = (x[xOffset + i] - mean) * rstd;
      float g = dy[dyOffset + i] * gain[gainOffset + i];
      float rest = g - Math.fma(h, ghMean, gMean);
      dx[dxOffset + i] = add ? Math.fma(rest, rstd, dx[dxOffset + i]) : rest * rstd;
    }
  }
}
