package dev.firesteel.backend.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import dev.firesteel.array.DType;
import dev.firesteel.array.NdArray;
import dev.firesteel.array.Shape;
import dev.firesteel.backend.AttentionSpec;
import dev.firesteel.backend.Backend;
import dev.firesteel.backend.Heads;
import dev.firesteel.backend.Packed;
import dev.firesteel.backend.Precision;
import dev.firesteel.random.RandomStream;
import dev.firesteel.tensor.RowLayout;
import java.util.Arrays;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** In fp32 a document's attention and its gradients have the bits of the document alone. */
class RowLayoutBitsTest {
  private static final int TOKENS = 150;
  private static final int CAPACITY = 160;

  private static final class Result {
    private final float[] out;
    private final float[] gradient;

    Result(float[] out, float[] gradient) {
      this.out = out;
      this.gradient = gradient;
    }
  }

  private static NdArray array(Backend backend, float[] values, int... dims) {
    Shape shape = Shape.of(dims);
    NdArray array = new NdArray(backend.allocate(DType.F32, shape.size()), 0, shape);
    backend.upload(values, 0, array);
    return array;
  }

  private static NdArray integers(Backend backend, int[] values, int... dims) {
    Shape shape = Shape.of(dims);
    NdArray array = new NdArray(backend.allocate(DType.I32, shape.size()), 0, shape);
    backend.upload(values, 0, array);
    return array;
  }

  private static float[] values(Backend backend, NdArray array) {
    float[] values = new float[(int) array.size()];
    backend.download(array, values, 0);
    return values;
  }

  private static float[] normal(long seed, int size) {
    RandomStream random = RandomStream.of(seed, "row layout");
    float[] values = new float[size];
    for (int i = 0; i < size; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }

  private static Result run(
      Backend backend, AttentionSpec spec, RowLayout layout, float[] qkv, float[] dOut) {
    int batch = layout.batch();
    int tokens = layout.tokens();
    NdArray in = array(backend, qkv, batch, tokens, spec.packedWidth());
    NdArray ranges = integers(backend, layout.causal(), batch, tokens, 2);
    NdArray out = array(backend, new float[dOut.length], batch, tokens, spec.outputWidth());
    NdArray logSumExp =
        array(backend, new float[batch * spec.heads() * tokens], batch, spec.heads(), tokens);
    Packed.forward(backend, spec, in, ranges, out, logSumExp);
    NdArray gradient = array(backend, new float[qkv.length], batch, tokens, spec.packedWidth());
    NdArray outGradient = array(backend, dOut, batch, tokens, spec.outputWidth());
    Packed.backward(backend, spec, in, ranges, out, logSumExp, outGradient, gradient);
    return new Result(values(backend, out), values(backend, gradient));
  }

  /** Puts rows of numbers at a token of a row, in place of what is there. */
  private static void place(float[] part, float[] rows, int row, int tokens, int at, int width) {
    System.arraycopy(part, 0, rows, (row * tokens + at) * width, part.length);
  }

  @ParameterizedTest
  @ValueSource(ints = {20, 70})
  void inAnyRow(int headWidth) {
    for (int window : new int[] {AttentionSpec.NO_WINDOW, 37}) {
      AttentionSpec spec = AttentionSpec.of(4, 2, headWidth).withWindow(window);
      int in = spec.packedWidth();
      int out = spec.outputWidth();
      float[] document = normal(1, TOKENS * in);
      float[] dOut = normal(2, TOKENS * out);
      try (CpuBackend backend = new CpuBackend(Precision.FP32, 2)) {
        Result alone = run(backend, spec, RowLayout.whole(1, TOKENS), document, dOut);
        int row = 400;
        int[] starts = {0, 3, 64, 121, 250};
        for (int start : starts) {
          int after = row - start - TOKENS;
          RowLayout layout =
              start == 0
                  ? RowLayout.packed(row, new int[] {TOKENS, after}, new int[] {77})
                  : after == 0
                      ? RowLayout.leftPadded(row, TOKENS, 50)
                      : RowLayout.packed(row, new int[] {start, TOKENS, after}, new int[] {9, 77});
          float[] rows = normal(start, 2 * row * in);
          float[] gradients = normal(start, 2 * row * out);
          place(document, rows, 0, row, start, in);
          place(dOut, gradients, 0, row, start, out);
          Result got = run(backend, spec, layout, rows, gradients);
          assertThat(Arrays.copyOfRange(got.out, start * out, (start + TOKENS) * out))
              .as("output at %d, window %d", start, window)
              .isEqualTo(alone.out);
          assertThat(Arrays.copyOfRange(got.gradient, start * in, (start + TOKENS) * in))
              .as("gradient at %d, window %d", start, window)
              .isEqualTo(alone.gradient);
        }
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {20, 70})
  void besideACacheTokenByTokenAndInPieces(int headWidth) {
    AttentionSpec spec = AttentionSpec.of(4, 2, headWidth);
    int width = spec.packedWidth();
    float[] document = normal(3, TOKENS * width);
    try (CpuBackend backend = new CpuBackend(Precision.FP32, 2)) {
      float[] want =
          run(
                  backend,
                  spec,
                  RowLayout.whole(1, TOKENS),
                  document,
                  new float[TOKENS * spec.outputWidth()])
              .out;
      for (int piece : new int[] {1, 13, 64, TOKENS}) {
        int cached = CAPACITY * spec.keyValueWidth();
        // What is not written yet may be anything.
        float[] stale = normal(4, cached);
        stale[cached - 1] = Float.NaN;
        NdArray keys = array(backend, stale, 1, CAPACITY, spec.keyValueWidth());
        NdArray values = array(backend, stale, 1, CAPACITY, spec.keyValueWidth());
        float[] got = new float[want.length];
        for (int start = 0; start < TOKENS; start += piece) {
          int count = Math.min(piece, TOKENS - start);
          NdArray fresh =
              array(
                  backend,
                  Arrays.copyOfRange(document, start * width, (start + count) * width),
                  1,
                  count,
                  width);
          NdArray positions = integers(backend, new int[] {start}, 1);
          backend.attention().append(fresh, spec.packedKeys(), keys, positions);
          backend.attention().append(fresh, spec.packedValues(), values, positions);
          NdArray out =
              array(backend, new float[count * spec.outputWidth()], 1, count, spec.outputWidth());
          backend
              .attention()
              .attention(
                  spec,
                  Heads.queries(fresh),
                  new Heads(keys, 0),
                  new Heads(values, 0),
                  integers(backend, RowLayout.cached(count, start), 1, count, 2),
                  null,
                  out,
                  null);
          backend.download(out, got, start * spec.outputWidth());
        }
        assertThat(got).as("pieces of %d", piece).isEqualTo(want);
      }
    }
  }
}
