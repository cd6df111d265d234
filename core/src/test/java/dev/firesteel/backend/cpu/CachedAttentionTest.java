package dev.firesteel.backend.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import dev.firesteel.array.DType;
import dev.firesteel.array.NdArray;
import dev.firesteel.array.Shape;
import dev.firesteel.backend.AttentionSpec;
import dev.firesteel.backend.Precision;
import dev.firesteel.random.RandomStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Generation computes what training computes. */
class CachedAttentionTest {
  private static final int TOKENS = 150;
  private static final int CAPACITY = 160;

  @ParameterizedTest
  @ValueSource(ints = {20, 70})
  void tokenByTokenAndInPiecesItHasTheBitsOfCausalAttention(int headWidth) {
    AttentionSpec spec = AttentionSpec.of(4, 2, headWidth);
    try (CpuBackend backend = new CpuBackend(Precision.FP32, 2)) {
      int width = spec.packedWidth();
      float[] packed = new float[TOKENS * width];
      RandomStream random = RandomStream.of(5, "cached attention test");
      for (int i = 0; i < packed.length; i++) {
        packed[i] = (float) random.nextGaussian();
      }
      NdArray qkv = array(backend, 1, TOKENS, width);
      backend.upload(packed, 0, qkv);
      NdArray whole = array(backend, 1, TOKENS, spec.outputWidth());
      backend.attention().causalAttention(spec, qkv, whole, null);
      float[] want = new float[TOKENS * spec.outputWidth()];
      backend.download(whole, want, 0);

      for (int piece : new int[] {1, 13, 64, TOKENS}) {
        NdArray keys = array(backend, 1, 2, CAPACITY, headWidth);
        NdArray values = array(backend, 1, 2, CAPACITY, headWidth);
        float[] got = new float[want.length];
        for (int start = 0; start < TOKENS; start += piece) {
          int length = Math.min(piece, TOKENS - start);
          NdArray fresh = array(backend, 1, length, width);
          backend.upload(packed, start * width, fresh);
          NdArray positions = new NdArray(backend.allocate(DType.I32, 1), 0, Shape.of(1));
          backend.upload(new int[] {start}, 0, positions);
          NdArray out = array(backend, 1, length, spec.outputWidth());
          backend.attention().cachedAttention(spec, fresh, keys, values, positions, out);
          backend.download(out, got, start * spec.outputWidth());
        }
        assertThat(got).as("pieces of %d", piece).isEqualTo(want);
      }
    }
  }

  private static NdArray array(CpuBackend backend, int... dims) {
    Shape shape = Shape.of(dims);
    return new NdArray(backend.allocate(DType.F32, shape.size()), 0, shape);
  }
}
