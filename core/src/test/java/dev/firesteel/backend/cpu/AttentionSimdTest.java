package dev.firesteel.backend.cpu;

import static dev.firesteel.backend.cpu.AttentionSimd.GROUP;
import static dev.firesteel.backend.cpu.AttentionSimd.PANEL;
import static dev.firesteel.backend.cpu.AttentionSimd.TILE_ROWS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.firesteel.random.RandomStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Vector and scalar primitives of attention give the same bits, for special values too. */
class AttentionSimdTest {
  private static final float[] SPECIAL = {
    0f,
    -0f,
    Float.MIN_VALUE,
    -Float.MAX_VALUE,
    Float.NEGATIVE_INFINITY,
    Float.NaN,
    -87f,
    -87.1f,
    1e20f
  };

  private final AttentionSimd scalar = new ScalarAttention();
  private final AttentionSimd vector = new VectorAttention();
  private final RandomStream random = RandomStream.of(3, "attention simd test");

  /** Normals, and, {@code mixed}, now and then a special value. */
  private float[] values(int rows, boolean mixed) {
    float[] values = new float[rows * PANEL + 3];
    for (int i = 0; i < values.length; i++) {
      values[i] =
          mixed && random.nextInt(50) == 0
              ? SPECIAL[random.nextInt(SPECIAL.length)]
              : (float) random.nextGaussian();
    }
    return values;
  }

  private static void assertSameBits(float[] got, float[] want) {
    for (int i = 0; i < want.length; i++) {
      assertThat(Float.floatToIntBits(got[i]))
          .as("[%d]: %s, scalar %s", i, got[i], want[i])
          .isEqualTo(Float.floatToIntBits(want[i]));
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2, 7, 64})
  void tilesOfProducts(int depth) {
    for (int trial = 0; trial < 20; trial++) {
      boolean mixed = trial % 2 == 0;
      boolean first = trial % 4 < 2;
      float[] a = values(PANEL, mixed);
      float[] b = values(PANEL, mixed);
      float[] got = values(TILE_ROWS, mixed);
      float[] want = got.clone();
      vector.multiplyRows(a, 0, b, 3, depth, got, 3, first);
      scalar.multiplyRows(a, 0, b, 3, depth, want, 3, first);
      assertSameBits(got, want);
      vector.multiplyColumns(a, 3, b, 3, depth, got, 3, first);
      scalar.multiplyColumns(a, 3, b, 3, depth, want, 3, first);
      assertSameBits(got, want);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 64, 65})
  void softmaxAndItsGradient(int keys) {
    for (int trial = 0; trial < 20; trial++) {
      boolean mixed = trial % 2 == 0;
      float[] got = values(keys, mixed);
      float[] want = got.clone();
      float[] gotMaxima = new float[PANEL];
      float[] gotSums = new float[PANEL];
      float[] wantMaxima = new float[PANEL];
      float[] wantSums = new float[PANEL];
      vector.exponentials(got, 3 + GROUP, keys, gotMaxima, gotSums, GROUP);
      scalar.exponentials(want, 3 + GROUP, keys, wantMaxima, wantSums, GROUP);
      assertSameBits(got, want);
      assertSameBits(gotMaxima, wantMaxima);
      assertSameBits(gotSums, wantSums);

      float[] gotGradients = values(keys, mixed);
      float[] wantGradients = gotGradients.clone();
      float[] logSums = values(1, mixed);
      vector.softmaxGradients(got, gotGradients, 3 + GROUP, keys, logSums, GROUP, 0.3f);
      scalar.softmaxGradients(want, wantGradients, 3 + GROUP, keys, logSums, GROUP, 0.3f);
      assertSameBits(got, want);
      assertSameBits(gotGradients, wantGradients);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 7, 8, 60, 64})
  void panelsOfColumns(int width) {
    for (int rows : new int[] {1, 9, PANEL}) {
      float[] x = values(72, true);
      float[] got = values(PANEL, false);
      float[] want = got.clone();
      vector.transpose(x, 3, 71, rows, width, 0.3f, got, 3);
      scalar.transpose(x, 3, 71, rows, width, 0.3f, want, 3);
      assertSameBits(got, want);
      int row = rows - 1;
      int column = width - 1;
      assertThat(got[3 + column * PANEL + row]).isEqualTo(0.3f * x[3 + row * 71 + column]);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 15, 16, 17, 64, 70})
  void rows(int width) {
    float[] x = values(20, true);
    float[] got = values(20, false);
    float[] want = got.clone();
    vector.scaleRows(x, 3, 71, x, 9, width, got, 5, 72);
    scalar.scaleRows(x, 3, 71, x, 9, width, want, 5, 72);
    assertSameBits(got, want);
    vector.copyRows(x, 2, 71, 9, width, got, 4, 72);
    scalar.copyRows(x, 2, 71, 9, width, want, 4, 72);
    assertSameBits(got, want);
    assertThat(got[4 + 8 * 72]).isEqualTo(x[2 + 8 * 71]);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 8, 15, 16, 17, 64, 72, 93, 128})
  void weightedSumsOfRows(int width) {
    for (int trial = 0; trial < 20; trial++) {
      boolean mixed = trial % 2 == 0;
      int count = trial;
      float[] weights = values(1, mixed);
      float[] rows = values(64, mixed);
      float[] got = values(4, mixed);
      float[] want = got.clone();
      vector.weightedSum(weights, 3, rows, 5, width + trial, count, width, got, 2);
      scalar.weightedSum(weights, 3, rows, 5, width + trial, count, width, want, 2);
      assertSameBits(got, want);
    }
  }

  @Test
  void roundsToBf16InPlace() {
    float[] values = new float[67];
    float[] special = {
      0f,
      -0f,
      1f,
      0x1.01p0f,
      0x1.03p0f,
      Float.MIN_VALUE,
      Float.MAX_VALUE,
      -Float.MAX_VALUE,
      Float.POSITIVE_INFINITY,
      Float.NEGATIVE_INFINITY,
      Float.NaN,
      Float.intBitsToFloat(0x7f800001)
    };
    for (int i = 0; i < values.length; i++) {
      values[i] = i < 2 * special.length ? special[i / 2] : (float) Math.sin(i) * 100;
    }
    float[] got = values.clone();
    vector.roundToBf16(got, 1, 65);
    float[] want = values.clone();
    for (int i = 1; i < 66; i++) {
      want[i] = Bf16.toFloat(Bf16.of(want[i]));
    }
    assertSameBits(got, want);
    scalar.roundToBf16(values, 1, 65);
    assertSameBits(values, want);
  }

  @Test
  void exponentialIsAccurateAndZeroWhereFloatsGetSubnormal() {
    for (double x = -87; x < 88; x += 0.0137) {
      float argument = (float) x;
      double want = StrictMath.exp(argument);
      assertThat((double) Transcendentals.expOrZero(argument))
          .as("e^%s", x)
          .isCloseTo(want, within(1.5e-7 * want));
    }
    assertThat(Transcendentals.expOrZero(0f)).isEqualTo(1f);
    assertThat(Transcendentals.expOrZero(-87.01f)).isZero();
    assertThat(Transcendentals.expOrZero(-1e30f)).isZero();
    assertThat(Transcendentals.expOrZero(Float.NEGATIVE_INFINITY)).isZero();
    assertThat(Transcendentals.expOrZero(Float.NaN)).isNaN();
    assertThat(Transcendentals.expOrZero(Float.intBitsToFloat(0x7fc00001))).isNaN();
  }
}
