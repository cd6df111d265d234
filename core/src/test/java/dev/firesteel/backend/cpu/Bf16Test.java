package dev.firesteel.backend.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import dev.firesteel.random.RandomStream;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class Bf16Test {
  private static float rounded(float value) {
    return Bf16.toFloat(Bf16.of(value));
  }

  @Test
  void roundsToNearest() {
    assertThat(rounded(1f + 0x1.1p-8f)).isEqualTo(1f + 0x1p-7f);
    assertThat(rounded(1f + 0x0.fp-8f)).isEqualTo(1f);
  }

  @Test
  void roundsTiesToEven() {
    assertThat(rounded(1f + 0x1p-8f)).isEqualTo(1f);
    assertThat(rounded(1f + 0x3p-8f)).isEqualTo(1f + 0x1p-6f);
    assertThat(rounded(-1f - 0x3p-8f)).isEqualTo(-1f - 0x1p-6f);
  }

  @Test
  void keepsSpecialValues() {
    assertThat(rounded(Float.POSITIVE_INFINITY)).isEqualTo(Float.POSITIVE_INFINITY);
    assertThat(rounded(Float.NEGATIVE_INFINITY)).isEqualTo(Float.NEGATIVE_INFINITY);
    assertThat(rounded(Float.NaN)).isNaN();
    // Its payload is in the half that is cut off: without care it would become an infinity.
    assertThat(rounded(Float.intBitsToFloat(0x7f800001))).isNaN();
    assertThat(Float.floatToRawIntBits(rounded(-0f))).isEqualTo(0x80000000);
    assertThat(rounded(Float.MAX_VALUE)).isEqualTo(Float.POSITIVE_INFINITY);
    assertThat(rounded(0x1p-133f)).isEqualTo(0x1p-133f);
  }

  @Test
  void vectorsRoundAsScalars() {
    RandomStream random = RandomStream.of(7, "bf16");
    float[] values = new float[4099];
    for (int i = 0; i < values.length; i++) {
      values[i] = Float.intBitsToFloat(random.nextInt());
    }
    values[0] = Float.intBitsToFloat(0x7f800001);
    values[1] = Float.MAX_VALUE;
    values[2] = 1f + 0x1p-8f;
    short[] scalar = new short[values.length + 1];
    short[] vector = new short[values.length + 1];
    new ScalarSimd().toBf16(values, 0, scalar, 1, values.length);
    Simd.Choice.VECTOR.create().toBf16(values, 0, vector, 1, values.length);
    assertThat(vector).isEqualTo(scalar);
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 15, 16, 17, 64, 70})
  void vectorsScaleAndRoundRowsAsScalars(int width) {
    float[] x = SimdTest.values(RandomStream.of(width, "bf16 rows"), 9 * 71 + 3, true);
    int stride = Gemm.roundUp(width, 32);
    short[] scalar = new short[9 * stride + 2];
    Arrays.fill(scalar, (short) 1);
    short[] vector = scalar.clone();
    new ScalarSimd().toBf16(x, 3, 71, 9, width, 0.3f, scalar, 1, stride);
    Simd.Choice.VECTOR.create().toBf16(x, 3, 71, 9, width, 0.3f, vector, 1, stride);
    assertThat(vector).isEqualTo(scalar);
    assertThat(scalar[0]).isEqualTo((short) 1);
    assertThat(scalar[9 * stride + 1]).isEqualTo((short) 1);
  }
}
