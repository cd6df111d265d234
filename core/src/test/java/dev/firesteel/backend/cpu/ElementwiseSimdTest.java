package dev.firesteel.backend.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import dev.firesteel.backend.AdamWStep;
import dev.firesteel.backend.LionStep;
import dev.firesteel.random.RandomStream;
import java.util.Arrays;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Vector and scalar kernels give the same bits; BackendContract shows what they compute. */
class ElementwiseSimdTest {
  private final ElementwiseSimd scalar = new ScalarElementwise();
  private final ElementwiseSimd vector = new VectorElementwise();
  private final RandomStream random = RandomStream.of(3, "elementwise test");

  /** Runs a call on both implementations, the array that it writes being alike before. */
  private void compare(int size, boolean mixed, Call call) {
    float[] got = SimdTest.values(random, 2 * size + 2, mixed);
    float[] want = got.clone();
    call.run(vector, got);
    call.run(scalar, want);
    SimdTest.assertSameBits(got, want);
  }

  private interface Call {
    void run(ElementwiseSimd kernels, float[] out);
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 3, 4, 7, 8, 15, 16, 17, 31, 32, 33, 100, 1000})
  void vectorsHaveTheBitsOfScalars(int size) {
    for (int trial = 0; trial < 20; trial++) {
      boolean mixed = trial % 2 == 0;
      float[] a = SimdTest.values(random, 2 * size + 3, mixed);
      float[] b = SimdTest.values(random, size + 5, mixed);
      float[] c = SimdTest.values(random, size + 1, mixed);
      compare(size, mixed, (kernels, out) -> kernels.add(a, 3, b, 5, out, 1, size));
      compare(size, mixed, (kernels, out) -> kernels.add(out, 1, b, 5, size));
      compare(size, mixed, (kernels, out) -> kernels.addValue(a, 3, 0.7f, out, 1, size));
      compare(size, mixed, (kernels, out) -> kernels.addScaled(0.7f, a, 3, out, 1, size));
      compare(size, mixed, (kernels, out) -> kernels.multiply(a, 3, b, 5, out, 1, size));
      compare(size, mixed, (kernels, out) -> kernels.scale(0.7f, a, 3, out, 1, size));
      compare(size, mixed, (kernels, out) -> kernels.scale(0.7f, out, 1, out, 1, size));
      compare(size, mixed, (kernels, out) -> kernels.turn(b, c, 1, -1f, a, 3, out, 1, size));
      compare(size, mixed, (kernels, out) -> kernels.turn(b, c, 1, 1f, out, 1, out, 1, size));
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 63, 64, 65, 200, 1000})
  void vectorsAddSquaresLikeScalars(int size) {
    for (int trial = 0; trial < 20; trial++) {
      float[] x = SimdTest.values(random, size + 3, trial % 2 == 0);
      double[] got = new double[ElementwiseSimd.SQUARE_SUMS];
      Arrays.setAll(got, i -> 0.1 * i);
      double[] want = got.clone();
      vector.addSquares(x, 3, size, got);
      scalar.addSquares(x, 3, size, want);
      assertThat(got).isEqualTo(want);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 15, 16, 17, 100, 1000})
  void vectorsUpdateLikeScalars(int size) {
    AdamWFactors factors = AdamWFactors.of(new AdamWStep(3e-4, 0.9, 0.95, 1e-8, 0.1, 17, 0.7));
    for (int trial = 0; trial < 10; trial++) {
      boolean mixed = trial % 2 == 0;
      float[] gradients = SimdTest.values(random, size + 1, mixed);
      float[][] got = new float[3][];
      float[][] want = new float[3][];
      for (int i = 0; i < 3; i++) {
        got[i] = SimdTest.values(random, size + 4, mixed);
        want[i] = got[i].clone();
      }
      LionFactors lion = LionFactors.of(new LionStep(3e-4, 0.9, 0.99, 0.1, 0.7));
      vector.lion(lion, gradients, 1, got[0], 2, got[2], 4, size);
      scalar.lion(lion, gradients, 1, want[0], 2, want[2], 4, size);
      vector.adamW(factors, gradients, 1, got[0], 2, got[1], 3, got[2], 4, size);
      scalar.adamW(factors, gradients, 1, want[0], 2, want[1], 3, want[2], 4, size);
      for (int i = 0; i < 3; i++) {
        SimdTest.assertSameBits(got[i], want[i]);
      }
    }
  }
}
