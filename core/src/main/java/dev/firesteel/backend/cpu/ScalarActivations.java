package dev.firesteel.backend.cpu;

import static dev.firesteel.backend.cpu.Transcendentals.DENSITY_AT_ZERO;
import static dev.firesteel.backend.cpu.Transcendentals.gaussian;
import static dev.firesteel.backend.cpu.Transcendentals.normalCdf;
import static dev.firesteel.backend.cpu.Transcendentals.sigmoidOdds;

/** The activations in plain Java: the definition of their results. */
final class ScalarActivations implements ActivationSimd {
  @Override
  public void sigmoidGated(
      float linear, float cubic, float[] x, int xOffset, float[] out, int outOffset, int size) {
    for (int i = 0; i < size; i++) {
      float value = x[xOffset + i];
      float odds = sigmoidOdds(value, value * (value * cubic * value + linear));
      out[outOffset + i] = value / (1f + odds);
    }
  }

  @Override
  public void sigmoidGatedBackward(
      float linear,
      float cubic,
      float[] x,
      int xOffset,
      float[] dy,
      int dyOffset,
      float[] dx,
      int dxOffset,
      int size) {
    for (int i = 0; i < size; i++) {
      float value = x[xOffset + i];
      float square = value * cubic * value;
      float odds = sigmoidOdds(value, value * (square + linear));
      float sigmoid = 1f / (1f + odds);
      float inner = Math.fma(square, 3f, linear);
      float slope = Math.fma(inner * value, odds * sigmoid * sigmoid, sigmoid);
      dx[dxOffset + i] = dy[dyOffset + i] * slope;
    }
  }

  @Override
  public void normalGated(float[] x, int xOffset, float[] out, int outOffset, int size) {
    for (int i = 0; i < size; i++) {
      float value = x[xOffset + i];
      out[outOffset + i] = value * normalCdf(value, gaussian(value));
    }
  }

  @Override
  public void normalGatedBackward(
      float[] x, int xOffset, float[] dy, int dyOffset, float[] dx, int dxOffset, int size) {
    for (int i = 0; i < size; i++) {
      float value = x[xOffset + i];
      float gaussian = gaussian(value);
      float slope = Math.fma(value * DENSITY_AT_ZERO, gaussian, normalCdf(value, gaussian));
      dx[dxOffset + i] = dy[dyOffset + i] * slope;
    }
  }

  @Override
  public void swiGlu(
      float[] gateUp, int gateOffset, int upOffset, float[] out, int outOffset, int size) {
    for (int i = 0; i < size; i++) {
      float gate = gateUp[gateOffset + i];
      out[outOffset + i] = gate / (1f + sigmoidOdds(gate, gate)) * gateUp[upOffset + i];
    }
  }

  @Override
  public void swiGluBackward(
      float[] gateUp,
      int gateOffset,
      int upOffset,
      float[] dy,
      int dyOffset,
      float[] dGateUp,
      int dGateOffset,
      int dUpOffset,
      int size) {
    for (int i = 0; i < size; i++) {
      float gate = gateUp[gateOffset + i];
      float gradient = dy[dyOffset + i];
      float odds = sigmoidOdds(gate, gate);
      float sigmoid = 1f / (1f + odds);
      float silu = gate * sigmoid;
      float slope = Math.fma(silu, odds * sigmoid, sigmoid);
      dGateUp[dGateOffset + i] = gradient * gateUp[upOffset + i] * slope;
      dGateUp[dUpOffset + i] = gradient * silu;
    }
  }
}
