package dev.firesteel.backend.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import dev.firesteel.random.RandomStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Vector and scalar primitives give the same bits. */
class SimdTest {
  static final float[] SPECIAL = {
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
  private final Simd vector = Simd.Choice.VECTOR.create();
  private final RandomStream random = RandomStream.of(3, "simd test");

  private float[] values(int size, boolean mixed) {
    return values(random, size, mixed);
  }

  /** Normals, and, {@code mixed}, now and then a special value or one of any exponent. */
  static float[] values(RandomStream random, int size, boolean mixed) {
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

  static void assertSameBits(float[] got, float[] want) {
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
      assertThat(bits(vector.exp(a, 3, shift, got, 1, size)))
          .isEqualTo(bits(scalar.exp(a, 3, shift, want, 1, size)));
      assertSameBits(got, want);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 7, 64, 257})
  void vectorTilesHaveTheBitsOfScalarTiles(int depth) {
    for (int trial = 0; trial < 20; trial++) {
      boolean mixed = trial % 2 == 0;
      float[] a = values(depth * ProductSimd.TILE_ROWS + 3, mixed);
      float[] b = values(depth * ProductSimd.TILE_COLUMNS + 5, mixed);
      float[] got = values(8 * 37 + 2, mixed);
      float[] want = got.clone();
      vector.products().multiplyTile(a, 3, b, 5, depth, got, 2, 37, trial % 4 < 2);
      scalar.products().multiplyTile(a, 3, b, 5, depth, want, 2, 37, trial % 4 < 2);
      assertSameBits(got, want);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 4})
  void vectorsOfFewRowsHaveTheBitsOfTiles(int rows) {
    for (int trial = 0; trial < 20; trial++) {
      int depth = 1 + 37 * trial;
      boolean mixed = trial % 2 == 0;
      boolean first = trial % 4 < 2;
      float[] a = values(3 + rows * (depth + 2), mixed);
      float[] b = values(depth * ProductSimd.TILE_COLUMNS + 5, mixed);
      float[] got = values(ProductSimd.TILE_ROWS * 37 + 2, mixed);
      float[] want = got.clone();
      float[] tile = got.clone();
      vector.products().multiplyFewRows(a, 3, depth + 2, rows, b, 5, depth, got, 2, 37, first);
      scalar.products().multiplyFewRows(a, 3, depth + 2, rows, b, 5, depth, want, 2, 37, first);
      assertSameBits(got, want);

      float[] panel = new float[depth * ProductSimd.TILE_ROWS];
      for (int k = 0; k < depth; k++) {
        for (int r = 0; r < rows; r++) {
          panel[k * ProductSimd.TILE_ROWS + r] = a[3 + r * (depth + 2) + k];
        }
      }
      vector.products().multiplyTile(panel, 0, b, 5, depth, tile, 2, 37, first);
      int end = 2 + (rows - 1) * 37 + ProductSimd.TILE_COLUMNS;
      for (int i = 0; i < end; i++) {
        boolean inside = i >= 2 && (i - 2) % 37 < ProductSimd.TILE_COLUMNS;
        if (inside) {
          assertThat(bits(got[i])).isEqualTo(bits(tile[i]));
        }
      }
    }
  }
}
