package dev.firesteel.backend.cpu;

import static dev.firesteel.backend.cpu.Transcendentals.BOUND_BITS;
import static dev.firesteel.backend.cpu.Transcendentals.DENSITY_AT_ZERO;
import static dev.firesteel.backend.cpu.Transcendentals.E0;
import static dev.firesteel.backend.cpu.Transcendentals.E1;
import static dev.firesteel.backend.cpu.Transcendentals.E2;
import static dev.firesteel.backend.cpu.Transcendentals.E3;
import static dev.firesteel.backend.cpu.Transcendentals.E4;
import static dev.firesteel.backend.cpu.Transcendentals.LOG2_E;
import static dev.firesteel.backend.cpu.Transcendentals.MAGNITUDE;
import static dev.firesteel.backend.cpu.Transcendentals.MINUS_LN2_HIGH;
import static dev.firesteel.backend.cpu.Transcendentals.MINUS_LN2_LOW;
import static dev.firesteel.backend.cpu.Transcendentals.N0;
import static dev.firesteel.backend.cpu.Transcendentals.N1;
import static dev.firesteel.backend.cpu.Transcendentals.N2;
import static dev.firesteel.backend.cpu.Transcendentals.N3;
import static dev.firesteel.backend.cpu.Transcendentals.N4;
import static dev.firesteel.backend.cpu.Transcendentals.N5;
import static dev.firesteel.backend.cpu.Transcendentals.N6;
import static dev.firesteel.backend.cpu.Transcendentals.N7;
import static dev.firesteel.backend.cpu.Transcendentals.N8;
import static dev.firesteel.backend.cpu.Transcendentals.N9;
import static dev.firesteel.backend.cpu.Transcendentals.ROUNDER;
import static dev.firesteel.backend.cpu.Transcendentals.SIGN;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * The activations on the Vector API, under the rules of {@link VectorSimd}: no method takes or
 * returns a vector, so the exponential of a bounded argument ({@link Transcendentals#boundedExp})
 * is written out in each kernel. What is left after the last whole vector goes to {@link
 * ScalarActivations}.
 */
final class VectorActivations implements ActivationKernels {
  private static final VectorSpecies<Float> SPECIES = FloatVector.SPECIES_PREFERRED;
  private static final int LENGTH = SPECIES.length();

  private final ActivationKernels scalar = new ScalarActivations();

  @Override
  public void sigmoidGated(
      float linear, float cubic, float[] x, int xOffset, float[] out, int outOffset, int size) {
    int whole = size - size % LENGTH;
    for (int i = 0; i < whole; i += LENGTH) {
      FloatVector value = FloatVector.fromArray(SPECIES, x, xOffset + i);
      FloatVector z = value.mul(cubic).mul(value).add(linear).mul(value);
      IntVector bounded = z.reinterpretAsInts().and(MAGNITUDE).min(BOUND_BITS);
      IntVector sign = value.neg().reinterpretAsInts().and(SIGN);
      FloatVector argument = bounded.or(sign).reinterpretAsFloats();
      FloatVector shifted = argument.fma(LOG2_E, ROUNDER);
      FloatVector exponent = shifted.sub(ROUNDER);
      FloatVector r = FloatVector.broadcast(SPECIES, MINUS_LN2_HIGH).fma(exponent, argument);
      r = FloatVector.broadcast(SPECIES, MINUS_LN2_LOW).fma(exponent, r);
      FloatVector q = r.fma(E4, E3);
      q = q.fma(r, FloatVector.broadcast(SPECIES, E2));
      q = q.fma(r, FloatVector.broadcast(SPECIES, E1));
      q = q.fma(r, FloatVector.broadcast(SPECIES, E0));
      IntVector fraction = q.mul(r).fma(r, r).add(1f).reinterpretAsInts();
      IntVector scale = shifted.reinterpretAsInts().lanewise(VectorOperators.LSHL, 23);
      FloatVector odds = fraction.add(scale).reinterpretAsFloats();
      value.div(odds.add(1f)).intoArray(out, outOffset + i);
    }
    scalar.sigmoidGated(linear, cubic, x, xOffset + whole, out, outOffset + whole, size - whole);
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
    int whole = size - size % LENGTH;
    for (int i = 0; i < whole; i += LENGTH) {
      FloatVector value = FloatVector.fromArray(SPECIES, x, xOffset + i);
      FloatVector square = value.mul(cubic).mul(value);
      FloatVector z = square.add(linear).mul(value);
      IntVector bounded = z.reinterpretAsInts().and(MAGNITUDE).min(BOUND_BITS);
      IntVector sign = value.neg().reinterpretAsInts().and(SIGN);
      FloatVector argument = bounded.or(sign).reinterpretAsFloats();
      FloatVector shifted = argument.fma(LOG2_E, ROUNDER);
      FloatVector exponent = shifted.sub(ROUNDER);
      FloatVector r = FloatVector.broadcast(SPECIES, MINUS_LN2_HIGH).fma(exponent, argument);
      r = FloatVector.broadcast(SPECIES, MINUS_LN2_LOW).fma(exponent, r);
      FloatVector q = r.fma(E4, E3);
      q = q.fma(r, FloatVector.broadcast(SPECIES, E2));
      q = q.fma(r, FloatVector.broadcast(SPECIES, E1));
      q = q.fma(r, FloatVector.broadcast(SPECIES, E0));
      IntVector fraction = q.mul(r).fma(r, r).add(1f).reinterpretAsInts();
      IntVector scale = shifted.reinterpretAsInts().lanewise(VectorOperators.LSHL, 23);
      FloatVector odds = fraction.add(scale).reinterpretAsFloats();
      FloatVector sigmoid = FloatVector.broadcast(SPECIES, 1f).div(odds.add(1f));
      FloatVector inner = square.fma(3f, linear).mul(value);
      FloatVector slope = inner.fma(odds.mul(sigmoid).mul(sigmoid), sigmoid);
      FloatVector.fromArray(SPECIES, dy, dyOffset + i).mul(slope).intoArray(dx, dxOffset + i);
    }
    scalar.sigmoidGatedBackward(
        linear,
        cubic,
        x,
        xOffset + whole,
        dy,
        dyOffset + whole,
        dx,
        dxOffset + whole,
        size - whole);
  }

  @Override
  public void normalGated(float[] x, int xOffset, float[] out, int outOffset, int size) {
    FloatVector one = FloatVector.broadcast(SPECIES, 1f);
    int whole = size - size % LENGTH;
    for (int i = 0; i < whole; i += LENGTH) {
      FloatVector value = FloatVector.fromArray(SPECIES, x, xOffset + i);
      IntVector half = value.mul(value).mul(0.5f).reinterpretAsInts().and(MAGNITUDE);
      FloatVector argument = half.min(BOUND_BITS).or(SIGN).reinterpretAsFloats();
      FloatVector shifted = argument.fma(LOG2_E, ROUNDER);
      FloatVector exponent = shifted.sub(ROUNDER);
      FloatVector r = FloatVector.broadcast(SPECIES, MINUS_LN2_HIGH).fma(exponent, argument);
      r = FloatVector.broadcast(SPECIES, MINUS_LN2_LOW).fma(exponent, r);
      FloatVector q = r.fma(E4, E3);
      q = q.fma(r, FloatVector.broadcast(SPECIES, E2));
      q = q.fma(r, FloatVector.broadcast(SPECIES, E1));
      q = q.fma(r, FloatVector.broadcast(SPECIES, E0));
      IntVector fraction = q.mul(r).fma(r, r).add(1f).reinterpretAsInts();
      IntVector scale = shifted.reinterpretAsInts().lanewise(VectorOperators.LSHL, 23);
      FloatVector gaussian = fraction.add(scale).reinterpretAsFloats();
      FloatVector w = one.div(value.abs().fma(FloatVector.broadcast(SPECIES, 0.25f), one));
      FloatVector p = w.fma(N9, N8);
      p = p.fma(w, FloatVector.broadcast(SPECIES, N7));
      p = p.fma(w, FloatVector.broadcast(SPECIES, N6));
      p = p.fma(w, FloatVector.broadcast(SPECIES, N5));
      p = p.fma(w, FloatVector.broadcast(SPECIES, N4));
      p = p.fma(w, FloatVector.broadcast(SPECIES, N3));
      p = p.fma(w, FloatVector.broadcast(SPECIES, N2));
      p = p.fma(w, FloatVector.broadcast(SPECIES, N1));
      p = p.fma(w, FloatVector.broadcast(SPECIES, N0));
      FloatVector tail = p.mul(gaussian);
      FloatVector cdf = tail.blend(one.sub(tail), value.compare(VectorOperators.GT, 0f));
      value.mul(cdf).intoArray(out, outOffset + i);
    }
    scalar.normalGated(x, xOffset + whole, out, outOffset + whole, size - whole);
  }

  @Override
  public void normalGatedBackward(
      float[] x, int xOffset, float[] dy, int dyOffset, float[] dx, int dxOffset, int size) {
    FloatVector one = FloatVector.broadcast(SPECIES, 1f);
    int whole = size - size % LENGTH;
    for (int i = 0; i < whole; i += LENGTH) {
      FloatVector value = FloatVector.fromArray(SPECIES, x, xOffset + i);
      IntVector half = value.mul(value).mul(0.5f).reinterpretAsInts().and(MAGNITUDE);
      FloatVector argument = half.min(BOUND_BITS).or(SIGN).reinterpretAsFloats();
      FloatVector shifted = argument.fma(LOG2_E, ROUNDER);
      FloatVector exponent = shifted.sub(ROUNDER);
      FloatVector r = FloatVector.broadcast(SPECIES, MINUS_LN2_HIGH).fma(exponent, argument);
      r = FloatVector.broadcast(SPECIES, MINUS_LN2_LOW).fma(exponent, r);
      FloatVector q = r.fma(E4, E3);
      q = q.fma(r, FloatVector.broadcast(SPECIES, E2));
      q = q.fma(r, FloatVector.broadcast(SPECIES, E1));
      q = q.fma(r, FloatVector.broadcast(SPECIES, E0));
      IntVector fraction = q.mul(r).fma(r, r).add(1f).reinterpretAsInts();
      IntVector scale = shifted.reinterpretAsInts().lanewise(VectorOperators.LSHL, 23);
      FloatVector gaussian = fraction.add(scale).reinterpretAsFloats();
      FloatVector w = one.div(value.abs().fma(FloatVector.broadcast(SPECIES, 0.25f), one));
      FloatVector p = w.fma(N9, N8);
      p = p.fma(w, FloatVector.broadcast(SPECIES, N7));
      p = p.fma(w, FloatVector.broadcast(SPECIES, N6));
      p = p.fma(w, FloatVector.broadcast(SPECIES, N5));
      p = p.fma(w, FloatVector.broadcast(SPECIES, N4));
      p = p.fma(w, FloatVector.broadcast(SPECIES, N3));
      p = p.fma(w, FloatVector.broadcast(SPECIES, N2));
      p = p.fma(w, FloatVector.broadcast(SPECIES, N1));
      p = p.fma(w, FloatVector.broadcast(SPECIES, N0));
      FloatVector tail = p.mul(gaussian);
      FloatVector cdf = tail.blend(one.sub(tail), value.compare(VectorOperators.GT, 0f));
      FloatVector slope = value.mul(DENSITY_AT_ZERO).fma(gaussian, cdf);
      FloatVector.fromArray(SPECIES, dy, dyOffset + i).mul(slope).intoArray(dx, dxOffset + i);
    }
    scalar.normalGatedBackward(
        x, xOffset + whole, dy, dyOffset + whole, dx, dxOffset + whole, size - whole);
  }

  @Override
  public void swiGlu(
      float[] gateUp, int gateOffset, int upOffset, float[] out, int outOffset, int size) {
    int whole = size - size % LENGTH;
    for (int i = 0; i < whole; i += LENGTH) {
      FloatVector gate = FloatVector.fromArray(SPECIES, gateUp, gateOffset + i);
      IntVector bounded = gate.reinterpretAsInts().and(MAGNITUDE).min(BOUND_BITS);
      IntVector sign = gate.neg().reinterpretAsInts().and(SIGN);
      FloatVector argument = bounded.or(sign).reinterpretAsFloats();
      FloatVector shifted = argument.fma(LOG2_E, ROUNDER);
      FloatVector exponent = shifted.sub(ROUNDER);
      FloatVector r = FloatVector.broadcast(SPECIES, MINUS_LN2_HIGH).fma(exponent, argument);
      r = FloatVector.broadcast(SPECIES, MINUS_LN2_LOW).fma(exponent, r);
      FloatVector q = r.fma(E4, E3);
      q = q.fma(r, FloatVector.broadcast(SPECIES, E2));
      q = q.fma(r, FloatVector.broadcast(SPECIES, E1));
      q = q.fma(r, FloatVector.broadcast(SPECIES, E0));
      IntVector fraction = q.mul(r).fma(r, r).add(1f).reinterpretAsInts();
      IntVector scale = shifted.reinterpretAsInts().lanewise(VectorOperators.LSHL, 23);
      FloatVector odds = fraction.add(scale).reinterpretAsFloats();
      FloatVector up = FloatVector.fromArray(SPECIES, gateUp, upOffset + i);
      gate.div(odds.add(1f)).mul(up).intoArray(out, outOffset + i);
    }
    scalar.swiGlu(
        gateUp, gateOffset + whole, upOffset + whole, out, outOffset + whole, size - whole);
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
    int whole = size - size % LENGTH;
    for (int i = 0; i < whole; i += LENGTH) {
      FloatVector gate = FloatVector.fromArray(SPECIES, gateUp, gateOffset + i);
      IntVector bounded = gate.reinterpretAsInts().and(MAGNITUDE).min(BOUND_BITS);
      IntVector sign = gate.neg().reinterpretAsInts().and(SIGN);
      FloatVector argument = bounded.or(sign).reinterpretAsFloats();
      FloatVector shifted = argument.fma(LOG2_E, ROUNDER);
      FloatVector exponent = shifted.sub(ROUNDER);
      FloatVector r = FloatVector.broadcast(SPECIES, MINUS_LN2_HIGH).fma(exponent, argument);
      r = FloatVector.broadcast(SPECIES, MINUS_LN2_LOW).fma(exponent, r);
      FloatVector q = r.fma(E4, E3);
      q = q.fma(r, FloatVector.broadcast(SPECIES, E2));
      q = q.fma(r, FloatVector.broadcast(SPECIES, E1));
      q = q.fma(r, FloatVector.broadcast(SPECIES, E0));
      IntVector fraction = q.mul(r).fma(r, r).add(1f).reinterpretAsInts();
      IntVector scale = shifted.reinterpretAsInts().lanewise(VectorOperators.LSHL, 23);
      FloatVector odds = fraction.add(scale).reinterpretAsFloats();
      FloatVector sigmoid = FloatVector.broadcast(SPECIES, 1f).div(odds.add(1f));
      FloatVector silu = gate.mul(sigmoid);
      FloatVector slope = silu.fma(odds.mul(sigmoid), sigmoid);
      FloatVector gradient = FloatVector.fromArray(SPECIES, dy, dyOffset + i);
      FloatVector up = FloatVector.fromArray(SPECIES, gateUp, upOffset + i);
      gradient.mul(up).mul(slope).intoArray(dGateUp, dGateOffset + i);
      gradient.mul(silu).intoArray(dGateUp, dUpOffset + i);
    }
    scalar.swiGluBackward(
        gateUp,
        gateOffset + whole,
        upOffset + whole,
        dy,
        dyOffset + whole,
        dGateUp,
        dGateOffset + whole,
        dUpOffset + whole,
        size - whole);
  }
}
