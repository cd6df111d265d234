package dev.firesteel.backend.cpu;

/** The elementwise kernels in plain Java: the definition of their results. */
final class ScalarElementwise implements ElementwiseSimd {
  @Override
  public void add(
      float[] a, int aOffset, float[] b, int bOffset, float[] out, int outOffset, int size) {
    for (int i = 0; i < size; i++) {
      out[outOffset + i] = a[aOffset + i] + b[bOffset + i];
    }
  }

  @Override
  public void addValue(float[] x, int xOffset, float value, float[] out, int outOffset, int size) {
    for (int i = 0; i < size; i++) {
      out[outOffset + i] = x[xOffset + i] + value;
    }
  }

  @Override
  public void addScaled(float alpha, float[] x, int xOffset, float[] out, int outOffset, int size) {
    for (int i = 0; i < size; i++) {
      out[outOffset + i] = Math.fma(alpha, x[xOffset + i], out[outOffset + i]);
    }
  }

  @Override
  public void multiply(
      float[] a, int aOffset, float[] b, int bOffset, float[] out, int outOffset, int size) {
    for (int i = 0; i < size; i++) {
      out[outOffset + i] = a[aOffset + i] * b[bOffset + i];
    }
  }

  @Override
  public void scale(float alpha, float[] x, int xOffset, float[] out, int outOffset, int size) {
    for (int i = 0; i < size; i++) {
      out[outOffset + i] = alpha * x[xOffset + i];
    }
  }

  @Override
  public void addSquares(float[] x, int xOffset, int size, double[] sums) {
    for (int i = 0; i < size; i++) {
      // The square is exact, so that it is the same whether it is added by fma or not.
      sums[i % SQUARE_SUMS] += (double) x[xOffset + i] * x[xOffset + i];
    }
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
    for (int i = 0; i < size; i++) {
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
    for (int i = 0; i < size; i++) {
      float g = factors.gradientScale() * gradients[gOffset + i];
      float m = factors.beta1() * firstMoments[mOffset + i] + factors.oneMinusBeta1() * g;
      float v = factors.beta2() * secondMoments[vOffset + i] + factors.oneMinusBeta2() * (g * g);
      firstMoments[mOffset + i] = m;
      secondMoments[vOffset + i] = v;
      float root = (float) Math.sqrt(v * factors.secondMomentScale());
      float update = factors.stepSize() * m / (root + factors.epsilon());
      weights[wOffset + i] = factors.weightKept() * weights[wOffset + i] - update;
    }
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
    for (int i = 0; i < size; i++) {
      float g = factors.gradientScale() * gradients[gOffset + i];
      float m = momentum[mOffset + i];
      float c = factors.beta1() * m + factors.oneMinusBeta1() * g;
      float sign = Math.max(-1f, Math.min(1f, c * LionFactors.HUGE * LionFactors.HUGE));
      momentum[mOffset + i] = factors.beta2() * m + factors.oneMinusBeta2() * g;
      weights[wOffset + i] =
          factors.weightKept() * weights[wOffset + i] - factors.stepSize() * sign;
    }
  }
}
