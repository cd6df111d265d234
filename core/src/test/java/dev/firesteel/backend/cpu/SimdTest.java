package dev.firesteel.backend.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.firesteel.random.RandomStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Vector and scalar primitives give the same bits; the transcendental ones are accurate. */
class SimdTest {
  private static final float[] SPECIAL = {
    0f,
    -0f,
    1f,
    -1f,
    Float.MIN_VALUE,
    -Float.MIN_VALUE,
    Float.MIN_NORMAL,
    Float.MAX_VALUE,
    -Float.MAX_VALUE,
    Float.POSITIVE_INFINITY,
    Float.NEGATIVE_INFINITY,
    Float.NaN,
    88f,
    88.8f,
    -87.4f,
    -103.9f,
    -104.1f,
    1e-20f,
    -1e20f
  };

  private final Simd scalar = new ScalarSimd();
  private final Simd vector = new VectorSimd();
  private final RandomStream random = RandomStream.of(3, "simd test");

  /** Normals, and, {@code mixed}, now and then a special value or one of any exponent. */
  private float[] values(int size, boolean mixed) {
    float[] values = new float[size];
    for (int i = 0; i < size; i++) {
      int kind = mixed ? random.nextInt(8) : 7;
      values[i] =
          switch (kind) {
            case 0 -> SPECIAL[random.nextInt(SPECIAL.length)];
            case 1 -> Float.intBitsToFloat(random.nextInt());
            case 2 -> (float) (50 * random.nextGaussian());
            default -> (float) random.nextGaussian();
          };
    }
    return values;
  }

  private static int bits(float value) {
    return Float.floatToIntBits(value);
  }

  private static void assertSameBits(float[] got, float[] want) {
    for (int i = 0; i < want.length; i++) {
      assertThat(bits(got[i]))
          .as("[%d]: %s, scalar %s", i, got[i], want[i])
          .isEqualTo(bits(want[i]));
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 3, 4, 7, 8, 15, 16, 17, 31, 32, 33, 63, 100, 255, 256, 1000})
  void vectorsHaveTheBitsOfScalars(int size) {
    for (int trial = 0; trial < 40; trial++) {
      boolean mixed = trial % 2 == 0;
      float[] a = values(size + 5, mixed);
      float[] b = values(size + 5, mixed);
      assertThat(bits(vector.sum(a, 3, size))).isEqualTo(bits(scalar.sum(a, 3, size)));
      assertThat(bits(vector.dot(a, 3, b, 5, size))).isEqualTo(bits(scalar.dot(a, 3, b, 5, size)));
      assertThat(bits(vector.sumOfSquaredDifferences(a, 3, size, 0.3f)))
          .isEqualTo(bits(scalar.sumOfSquaredDifferences(a, 3, size, 0.3f)));
      assertThat(bits(vector.max(a, 3, size))).isEqualTo(bits(scalar.max(a, 3, size)));

      float[] got = new float[size + 2];
      float[] want = new float[size + 2];
      float shift = mixed ? a[0] : 0.5f;
      vector.exp(a, 3, shift, got, 1, size);
      scalar.exp(a, 3, shift, want, 1, size);
      assertSameBits(got, want);

      float[] gotToo = new float[size + 2];
      float[] wantToo = new float[size + 2];
      vector.sigmoid(a, 3, got, gotToo, 1, size);
      scalar.sigmoid(a, 3, want, wantToo, 1, size);
      assertSameBits(got, want);
      assertSameBits(gotToo, wantToo);
      vector.normal(a, 3, got, gotToo, 1, size);
      scalar.normal(a, 3, want, wantToo, 1, size);
      assertSameBits(got, want);
      assertSameBits(gotToo, wantToo);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 7, 64, 257})
  void vectorTilesHaveTheBitsOfScalarTiles(int depth) {
    for (int trial = 0; trial < 20; trial++) {
      boolean mixed = trial % 2 == 0;
      float[] a = values(depth * Simd.TILE_ROWS + 3, mixed);
      float[] b = values(depth * Simd.TILE_COLUMNS + 5, mixed);
      float[] got = values(8 * 37 + 2, mixed);
      float[] want = got.clone();
      vector.multiplyTile(a, 3, b, 5, depth, got, 2, 37, trial % 4 < 2);
      scalar.multiplyTile(a, 3, b, 5, depth, want, 2, 37, trial % 4 < 2);
      assertSameBits(got, want);
    }
  }

  @Test
  void exponentialIsAccurateAndUnderflowsGradually() {
    for (double x = -104; x < 88.7; x += 0.0137) {
      float argument = (float) x;
      double want = StrictMath.exp(argument);
      double tolerance = 1.5e-7 * want + 0.5 * Float.MIN_VALUE;
      assertThat((double) Transcendentals.exp(argument))
          .as("e^%s", x)
          .isCloseTo(want, within(tolerance));
    }
    assertThat(Transcendentals.exp(0f)).isEqualTo(1f);
    assertThat(Transcendentals.exp(Float.NEGATIVE_INFINITY)).isZero();
    assertThat(Transcendentals.exp(-1e30f)).isZero();
    assertThat(Transcendentals.exp(89f)).isEqualTo(Float.POSITIVE_INFINITY);
    assertThat(Transcendentals.exp(Float.POSITIVE_INFINITY)).isEqualTo(Float.POSITIVE_INFINITY);
    assertThat(Transcendentals.exp(Float.NaN)).isNaN();
  }

  @Test
  void sigmoidAndItsComplementAreAccurate() {
    float[] z = new float[1];
    float[] s = new float[1];
    float[] complement = new float[1];
    for (double x = -80; x < 80; x += 0.0173) {
      z[0] = (float) x;
      scalar.sigmoid(z, 0, s, complement, 0, 1);
      double want = 1 / (1 + StrictMath.exp(-z[0]));
      double wantComplement = 1 / (1 + StrictMath.exp(z[0]));
      assertThat((double) s[0]).as("sigmoid(%s)", x).isCloseTo(want, within(3e-7 * want));
      assertThat((double) complement[0])
          .as("1 - sigmoid(%s)", x)
          .isCloseTo(wantComplement, within(4e-7 * wantComplement));
    }
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
  void normalDistributionIsAccurateInBothTails() {
    float[] x = new float[1];
    float[] cdf = new float[1];
    float[] density = new float[1];
    for (double value = -9; value < 9; value += 0.0171) {
      x[0] = (float) value;
      scalar.normal(x, 0, cdf, density, 0, 1);
      double tail = normalTail(Math.abs((double) x[0]));
      double want = x[0] > 0 ? 1 - tail : tail;
      // The exponent's rounding grows with x^2.
      assertThat((double) cdf[0]).as("Phi(%s)", value).isCloseTo(want, within(5e-6 * want));
      assertThat((double) cdf[0]).as("Phi(%s)", value).isCloseTo(want, within(3e-7));
      assertThat((double) density[0])
          .as("density at %s", value)
          .isCloseTo(
              StrictMath.exp(-(double) x[0] * x[0] / 2) / StrictMath.sqrt(2 * Math.PI),
              within(1e-7));
    }
  }
}
