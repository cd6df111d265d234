package dev.firesteel.backend.cpu;

import static dev.firesteel.array.HeapStorage.offset;
import static dev.firesteel.backend.cpu.Tiles.written;

import dev.firesteel.array.FloatStorage;
import dev.firesteel.array.NdArray;
import dev.firesteel.backend.Backend.Write;
import dev.firesteel.backend.NormKernels;

/** Norms, a row at a time. */
final class CpuNorms implements NormKernels {
  private final Tiles tiles;
  private final RowReduction rowReduction;

  CpuNorms(Tiles tiles, RowReduction rowReduction) {
    this.tiles = tiles;
    this.rowReduction = rowReduction;
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
    float[] from = FloatStorage.of(x);
    float[] factor = FloatStorage.of(gain);
    float[] shift = bias == null ? null : FloatStorage.of(bias);
    int shiftStart = bias == null ? 0 : offset(bias);
    float[] to = written(out);
    float[] means = written(mean);
    float[] rstds = written(rstd);
    int width = x.shape().last();
    int fromStart = offset(x);
    int factorStart = offset(gain);
    int toStart = offset(out);
    int meanStart = offset(mean);
    int rstdStart = offset(rstd);
    tiles.overRows(
        x.shape().rows(),
        width,
        (row, worker) -> {
          int at = fromStart + row * width;
          float center = Norms.mean(worker.simd(), from, at, width);
          float r = Norms.reciprocalDeviation(worker.simd(), from, at, width, center, epsilon);
          means[meanStart + row] = center;
          rstds[rstdStart + row] = r;
          worker
              .simd()
              .norms()
              .normalize(
                  from,
                  at,
                  center,
                  r,
                  factor,
                  factorStart,
                  shift,
                  shiftStart,
                  to,
                  toStart + row * width,
                  width);
        });
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
    normBackward(x, gain, mean, rstd, dy, dx, dxWrite, dGain, dGainWrite);
    if (dBias != null) {
      rowReduction.total(x.shape().last(), dBias, dBiasWrite);
    }
  }

  @Override
  public void rmsNorm(NdArray x, NdArray gain, double epsilon, NdArray out, NdArray rstd) {
    float[] from = FloatStorage.of(x);
    float[] factor = FloatStorage.of(gain);
    float[] to = written(out);
    float[] rstds = written(rstd);
    int width = x.shape().last();
    int fromStart = offset(x);
    int factorStart = offset(gain);
    int toStart = offset(out);
    int rstdStart = offset(rstd);
    tiles.overRows(
        x.shape().rows(),
        width,
        (row, worker) -> {
          int at = fromStart + row * width;
          float r = Norms.reciprocalDeviation(worker.simd(), from, at, width, 0f, epsilon);
          rstds[rstdStart + row] = r;
          worker
              .simd()
              .norms()
              .normalize(
                  from, at, 0f, r, factor, factorStart, null, 0, to, toStart + row * width, width);
        });
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
    normBackward(x, gain, null, rstd, dy, dx, dxWrite, dGain, dGainWrite);
  }

  /** Without {@code mean} it is RMSNorm's. The bias's gradient is summed later. */
  private void normBackward(
      NdArray x,
      NdArray gain,
      NdArray mean,
      NdArray rstd,
      NdArray dy,
      NdArray dx,
      Write dxWrite,
      NdArray dGain,
      Write dGainWrite) {
    float[] from = FloatStorage.of(x);
    float[] factor = FloatStorage.of(gain);
    float[] means = mean == null ? null : FloatStorage.of(mean);
    int meanStart = mean == null ? 0 : offset(mean);
    float[] rstds = FloatStorage.of(rstd);
    float[] gradient = FloatStorage.of(dy);
    float[] to = dx == null ? null : written(dx);
    int toStart = dx == null ? 0 : offset(dx);
    int width = x.shape().last();
    int fromStart = offset(x);
    int factorStart = offset(gain);
    int rstdStart = offset(rstd);
    int gradientStart = offset(dy);
    rowReduction.addRows(
        x.shape().rows(),
        2 * width,
        (row, sums, at, worker) ->
            worker
                .simd()
                .norms()
                .backward(
                    from,
                    fromStart + row * width,
                    means == null ? 0f : means[meanStart + row],
                    rstds[rstdStart + row],
                    means != null,
                    factor,
                    factorStart,
                    gradient,
                    gradientStart + row * width,
                    sums,
                    at,
                    to,
                    toStart + row * width,
                    dxWrite == Write.ADD,
                    width));
    if (dGain != null) {
      rowReduction.total(0, dGain, dGainWrite);
    }
  }
}
