package dev.firesteel.backend.cpu;

import static dev.firesteel.backend.cpu.Transcendentals.BOUND_BITS;
import static dev.firesteel.backend.cpu.Transcendentals.DENSITY_AT_ZERO;
import static dev.firesteel.backend.cpu.Transcendentals.MAGNITUDE;
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
import static dev.firesteel.backend.cpu.Transcendentals.SIGN;
import static dev.firesteel.backend.cpu.VectorConstants.LENGTH;
import static dev.firesteel.backend.cpu.VectorConstants.ONE;
import static dev.firesteel.backend.cpu.VectorConstants.SPECIES;
import static dev.firesteel.backend.cpu.VectorConstants.V_E0;
import static dev.firesteel.backend.cpu.VectorConstants.V_E1;
import static dev.firesteel.backend.cpu.VectorConstants.V_E2;
import static dev.firesteel.backend.cpu.VectorConstants.V_E3;
import static dev.firesteel.backend.cpu.VectorConstants.V_E4;
import static dev.firesteel.backend.cpu.VectorConstants.V_LOG2_E;
import static dev.firesteel.backend.cpu.VectorConstants.V_MINUS_LN2_HIGH;
import static dev.firesteel.backend.cpu.VectorConstants.V_MINUS_LN2_LOW;
import static dev.firesteel.backend.cpu.VectorConstants.V_ROUNDER;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/**
 * The activations on the Vector API, under the rules of {@link VectorSimd}: no method takes or
 * returns a vector. A block of arguments is therefore written to an array that stays in the L1
 * cache, the exponential of a bounded argument ({@link Transcendentals#boundedExp}) replaces them
 * there, and a second loop reads them. The remainder after the last whole vector is handled by
 * {@link ScalarActivations}.
 */
final class VectorActivations implements ActivationSimd {

  // Preallocated vectors, see VectorConstants.
  private static final FloatVector QUARTER = FloatVector.broadcast(SPECIES, 0.25f);
  private static final FloatVector V_N0 = FloatVector.broadcast(SPECIES, N0);
  private static final FloatVector V_N1 = FloatVector.broadcast(SPECIES, N1);
  private static final FloatVector V_N2 = FloatVector.broadcast(SPECIES, N2);
  private static final FloatVector V_N3 = FloatVector.broadcast(SPECIES, N3);
  private static final FloatVector V_N4 = FloatVector.broadcast(SPECIES, N4);
  private static final FloatVector V_N5 = FloatVector.broadcast(SPECIES, N5);
  private static final FloatVector V_N6 = FloatVector.broadcast(SPECIES, N6);
  private static final FloatVector V_N7 = FloatVector.broadcast(SPECIES, N7);
  private static final FloatVector V_N8 = FloatVector.broadcast(SPECIES, N8);
  private static final FloatVector V_N9 = FloatVector.broadcast(SPECIES, N9);

  /** Elements in one block: 2 KiB, a multiple of any vector's length. */
  private static final int BLOCK = 512;

  private final ActivationSimd scalar = new ScalarActivations();

  /** Arguments and then values of the exponential. */
  private final float[] exponentials = new float[BLOCK];

  /** The normal distribution at a block of arguments. */
  private final float[] distribution = new float[BLOCK];

  @Override
  public void sigmoidGated(
      float linear, float cubic, float[] x, int xOffset, float[] out, int outOffset, int size) {
    int whole = size - size % LENGTH;
    for (int start = 0; start < whole; start += BLOCK) {
      int count = Math.min(BLOCK, whole - start);
      sigmoidOdds(linear, cubic, x, xOffset + start, count);
      for (int i = 0; i < count; i += LENGTH) {
        FloatVector value = FloatVector.fromArray(SPECIES, x, xOffset + start + i);
        FloatVector odds = FloatVector.fromArray(SPECIES, exponentials, i);
        value.div(odds.add(ONE)).intoArray(out, outOffset + start + i);
      }
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
    for (int start = 0; start < whole; start += BLOCK) {
      int count = Math.min(BLOCK, whole - start);
      sigmoidOdds(linear, cubic, x, xOffset + start, count);
      for (int i = 0; i < count; i += LENGTH) {
        FloatVector value = FloatVector.fromArray(SPECIES, x, xOffset + start + i);
        FloatVector odds = FloatVector.fromArray(SPECIES, exponentials, i);
        FloatVector sigmoid = ONE.div(odds.add(ONE));
        FloatVector inner = value.mul(cubic).mul(value).fma(3f, linear).mul(value);
        FloatVector slope = inner.fma(odds.mul(sigmoid).mul(sigmoid), sigmoid);
        FloatVector.fromArray(SPECIES, dy, dyOffset + start + i)
            .mul(slope)
            .intoArray(dx, dxOffset + start + i);
      }
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
    int whole = size - size % LENGTH;
    for (int start = 0; start < whole; start += BLOCK) {
      int count = Math.min(BLOCK, whole - start);
      normals(x, xOffset + start, count);
      for (int i = 0; i < count; i += LENGTH) {
        FloatVector value = FloatVector.fromArray(SPECIES, x, xOffset + start + i);
        FloatVector cdf = FloatVector.fromArray(SPECIES, distribution, i);
        value.mul(cdf).intoArray(out, outOffset + start + i);
      }
    }
    scalar.normalGated(x, xOffset + whole, out, outOffset + whole, size - whole);
  }

  @Override
  public void normalGatedBackward(
      float[] x, int xOffset, float[] dy, int dyOffset, float[] dx, int dxOffset, int size) {
    int whole = size - size % LENGTH;
    for (int start = 0; start < whole; start += BLOCK) {
      int count = Math.min(BLOCK, whole - start);
      normals(x, xOffset + start, count);
      for (int i = 0; i < count; i += LENGTH) {
        FloatVector value = FloatVector.fromArray(SPECIES, x, xOffset + start + i);
        FloatVector gaussian = FloatVector.fromArray(SPECIES, exponentials, i);
        FloatVector cdf = FloatVector.fromArray(SPECIES, distribution, i);
        FloatVector slope = value.mul(DENSITY_AT_ZERO).fma(gaussian, cdf);
        FloatVector.fromArray(SPECIES, dy, dyOffset + start + i)
            .mul(slope)
            .intoArray(dx, dxOffset + start + i);
      }
    }
    scalar.normalGatedBackward(
        x, xOffset + whole, dy, dyOffset + whole, dx, dxOffset + whole, size - whole);
  }

  @Override
  public void swiGlu(
      float[] gateUp, int gateOffset, int upOffset, float[] out, int outOffset, int size) {
    int whole = size - size % LENGTH;
    for (int start = 0; start < whole; start += BLOCK) {
      int count = Math.min(BLOCK, whole - start);
      sigmoidOdds(1f, 0f, gateUp, gateOffset + start, count);
      for (int i = 0; i < count; i += LENGTH) {
        FloatVector gate = FloatVector.fromArray(SPECIES, gateUp, gateOffset + start + i);
        FloatVector odds = FloatVector.fromArray(SPECIES, exponentials, i);
        FloatVector up = FloatVector.fromArray(SPECIES, gateUp, upOffset + start + i);
        gate.div(odds.add(ONE)).mul(up).intoArray(out, outOffset + start + i);
      }
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
    for (int start = 0; start < whole; start += BLOCK) {
      int count = Math.min(BLOCK, whole - start);
      sigmoidOdds(1f, 0f, gateUp, gateOffset + start, count);
      for (int i = 0; i < count; i += LENGTH) {
        FloatVector gate = FloatVector.fromArray(SPECIES, gateUp, gateOffset + start + i);
        FloatVector odds = FloatVector.fromArray(SPECIES, exponentials, i);
        FloatVector sigmoid = ONE.div(odds.add(ONE));
        FloatVector silu = gate.mul(sigmoid);
        FloatVector slope = silu.fma(odds.mul(sigmoid), sigmoid);
        FloatVector gradient = FloatVector.fromArray(SPECIES, dy, dyOffset + start + i);
        FloatVector up = FloatVector.fromArray(SPECIES, gateUp, upOffset + start + i);
        gradient.mul(up).mul(slope).intoArray(dGateUp, dGateOffset + start + i);
        gradient.mul(silu).intoArray(dGateUp, dUpOffset + start + i);
      }
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

  /** {@code exp(-(linear x + cubic x^3))} of a block, the argument bounded. */
  private void sigmoidOdds(float linear, float cubic, float[] x, int xOffset, int size) {
    for (int i = 0; i < size; i += LENGTH) {
      FloatVector value = FloatVector.fromArray(SPECIES, x, xOffset + i);
      FloatVector z = value.mul(cubic).mul(value).add(linear).mul(value);
      IntVector bounded = z.reinterpretAsInts().and(MAGNITUDE).min(BOUND_BITS);
      IntVector sign = value.neg().reinterpretAsInts().and(SIGN);
      bounded.or(sign).reinterpretAsFloats().intoArray(exponentials, i);
    }
    exponentiate(size);
  }

  /**
   * Of a block {@code exp(-x^2 / 2)}, the argument bounded, and the normal distribution at x, which
   * goes to {@link #distribution}.
   */
  private void normals(float[] x, int xOffset, int size) {
    for (int i = 0; i < size; i += LENGTH) {
      FloatVector value = FloatVector.fromArray(SPECIES, x, xOffset + i);
      IntVector half = value.mul(value).mul(0.5f).reinterpretAsInts().and(MAGNITUDE);
      half.min(BOUND_BITS).or(SIGN).reinterpretAsFloats().intoArray(exponentials, i);
    }
    exponentiate(size);
    for (int i = 0; i < size; i += LENGTH) {
      FloatVector value = FloatVector.fromArray(SPECIES, x, xOffset + i);
      FloatVector gaussian = FloatVector.fromArray(SPECIES, exponentials, i);
      FloatVector w = ONE.div(value.abs().fma(QUARTER, ONE));
      FloatVector p = w.fma(V_N9, V_N8);
      p = p.fma(w, V_N7);
      p = p.fma(w, V_N6);
      p = p.fma(w, V_N5);
      p = p.fma(w, V_N4);
      p = p.fma(w, V_N3);
      p = p.fma(w, V_N2);
      p = p.fma(w, V_N1);
      p = p.fma(w, V_N0);
      FloatVector tail = p.mul(gaussian);
      FloatVector cdf = tail.blend(ONE.sub(tail), value.compare(VectorOperators.GT, 0f));
      cdf.intoArray(distribution, i);
    }
  }

  /**
   * {@link Transcendentals#boundedExp} of each of {@link #exponentials}, in place, up to {@code
   * size} rounded up to two vectors. Two at a time keep the method longer than the JIT's limit for
   * inlining (325 bytecodes): inlined, it would push its callers over the node limit.
   */
  private void exponentiate(int size) {
    for (int i = 0; i < size; i += 2 * LENGTH) {
      FloatVector argument = FloatVector.fromArray(SPECIES, exponentials, i);
      FloatVector shifted = argument.fma(V_LOG2_E, V_ROUNDER);
      FloatVector exponent = shifted.sub(V_ROUNDER);
      FloatVector r = V_MINUS_LN2_HIGH.fma(exponent, argument);
      r = V_MINUS_LN2_LOW.fma(exponent, r);
      FloatVector q = r.fma(V_E4, V_E3);
      q = q.fma(r, V_E2);
      q = q.fma(r, V_E1);
      q = q.fma(r, V_E0);
      IntVector fraction = q.mul(r).fma(r, r).add(ONE).reinterpretAsInts();
      IntVector scale = shifted.reinterpretAsInts().lanewise(VectorOperators.LSHL, 23);
      fraction.add(scale).reinterpretAsFloats().intoArray(exponentials, i);
      FloatVector argument2 = FloatVector.fromArray(SPECIES, exponentials, i + LENGTH);
      FloatVector shifted2 = argument2.fma(V_LOG2_E, V_ROUNDER);
      FloatVector exponent2 = shifted2.sub(V_ROUNDER);
      FloatVector r2 = V_MINUS_LN2_HIGH.fma(exponent2, argument2);
      r2 = V_MINUS_LN2_LOW.fma(exponent2, r2);
      FloatVector q2 = r2.fma(V_E4, V_E3);
      q2 = q2.fma(r2, V_E2);
      q2 = q2.fma(r2, V_E1);
      q2 = q2.fma(r2, V_E0);
      IntVector fraction2 = q2.mul(r2).fma(r2, r2).add(ONE).reinterpretAsInts();
      IntVector scale2 = shifted2.reinterpretAsInts().lanewise(VectorOperators.LSHL, 23);
      fraction2.add(scale2).reinterpretAsFloats().intoArray(exponentials, i + LENGTH);
    }
  }
}
