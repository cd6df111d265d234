package dev.firesteel.backend.cpu;

import static dev.firesteel.array.HeapStorage.offset;
import static dev.firesteel.backend.cpu.Tiles.size;
import static dev.firesteel.backend.cpu.Tiles.written;

import dev.firesteel.array.FloatStorage;
import dev.firesteel.array.NdArray;
import dev.firesteel.backend.AdamWStep;
import dev.firesteel.backend.OptimizerKernels;

/** Weight updates, in tiles. */
final class CpuOptimizer implements OptimizerKernels {
  private final Tiles tiles;

  CpuOptimizer(Tiles tiles) {
    this.tiles = tiles;
  }

  @Override
  public void adamW(
      AdamWStep step,
      NdArray gradients,
      NdArray firstMoments,
      NdArray secondMoments,
      NdArray weights) {
    float[] g = FloatStorage.of(gradients);
    float[] m = written(firstMoments);
    float[] v = written(secondMoments);
    float[] w = written(weights);
    int gStart = offset(gradients);
    int mStart = offset(firstMoments);
    int vStart = offset(secondMoments);
    int wStart = offset(weights);
    AdamWFactors factors = AdamWFactors.of(step);
    tiles.overRange(
        size(weights),
        (start, length, worker) ->
            worker
                .simd()
                .elementwise()
                .adamW(
                    factors,
                    g,
                    gStart + start,
                    m,
                    mStart + start,
                    v,
                    vStart + start,
                    w,
                    wStart + start,
                    length));
  }
}
