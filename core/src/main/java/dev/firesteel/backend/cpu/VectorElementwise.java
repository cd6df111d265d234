package dev.firesteel.backend.cpu;

import static dev.firesteel.backend.cpu.VectorConstants.LENGTH;
import static dev.firesteel.backend.cpu.VectorConstants.SPECIES;
import static dev.firesteel.backend.cpu.VectorConstants.VECTOR;
import static dev.firesteel.backend.cpu.VectorConstants.otherClass;

import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * The elementwise kernels on the Vector API, under the rules of {@link VectorSimd}. The remainder
 * after the last whole vector is handled by {@link ScalarElementwise}.
 */
final class VectorElementwise implements ElementwiseSimd {

  /** Half as many doubles as a vector has floats. */
  private static final VectorSpecies<Double> DOUBLES =
      VectorSpecies.of(double.class, SPECIES.vectorShape());

  /** As {@link VectorConstants#VECTOR}, of the doubles. */
  private static final Class<?> DOUBLE_VECTOR = DOUBLES.zero().getClass();

  private final ElementwiseSimd scalar = new ScalarElementwise();

  @Override
  public void add(
      float[] a, int aOffset, float[] b, int bOffset, float[] out, int outOffset, int size) {
    int whole = size - size % LENGTH;
    for (int i = 0; i < whole; i += LENGTH) {
      FloatVector.fromArray(SPECIES, a, aOffset + i)
          .add(FloatVector.fromArray(SPECIES, b, bOffset + i))
          .intoArray(out, outOffset + i);
    }
    scalar.add(a, aOffset + whole, b, bOffset + whole, out, outOffset + whole, size - whole);
  }

  @Override
  public void addValue(float[] x, int xOffset, float value, float[] out, int outOffset, int size) {
    int whole = size - size % LENGTH;
    for (int i = 0; i < whole; i += LENGTH) {
      FloatVector.fromArray(SPECIES, x, xOffset + i).add(value).intoArray(out, outOffset + i);
    }
    scalar.addValue(x, xOffset + whole, value, out, outOffset + whole, size - whole);
  }

  @Override
  public void addScaled(float alpha, float[] x, int xOffset, float[] out, int outOffset, int size) {
    FloatVector factor = FloatVector.broadcast(SPECIES, alpha);
    int whole = size - size % LENGTH;
    for (int i = 0; i < whole; i += LENGTH) {
      factor
          .fma(
              FloatVector.fromArray(SPECIES, x, xOffset + i),
              FloatVector.fromArray(SPECIES, out, outOffset + i))
          .intoArray(out, outOffset + i);
    }
    scalar.addScaled(alpha, x, xOffset + whole, out, outOffset + whole, size - whole);
  }

  @Override
  public void multiply(
      float[] a, int aOffset, float[] b, int bOffset, float[] out, int outOffset, int size) {
    int whole = size - size % LENGTH;
    for (int i = 0; i < whole; i += LENGTH) {
      FloatVector.fromArray(SPECIES, a, aOffset + i)
          .mul(FloatVector.fromArray(SPECIES, b, bOffset + i))
          .intoArray(out, outOffset + i);
    }
    scalar.multiply(a, aOffset + whole, b, bOffset + whole, out, outOffset + whole, size - whole);
  }

  @Override
  public void scale(float alpha, float[] x, int xOffset, float[] out, int outOffset, int size) {
    int whole = size - size % LENGTH;
    for (int i = 0; i < whole; i += LENGTH) {
      FloatVector.fromArray(SPECIES, x, xOffset + i).mul(alpha).intoArray(out, outOffset + i);
    }
    scalar.scale(alpha, x, xOffset + whole, out, outOffset + whole, size - whole);
  }

  @Override
  public void addSquares(float[] x, int xOffset, int size, double[] sums) {
    // The upper half of a vector is loaded once more, as a lower half: only that is converted
    // without
    // a shuffle. Such a load reaches half a vector past the block.
    int readable = Math.min(size, x.length - xOffset - LENGTH / 2);
    int whole = Math.max(0, readable - readable % SQUARE_SUMS);
    for (int i = 0; i < whole; i += SQUARE_SUMS) {
      for (int at = 0; at < SQUARE_SUMS; at += LENGTH / 2) {
        FloatVector values = FloatVector.fromArray(SPECIES, x, xOffset + i + at);
        if (values.getClass() != VECTOR) {
          throw otherClass();
        }
        DoubleVector wide = (DoubleVector) values.convertShape(VectorOperators.F2D, DOUBLES, 0);
        if (wide.getClass() != DOUBLE_VECTOR) {
          throw otherClass();
        }
        wide.fma(wide, DoubleVector.fromArray(DOUBLES, sums, at)).intoArray(sums, at);
      }
    }
    scalar.addSquares(x, xOffset + whole, size - whole, sums);
  }

  @Override
  public void turn(
      float[] cosines,
      float[] sines,
      int angle,
      float sign,
      float[] x,
      int xOffset,
      float[] out,
      int outOffset,
      int size) {
    int whole = size - size % LENGTH;
    for (int i = 0; i < whole; i += LENGTH) {
      FloatVector cos = FloatVector.fromArray(SPECIES, cosines, angle + i);
      FloatVector sin = FloatVector.fromArray(SPECIES, sines, angle + i).mul(sign);
      FloatVector first = FloatVector.fromArray(SPECIES, x, xOffset + i);
      FloatVector second = FloatVector.fromArray(SPECIES, x, xOffset + size + i);
      first.mul(cos).sub(second.mul(sin)).intoArray(out, outOffset + i);
      first.mul(sin).add(second.mul(cos)).intoArray(out, outOffset + size + i);
    }
    for (int i = whole; i < size; i++) {
      float cos = cosines[angle + i];
      float sin = sign * sines[angle + i];
      float first = x[xOffset + i];
      float second = x[xOffset + size + i];
      out[outOffset + i] = first * cos - second * sin;
      out[outOffset + size + i] = first * sin + second * cos;
    }
  }

  @Override
  public void adamW(
      AdamWFactors factors,
      float[] gradients,
      int gOffset,
      float[] firstMoments,
      int mOffset,
      float[] secondMoments,
      int vOffset,
      float[] weights,
      int wOffset,
      int size) {
    int whole = size - size % LENGTH;
    for (int i = 0; i < whole; i += LENGTH) {
      FloatVector g =
          FloatVector.fromArray(SPECIES, gradients, gOffset + i).mul(factors.gradientScale());
      FloatVector m =
          FloatVector.fromArray(SPECIES, firstMoments, mOffset + i)
              .mul(factors.beta1())
              .add(g.mul(factors.oneMinusBeta1()));
      FloatVector v =
          FloatVector.fromArray(SPECIES, secondMoments, vOffset + i)
              .mul(factors.beta2())
              .add(g.mul(g).mul(factors.oneMinusBeta2()));
      m.intoArray(firstMoments, mOffset + i);
      v.intoArray(secondMoments, vOffset + i);
      FloatVector root = v.mul(factors.secondMomentScale()).sqrt();
      FloatVector update = m.mul(factors.stepSize()).div(root.add(factors.epsilon()));
      FloatVector.fromArray(SPECIES, weights, wOffset + i)
          .mul(factors.weightKept())
          .sub(update)
          .intoArray(weights, wOffset + i);
    }
    scalar.adamW(
        factors,
        gradients,
        gOffset + whole,
        firstMoments,
        mOffset + whole,
        secondMoments,
        vOffset + whole,
        weights,
        wOffset + whole,
        size - whole);
  }

  @Override
  public void lion(
      LionFactors factors,
      float[] gradients,
      int gOffset,
      float[] momentum,
      int mOffset,
      float[] weights,
      int wOffset,
      int size) {
    int whole = size - size % LENGTH;
    for (int i = 0; i < whole; i += LENGTH) {
      FloatVector g =
          FloatVector.fromArray(SPECIES, gradients, gOffset + i).mul(factors.gradientScale());
      FloatVector m = FloatVector.fromArray(SPECIES, momentum, mOffset + i);
      FloatVector c = m.mul(factors.beta1()).add(g.mul(factors.oneMinusBeta1()));
      FloatVector sign = c.mul(LionFactors.HUGE).mul(LionFactors.HUGE).min(1f).max(-1f);
      m.mul(factors.beta2()).add(g.mul(factors.oneMinusBeta2())).intoArray(momentum, mOffset + i);
      FloatVector.fromArray(SPECIES, weights, wOffset + i)
          .mul(factors.weightKept())
          .sub(sign.mul(factors.stepSize()))
          .intoArray(weights, wOffset + i);
    }
    scalar.lion(
        factors,
        gradients,
        gOffset + whole,
        momentum,
        mOffset + whole,
        weights,
        wOffset + whole,
        size - whole);
  }
}
