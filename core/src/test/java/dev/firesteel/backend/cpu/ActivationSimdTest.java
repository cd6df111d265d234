package dev.firesteel.backend.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.firesteel.random.RandomStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Vector and scalar activations give the same bits, which are accurate in centre and tails. */
class ActivationSimdTest {
  private static final float GELU_LINEAR = 1.5957692f;
  private static final float GELU_CUBIC = 0.071354814f;

  private final ActivationSimd scalar = new ScalarActivations();
  private final ActivationSimd vector = new VectorActivations();
  private final RandomStream random = RandomStream.of(3, "activations test");

  private float[] values(int size, double deviation, boolean mixed) {
    float[] values = new float[size];
    for (int i = 0; i < size; i++) {
      values[i] =
          switch (mixed ? random.nextInt(6) : 5) {
            case 0 -> SimdTest.SPECIAL[random.nextInt(SimdTest.SPECIAL.length)];
            case 1 -> Float.intBitsToFloat(random.nextInt());
            default -> (float) (deviation * random.nextGaussian());
          };
    }
    return values;
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 3, 4, 7, 8, 15, 16, 17, 31, 32, 33, 100, 1000})
  void vectorsHaveTheBitsOfScalars(int size) {
    for (int trial = 0; trial < 40; trial++) {
      float[] x = values(2 * size + 5, trial % 4 < 2 ? 1 : 40, trial % 2 == 0);
      float[] dy = values(size + 3, 1, trial % 2 == 0);
      float[] got = new float[2 * size + 2];
      float[] want = new float[2 * size + 2];
      for (float cubic : new float[] {0f, GELU_CUBIC}) {
        vector.sigmoidGated(GELU_LINEAR, cubic, x, 3, got, 1, size);
        scalar.sigmoidGated(GELU_LINEAR, cubic, x, 3, want, 1, size);
        SimdTest.assertSameBits(got, want);
        vector.sigmoidGatedBackward(GELU_LINEAR, cubic, x, 3, dy, 2, got, 1, size);
        scalar.sigmoidGatedBackward(GELU_LINEAR, cubic, x, 3, dy, 2, want, 1, size);
        SimdTest.assertSameBits(got, want);
      }
      vector.normalGated(x, 3, got, 1, size);
      scalar.normalGated(x, 3, want, 1, size);
      SimdTest.assertSameBits(got, want);
      vector.normalGatedBackward(x, 3, dy, 2, got, 1, size);
      scalar.normalGatedBackward(x, 3, dy, 2, want, 1, size);
      SimdTest.assertSameBits(got, want);
      vector.swiGlu(x, 3, 4 + size, got, 1, size);
      scalar.swiGlu(x, 3, 4 + size, want, 1, size);
      SimdTest.assertSameBits(got, want);
      vector.swiGluBackward(x, 3, 4 + size, dy, 2, got, 1, 2 + size, size);
      scalar.swiGluBackward(x, 3, 4 + size, dy, 2, want, 1, 2 + size, size);
      SimdTest.assertSameBits(got, want);
    }
  }

  @Test
  void sigmoidGatedIsAccurateInCentreAndTails() {
    float[] x = new float[1];
    float[] dy = {1f};
    float[] y = new float[1];
    float[] dx = new float[1];
    for (double value = -9; value < 9; value += 0.00173) {
      x[0] = (float) value;
      double exact = x[0];
      double z = exact * (GELU_LINEAR + (double) GELU_CUBIC * exact * exact);
      double sigmoid = 1 / (1 + StrictMath.exp(-z));
      double slope =
          sigmoid
              + exact
                  * (GELU_LINEAR + 3.0 * GELU_CUBIC * exact * exact)
                  * sigmoid
                  / (1 + StrictMath.exp(z));
      scalar.sigmoidGated(GELU_LINEAR, GELU_CUBIC, x, 0, y, 0, 1);
      scalar.sigmoidGatedBackward(GELU_LINEAR, GELU_CUBIC, x, 0, dy, 0, dx, 0, 1);
      // The exponent's rounding grows with z.
      double relative = 6e-7 + 2e-7 * Math.abs(z);
      assertThat((double) y[0])
          .as("%s sigmoid", value)
          .isCloseTo(exact * sigmoid, within(relative * Math.abs(exact * sigmoid)));
      assertThat((double) dx[0])
          .as("slope at %s", value)
          .isCloseTo(slope, within(relative * sigmoid * Math.max(1, Math.abs(z) * 3)));
    }
  }

  @Test
  void farFromZeroAnActivationIsItsArgumentOrNothing() {
    float[] x = {100f, 1e20f, -100f, -1e30f, Float.POSITIVE_INFINITY};
    float[] y = new float[5];
    scalar.sigmoidGated(1f, 0f, x, 0, y, 0, 5);
    assertLimits(y);
    scalar.sigmoidGated(GELU_LINEAR, GELU_CUBIC, x, 0, y, 0, 5);
    assertLimits(y);
    scalar.normalGated(x, 0, y, 0, 5);
    assertLimits(y);
  }

  private static void assertLimits(float[] y) {
    assertThat(y[0]).isEqualTo(100f);
    assertThat(y[1]).isEqualTo(1e20f);
    assertThat(y[2]).isCloseTo(0f, within(1e-35f));
    // At most e^-87 of it is left.
    assertThat(y[3]).isCloseTo(0f, within(1e-7f));
    assertThat(y[4]).isEqualTo(Float.POSITIVE_INFINITY);
  }

  @Test
  void anActivationOfNaNIsNaN() {
    float[] x = {Float.NaN, -Float.NaN};
    float[] y = new float[2];
    scalar.sigmoidGated(GELU_LINEAR, GELU_CUBIC, x, 0, y, 0, 2);
    assertThat(y).containsOnly(Float.NaN);
    scalar.sigmoidGatedBackward(GELU_LINEAR, GELU_CUBIC, x, 0, new float[] {1f, 1f}, 0, y, 0, 2);
    assertThat(y).containsOnly(Float.NaN);
    scalar.normalGated(x, 0, y, 0, 2);
    assertThat(y).containsOnly(Float.NaN);
    scalar.normalGatedBackward(x, 0, new float[] {1f, 1f}, 0, y, 0, 2);
    assertThat(y).containsOnly(Float.NaN);
  }

  /** Phi(-a) by the continued fraction of Mills' ratio or the power series (Marsaglia 2004). */
  private static double normalTail(double a) {
    double density = StrictMath.exp(-a * a / 2) / StrictMath.sqrt(2 * Math.PI);
    if (a > 5) {
      double fraction = 0;
      for (int k = 200; k > 0; k--) {
        fraction = k / (a + fraction);
      }
      return density / (a + fraction);
    }
    double term = a;
    double sum = a;
    for (int k = 3; term > 1e-18 * sum; k += 2) {
      term *= a * a / k;
      sum += term;
    }
    return 0.5 - density * sum;
  }

  @Test
  void normalGatedIsAccurateInCentreAndTails() {
    float[] x = new float[1];
    float[] dy = {1f};
    float[] y = new float[1];
    float[] dx = new float[1];
    for (double value = -9; value < 9; value += 0.0171) {
      x[0] = (float) value;
      double exact = x[0];
      double tail = normalTail(Math.abs(exact));
      double cdf = exact > 0 ? 1 - tail : tail;
      double density = StrictMath.exp(-exact * exact / 2) / StrictMath.sqrt(2 * Math.PI);
      scalar.normalGated(x, 0, y, 0, 1);
      scalar.normalGatedBackward(x, 0, dy, 0, dx, 0, 1);
      // The exponent's rounding grows with x^2.
      assertThat((double) y[0])
          .as("%s Phi", value)
          .isCloseTo(exact * cdf, within(5e-6 * Math.abs(exact * cdf)));
      assertThat((double) y[0])
          .as("%s Phi", value)
          .isCloseTo(exact * cdf, within(3e-7 * Math.max(1, Math.abs(exact))));
      assertThat((double) dx[0])
          .as("slope at %s", value)
          .isCloseTo(cdf + exact * density, within(6e-7));
    }
  }
}
