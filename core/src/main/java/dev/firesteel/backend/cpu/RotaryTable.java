package dev.firesteel.backend.cpu;

import dev.firesteel.backend.RopeScaling;
import dev.firesteel.backend.RopeSpec;

/** Cosines and sines of a {@link RopeSpec} for the positions seen so far. */
final class RotaryTable {
  private final int headWidth;
  private final double theta;
  private final RopeScaling scaling;
  private int positions;
  private float[] cosines = new float[0];
  private float[] sines = new float[0];

  RotaryTable(RopeSpec spec) {
    headWidth = spec.headWidth();
    theta = spec.theta();
    scaling = spec.scaling();
  }

  boolean fits(RopeSpec spec) {
    return spec.headWidth() == headWidth && spec.theta() == theta && spec.scaling().equals(scaling);
  }

  /** Computes the table for positions below {@code needed}, if it is shorter. */
  void extend(RopeSpec spec, int needed) {
    if (needed <= positions) {
      return;
    }
    int pairs = headWidth / 2;
    int longer = Math.max(needed, Math.max(256, 2 * positions));
    cosines = new float[Math.multiplyExact(longer, pairs)];
    sines = new float[longer * pairs];
    for (int position = 0; position < longer; position++) {
      for (int pair = 0; pair < pairs; pair++) {
        cosines[position * pairs + pair] = (float) spec.cosine(position, pair);
        sines[position * pairs + pair] = (float) spec.sine(position, pair);
      }
    }
    positions = longer;
  }

  /** Rotates the heads of one row. */
  void turn(
      ElementwiseSimd kernels,
      RopeSpec spec,
      int position,
      boolean inverse,
      float[] x,
      int xRow,
      float[] out,
      int outRow) {
    int pairs = headWidth / 2;
    int angles = position * pairs;
    float sign = inverse ? -1f : 1f;
    for (int head = 0; head < spec.heads(); head++) {
      int from = xRow + head * headWidth;
      int to = outRow + head * headWidth;
      switch (spec.layout()) {
        case HALF -> kernels.turn(cosines, sines, angles, sign, x, from, out, to, pairs);
        case INTERLEAVED -> turnNeighbours(pairs, angles, sign, x, from, out, to);
      }
    }
  }

  private void turnNeighbours(
      int pairs, int angles, float sign, float[] x, int from, float[] out, int to) {
    for (int i = 0; i < pairs; i++) {
      float cos = cosines[angles + i];
      float sin = sign * sines[angles + i];
      float first = x[from + 2 * i];
      float second = x[from + 2 * i + 1];
      out[to + 2 * i] = first * cos - second * sin;
      out[to + 2 * i + 1] = first * sin + second * cos;
    }
  }
}
