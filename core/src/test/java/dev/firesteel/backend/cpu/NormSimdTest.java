package dev.firesteel.backend.cpu;

import dev.firesteel.random.RandomStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Vector and scalar norms give the same bits; BackendContract shows what they compute. */
class NormSimdTest {
  private final NormSimd scalar = new ScalarNorms();
  private final NormSimd vector = new VectorNorms();
  private final RandomStream random = RandomStream.of(3, "norms test");

  private float[] values(int size) {
    float[] values = new float[size];
    for (int i = 0; i < size; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 3, 4, 7, 8, 15, 16, 17, 31, 32, 33, 100, 768})
  void vectorsHaveTheBitsOfScalars(int size) {
    float[] x = values(size + 3);
    float[] gain = values(size + 1);
    float[] bias = values(size + 2);
    float[] dy = values(size + 4);
    for (int trial = 0; trial < 8; trial++) {
      boolean centred = trial % 2 == 0;
      boolean add = trial / 2 % 2 == 0;
      float mean = centred ? 0.3f : 0f;
      float[] shift = centred ? bias : null;
      float[] got = values(size + 2);
      float[] want = got.clone();
      vector.normalize(x, 3, mean, 1.7f, gain, 1, shift, 2, got, 1, size);
      scalar.normalize(x, 3, mean, 1.7f, gain, 1, shift, 2, want, 1, size);
      SimdTest.assertSameBits(got, want);

      float[] gotSums = values(2 * size + 1);
      float[] wantSums = gotSums.clone();
      float[] gotDx = trial < 4 ? got : null;
      float[] wantDx = trial < 4 ? want : null;
      vector.backward(x, 3, mean, 1.7f, centred, gain, 1, dy, 4, gotSums, 1, gotDx, 2, add, size);
      scalar.backward(x, 3, mean, 1.7f, centred, gain, 1, dy, 4, wantSums, 1, wantDx, 2, add, size);
      SimdTest.assertSameBits(gotSums, wantSums);
      SimdTest.assertSameBits(got, want);
    }
  }
}
