package dev.firesteel.backend.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import dev.firesteel.random.RandomStream;
import org.junit.jupiter.api.Test;

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
    new VectorSimd().toBf16(values, 0, vector, 1, values.length);
    assertThat(vector).isEqualTo(scalar);
  }
}
