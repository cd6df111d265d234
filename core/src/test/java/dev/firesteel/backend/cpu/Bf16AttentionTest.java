package dev.firesteel.backend.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

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
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class Bf16AttentionTest {
  @BeforeAll
  static void assumePresent() {
    Bf16Support.assumePresent();
  }

  private static NdArray array(Backend backend, int... dims) {
    Shape shape = Shape.of(dims);
    return new NdArray(backend.allocate(DType.F32, shape.size()), 0, shape);
  }

  /** The same numbers in a longer array: a sequence's first tokens do not depend on its length. */
  private static NdArray normal(Backend backend, String what, int batch, int tokens, int width) {
    float[] values = new float[batch * tokens * width];
    for (int sequence = 0; sequence < batch; sequence++) {
      RandomStream random = RandomStream.of(sequence, what);
      for (int i = 0; i < tokens * width; i++) {
        values[sequence * tokens * width + i] = (float) random.nextGaussian();
      }
    }
    NdArray array = array(backend, batch, tokens, width);
    backend.upload(values, 0, array);
    return array;
  }

  private static float[] values(Backend backend, NdArray array) {
    float[] values = new float[(int) array.size()];
    backend.download(array, values, 0);
    return values;
  }

  /** Output, log-sum-exp and gradients of two sequences. */
  private static List<float[]> attention(
      Precision precision, int threads, AttentionSpec spec, int tokens) {
    return attention(precision, threads, spec, tokens, RowLayout.whole(2, tokens));
  }

  private static List<float[]> attention(
      Precision precision, int threads, AttentionSpec spec, int tokens, RowLayout layout) {
    try (Backend backend = new CpuBackend(precision, threads)) {
      NdArray qkv = normal(backend, "qkv", 2, tokens, spec.packedWidth());
      NdArray dOut = normal(backend, "dOut", 2, tokens, spec.outputWidth());
      NdArray ranges =
          new NdArray(backend.allocate(DType.I32, 4L * tokens), 0, Shape.of(2, tokens, 2));
      backend.upload(layout.causal(), 0, ranges);
      NdArray out = array(backend, 2, tokens, spec.outputWidth());
      NdArray logSumExp = array(backend, 2, spec.heads(), tokens);
      NdArray dQkv = array(backend, 2, tokens, spec.packedWidth());
      // Twice, so that scratch memory is not what it was at first.
      for (int run = 0; run < 2; run++) {
        Packed.forward(backend, spec, qkv, ranges, out, logSumExp);
        Packed.backward(backend, spec, qkv, ranges, out, logSumExp, dOut, dQkv);
      }
      return List.of(values(backend, out), values(backend, logSumExp), values(backend, dQkv));
    }
  }

  @ParameterizedTest
  @CsvSource({
    "128, 2, 2, 64",
    "130, 4, 2, 20",
    "257, 1, 1, 128",
    "600, 2, 1, 80",
    "129, 1, 1, 2048"
  })
  void isFloat32AttentionButForTheRoundingOfOperands(
      int tokens, int heads, int keyValueHeads, int width) {
    AttentionSpec spec = AttentionSpec.of(heads, keyValueHeads, width);
    List<float[]> got = attention(Precision.BF16, 2, spec, tokens);
    List<float[]> want = attention(Precision.FP32, 2, spec, tokens);
    for (int result = 0; result < want.size(); result++) {
      double error = 0;
      double size = 0;
      for (int i = 0; i < want.get(result).length; i++) {
        double difference = got.get(result)[i] - want.get(result)[i];
        error += difference * difference;
        size += (double) want.get(result)[i] * want.get(result)[i];
      }
      // Not zero either: that would mean that nothing was rounded.
      assertThat(Math.sqrt(error / size)).as("result %d", result).isBetween(1e-5, 6e-3);
    }
  }

  @ParameterizedTest
  @CsvSource({"130, 4, 2, 20", "200, 3, 3, 64"})
  void bitsDoNotDependOnThreads(int tokens, int heads, int keyValueHeads, int width) {
    AttentionSpec spec = AttentionSpec.of(heads, keyValueHeads, width);
    List<float[]> want = attention(Precision.BF16, 1, spec, tokens);
    for (int threads = 2; threads <= 3; threads++) {
      List<float[]> got = attention(Precision.BF16, threads, spec, tokens);
      for (int result = 0; result < want.size(); result++) {
        assertThat(Arrays.mismatch(got.get(result), want.get(result)))
            .as("first difference in result %d with %d threads", result, threads)
            .isEqualTo(-1);
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"130, 200", "550, 700"})
  void aTokensOutputDoesNotDependOnWhatFollows(int few, int many) {
    AttentionSpec spec = AttentionSpec.of(1, 1, 40);
    float[] shorter = attention(Precision.BF16, 1, spec, few).get(0);
    float[] longer = attention(Precision.BF16, 1, spec, many).get(0);
    assertThat(Arrays.copyOf(shorter, few * 40)).isEqualTo(Arrays.copyOf(longer, few * 40));
  }

  /** Few queries are computed by another kernel, on operands that are rounded alike. */
  @ParameterizedTest
  @CsvSource({"130, 2, 1, 20", "257, 1, 1, 128", "600, 2, 2, 64"})
  void fewQueriesHaveTheArithmeticOfMany(int tokens, int heads, int keyValueHeads, int width) {
    AttentionSpec spec = AttentionSpec.of(heads, keyValueHeads, width);
    try (Backend backend = new CpuBackend(Precision.BF16, 2)) {
      NdArray qkv = normal(backend, "qkv", 1, tokens, spec.packedWidth());
      float[] many = forward(backend, spec, qkv, qkv, RowLayout.whole(1, tokens).causal(), tokens);
      float[] packed = values(backend, qkv);
      double error = 0;
      double size = 0;
      int piece = 50;
      for (int start = 0; start < tokens; start += piece) {
        int count = Math.min(piece, tokens - start);
        NdArray q = array(backend, 1, count, spec.packedWidth());
        backend.upload(packed, start * spec.packedWidth(), q);
        float[] few = forward(backend, spec, q, qkv, RowLayout.cached(count, start), count);
        for (int i = 0; i < few.length; i++) {
          double want = many[start * spec.outputWidth() + i];
          error += (few[i] - want) * (few[i] - want);
          size += want * want;
        }
      }
      // A hundredth of the rounding of operands: sums have another order, and a probability at a
      // tie may be rounded the other way.
      assertThat(Math.sqrt(error / size)).isLessThan(6e-5);
    }
  }

  private static float[] forward(
      Backend backend, AttentionSpec spec, NdArray q, NdArray kv, int[] ranges, int queries) {
    NdArray out = array(backend, 1, queries, spec.outputWidth());
    NdArray array =
        new NdArray(backend.allocate(DType.I32, ranges.length), 0, Shape.of(1, queries, 2));
    backend.upload(ranges, 0, array);
    backend
        .attention()
        .attention(
            spec,
            Heads.queries(q),
            Heads.keys(spec, kv),
            Heads.values(spec, kv),
            array,
            null,
            out,
            null);
    return values(backend, out);
  }

  @ParameterizedTest
  @CsvSource({"1, 20", "127, 20"})
  void fewTokensAreRoundedToo(int tokens, int width) {
    AttentionSpec spec = AttentionSpec.of(2, 1, width);
    List<float[]> got = attention(Precision.BF16, 2, spec, tokens);
    List<float[]> want = attention(Precision.FP32, 2, spec, tokens);
    for (int i = 0; i < want.get(0).length; i++) {
      assertThat(got.get(0)[i]).isCloseTo(want.get(0)[i], within(0.03f));
    }
    assertThat(got.get(0)).isNotEqualTo(want.get(0));
  }

  @ParameterizedTest
  @CsvSource({"200, 64", "700, 20"})
  void documentsInARowAreSeparate(int tokens, int width) {
    AttentionSpec spec = AttentionSpec.of(2, 1, width);
    int first = tokens / 3;
    RowLayout layout =
        RowLayout.packed(tokens, new int[] {first, tokens - first}, new int[] {tokens - 1});
    List<float[]> got = attention(Precision.BF16, 2, spec, tokens, layout);
    List<float[]> want = attention(Precision.FP32, 2, spec, tokens, layout);
    for (int result = 0; result < want.size(); result++) {
      double error = 0;
      double size = 0;
      for (int i = 0; i < want.get(result).length; i++) {
        double difference = got.get(result)[i] - want.get(result)[i];
        error += difference * difference;
        size += (double) want.get(result)[i] * want.get(result)[i];
      }
      assertThat(Math.sqrt(error / size)).as("result %d", result).isBetween(1e-5, 6e-3);
    }
  }

  @Test
  void veryWideHeadsAreComputedInFloat32() {
    AttentionSpec spec = AttentionSpec.of(2, 1, 2049);
    List<float[]> got = attention(Precision.BF16, 2, spec, 128);
    List<float[]> want = attention(Precision.FP32, 2, spec, 128);
    for (int result = 0; result < want.size(); result++) {
      assertThat(got.get(result)).isEqualTo(want.get(result));
    }
  }
}
