package dev.firesteel.backend.opencl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.firesteel.array.DType;
import dev.firesteel.array.NdArray;
import dev.firesteel.array.Shape;
import dev.firesteel.array.Storage;
import dev.firesteel.backend.AttentionSpec;
import dev.firesteel.backend.Backend;
import dev.firesteel.backend.Heads;
import dev.firesteel.backend.RopeSpec;
import dev.firesteel.backend.reference.ReferenceBackend;
import dev.firesteel.random.RandomStream;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Attention on the first OpenCL device where blocks of queries and tiles of keys meet ranges: a
 * document's bits wherever it lies, and values for ranges in any order.
 */
class OpenClAttentionTest {
  private static final float UNTOUCHED = -777.25f;

  private static OpenClBackend device;
  private static final Backend REFERENCE = new ReferenceBackend();

  @BeforeAll
  static void open() {
    device = OpenClSupport.open();
  }

  @AfterAll
  static void close() {
    if (device != null) {
      device.close();
    }
  }

  // ---- bits

  /**
   * Packed rows and output gradients of the tokens of one document, and how they see each other.
   */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  private record Document(
      AttentionSpec spec, int tokens, boolean causal, float[] qkv, float[] dOut) {
    static Document of(AttentionSpec spec, int tokens, boolean causal, long seed) {
      return new Document(
          spec,
          tokens,
          causal,
          normals(seed, tokens * spec.packedWidth()),
          normals(-seed, tokens * spec.outputWidth()));
    }
  }

  /** Rows of documents; the tokens between them are NaN and see themselves. */
  private static final class Packing {
    private final AttentionSpec spec;
    private final int batch;
    private final int tokens;
    private final float[] qkv;
    private final float[] dOut;
    private final int[] ranges;
    private float[] out;
    private float[] logSumExp;
    private float[] dQkv;

    Packing(AttentionSpec spec, int batch, int tokens) {
      this.spec = spec;
      this.batch = batch;
      this.tokens = tokens;
      qkv = new float[batch * tokens * spec.packedWidth()];
      dOut = new float[batch * tokens * spec.outputWidth()];
      Arrays.fill(qkv, Float.NaN);
      Arrays.fill(dOut, Float.NaN);
      ranges = new int[batch * tokens * 2];
      for (int t = 0; t < batch * tokens; t++) {
        ranges[2 * t] = t % tokens;
        ranges[2 * t + 1] = t % tokens + 1;
      }
    }

    Packing with(Document document, int b, int at) {
      int row = b * tokens + at;
      System.arraycopy(document.qkv, 0, qkv, row * spec.packedWidth(), document.qkv.length);
      System.arraycopy(document.dOut, 0, dOut, row * spec.outputWidth(), document.dOut.length);
      for (int t = 0; t < document.tokens; t++) {
        ranges[2 * (row + t)] = at;
        ranges[2 * (row + t) + 1] = at + (document.causal ? t + 1 : document.tokens);
      }
      return this;
    }

    /** Computes the outputs and gradients of all rows. */
    Packing run() {
      NdArray rows = uploaded(device, qkv, batch, tokens, spec.packedWidth());
      NdArray seen = uploaded(device, ranges, batch, tokens, 2);
      NdArray result = array(device, batch, tokens, spec.outputWidth());
      NdArray sums = array(device, batch, spec.heads(), tokens);
      NdArray gradient = array(device, batch, tokens, spec.packedWidth());
      Heads q = Heads.queries(rows);
      Heads k = Heads.keys(spec, rows);
      Heads v = Heads.values(spec, rows);
      device.attention().attention(spec, q, k, v, seen, null, result, sums);
      device
          .attention()
          .attentionBackward(
              spec,
              q,
              k,
              v,
              seen,
              null,
              result,
              sums,
              uploaded(device, dOut, batch, tokens, spec.outputWidth()),
              Heads.queries(gradient),
              Heads.keys(spec, gradient),
              Heads.values(spec, gradient),
              null);
      out = downloaded(device, result);
      logSumExp = downloaded(device, sums);
      dQkv = downloaded(device, gradient);
      return this;
    }

    /** All results of a document's tokens. */
    List<float[]> of(Document document, int b, int at) {
      int row = b * tokens + at;
      float[] sums = new float[spec.heads() * document.tokens];
      for (int h = 0; h < spec.heads(); h++) {
        int from = (b * spec.heads() + h) * tokens + at;
        System.arraycopy(logSumExp, from, sums, h * document.tokens, document.tokens);
      }
      return List.of(
          part(out, row, document.tokens, spec.outputWidth()),
          sums,
          part(dQkv, row, document.tokens, spec.packedWidth()));
    }
  }

  private static float[] part(float[] values, int row, int rows, int width) {
    return Arrays.copyOfRange(values, row * width, (row + rows) * width);
  }

  private static void assertSameBits(String where, List<float[]> got, List<float[]> expected) {
    for (int n = 0; n < expected.size(); n++) {
      assertThat(expected.get(n)).doesNotContain(Float.NaN);
      assertThat(got.get(n)).as("%s, result %s", where, n).isEqualTo(expected.get(n));
    }
  }

  @ParameterizedTest
  @CsvSource({
    "1, 1, 16, 2147483647, true",
    "4, 2, 32, 2147483647, true",
    "2, 2, 80, 2147483647, false",
    "2, 1, 16, 70, true",
    "2, 1, 16, 3, true",
    "2, 1, 16, 5, false"
  })
  void aDocumentHasItsBitsWhereverItLies(
      int heads, int keyValueHeads, int headWidth, int window, boolean causal) {
    AttentionSpec spec = AttentionSpec.of(heads, keyValueHeads, headWidth).withWindow(window);
    for (int tokens : new int[] {1, 20, 64, 150}) {
      Document document = Document.of(spec, tokens, causal, tokens);
      Document another = Document.of(spec, 37, causal, 1000);
      List<float[]> alone =
          new Packing(spec, 1, tokens).with(document, 0, 0).run().of(document, 0, 0);
      // In a row behind another and in the middle of a block of queries; padded on the right, with
      // another; padded on the left; twice.
      int length = tokens + 80;
      Packing packing =
          new Packing(spec, 4, length)
              .with(another, 0, 0)
              .with(document, 0, 37)
              .with(document, 1, 0)
              .with(another, 1, tokens)
              .with(document, 2, 80)
              .with(another, 3, 1)
              .with(another, 3, 38)
              .run();
      String what = tokens + " tokens ";
      assertSameBits(what + "behind another", packing.of(document, 0, 37), alone);
      assertSameBits(what + "padded on the right", packing.of(document, 1, 0), alone);
      assertSameBits(what + "padded on the left", packing.of(document, 2, 80), alone);
      List<float[]> first = packing.of(another, 0, 0);
      assertSameBits("another before it", packing.of(another, 1, tokens), first);
      assertSameBits("another in the next row", packing.of(another, 3, 1), first);
      assertSameBits("another after itself", packing.of(another, 3, 38), first);
    }
  }

  @ParameterizedTest
  @CsvSource({"2147483647, 4", "2147483647, 1", "70, 5", "3, 2"})
  void aCacheGivesTheBitsOfTheWholeSequence(int window, int step) {
    AttentionSpec spec = AttentionSpec.of(4, 2, 16).withWindow(window);
    int tokens = 100;
    Document document = Document.of(spec, tokens, true, 5);
    float[] expected = new Packing(spec, 1, tokens).with(document, 0, 0).run().out;
    int width = spec.packedWidth();
    int kept = spec.keyValueWidth();
    float[] empty = new float[2 * 333 * kept];
    Arrays.fill(empty, Float.NaN);
    NdArray keys = uploaded(device, empty, 2, 333, kept);
    NdArray values = uploaded(device, empty, 2, 333, kept);
    // The second sequence has had other tokens before, and its new ones see only these themselves.
    int lead = 17;
    for (int t = 0; t < tokens; t += step) {
      float[] rows = new float[2 * step * width];
      System.arraycopy(document.qkv, t * width, rows, 0, step * width);
      System.arraycopy(document.qkv, t * width, rows, step * width, step * width);
      int[] ranges = new int[2 * step * 2];
      for (int i = 0; i < step; i++) {
        ranges[2 * i + 1] = t + i + 1;
        ranges[2 * (step + i)] = lead;
        ranges[2 * (step + i) + 1] = lead + t + i + 1;
      }
      NdArray x = uploaded(device, rows, 2, step, width);
      NdArray positions = uploaded(device, new int[] {t, lead + t}, 2);
      NdArray out = array(device, 2, step, spec.outputWidth());
      device.attention().append(x, spec.packedKeys(), keys, positions);
      device.attention().append(x, spec.packedValues(), values, positions);
      device
          .attention()
          .attention(
              spec,
              Heads.queries(x),
              new Heads(keys, 0),
              new Heads(values, 0),
              uploaded(device, ranges, 2, step, 2),
              null,
              out,
              null);
      float[] got = downloaded(device, out);
      float[] want = part(expected, t, step, spec.outputWidth());
      assertThat(part(got, 0, step, spec.outputWidth())).as("from %s", t).isEqualTo(want);
      assertThat(part(got, step, step, spec.outputWidth())).as("from %s", t).isEqualTo(want);
    }
  }

  // ---- values

  /** Queries that see ranges with any begins, in any order, of keys that lie in other rows. */
  @ParameterizedTest
  @CsvSource({
    "2, 33, 130, 2147483647, 150, false",
    "2, 33, 130, 20, 150, true",
    "3, 17, 300, 2147483647, 8, true",
    "2, 130, 20, 7, 40, true",
    "1, 1, 1, 1, 1, true",
    "5, 16, 64, 2147483647, 64, true"
  })
  void rangesInAnyOrder(int batch, int queries, int keys, int window, int longest, boolean biased) {
    for (int headWidth : new int[] {4, 40}) {
      AttentionSpec spec = new AttentionSpec(4, 2, headWidth, 0.3, window);
      RandomStream random = RandomStream.of(queries, "ranges", keys, headWidth);
      int[] ranges = new int[batch * queries * 2];
      for (int i = 0; i < batch * queries; i++) {
        ranges[2 * i] = random.nextInt(keys);
        ranges[2 * i + 1] = Math.min(keys, ranges[2 * i] + 1 + random.nextInt(longest));
      }
      List<float[]> got = results(device, spec, batch, queries, keys, ranges, biased);
      List<float[]> expected = results(REFERENCE, spec, batch, queries, keys, ranges, biased);
      for (int n = 0; n < expected.size(); n++) {
        String what = "result " + n + " of " + spec;
        for (int i = 0; i < expected.get(n).length; i++) {
          float want = expected.get(n)[i];
          assertThat(got.get(n)[i])
              .as("%s at %s", what, i)
              .isCloseTo(want, within(2e-5f * Math.max(1, Math.abs(want))));
        }
      }
    }
  }

  /** Outputs and gradients; keys and values share rows, whose first and last columns are others. */
  private static List<float[]> results(
      Backend backend,
      AttentionSpec spec,
      int batch,
      int queries,
      int keys,
      int[] ranges,
      boolean biased) {
    int width = 2 * spec.keyValueWidth() + 5;
    NdArray x = random(backend, 1, batch, queries, spec.outputWidth() + 3);
    NdArray rows = random(backend, 2, batch, keys, width);
    NdArray seen = uploaded(backend, ranges, batch, queries, 2);
    NdArray bias = biased ? random(backend, 3, spec.heads(), queries, keys) : null;
    NdArray out = array(backend, batch, queries, spec.outputWidth());
    NdArray sums = array(backend, batch, spec.heads(), queries);
    NdArray dX = array(backend, batch, queries, spec.outputWidth() + 7);
    NdArray dRows = array(backend, batch, keys, width);
    NdArray dBias = biased ? array(backend, spec.heads(), queries, keys) : null;
    Heads q = new Heads(x, 3);
    Heads k = new Heads(rows, 2 + spec.keyValueWidth());
    Heads v = new Heads(rows, 2);
    backend.attention().attention(spec, q, k, v, seen, bias, out, sums);
    backend
        .attention()
        .attentionBackward(
            spec,
            q,
            k,
            v,
            seen,
            bias,
            out,
            sums,
            random(backend, 4, batch, queries, spec.outputWidth()),
            new Heads(dX, 1),
            new Heads(dRows, 2 + spec.keyValueWidth()),
            new Heads(dRows, 2),
            dBias);
    List<NdArray> results =
        biased ? List.of(out, sums, dX, dRows, dBias) : List.of(out, sums, dX, dRows);
    return results.stream().map(result -> downloaded(backend, result)).toList();
  }

  @Test
  void ropeTurnsEachTokenByItsPosition() {
    RopeSpec spec = new RopeSpec(3, 16, 10000, RopeSpec.Layout.HALF);
    int[] positions = {0, 1, 2, 0, 1, 300, -4, -3, 7, 7};
    float[] got = rotated(device, spec, positions);
    float[] expected = rotated(REFERENCE, spec, positions);
    for (int i = 0; i < expected.length; i++) {
      assertThat(got[i]).as("at %s", i).isCloseTo(expected[i], within(2e-6f));
    }
  }

  private static float[] rotated(Backend backend, RopeSpec spec, int... positions) {
    NdArray x = random(backend, 9, 2, positions.length / 2, 50);
    NdArray at = uploaded(backend, positions, 2, positions.length / 2);
    backend.attention().rope(spec, x, at, false, x);
    return downloaded(backend, x);
  }

  // ---- arrays

  private static float[] normals(long seed, int size) {
    RandomStream random = RandomStream.of(seed, "attention");
    float[] values = new float[size];
    for (int i = 0; i < size; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }

  private static NdArray random(Backend backend, long seed, int... dims) {
    return uploaded(backend, normals(seed, (int) Shape.of(dims).size()), dims);
  }

  private static NdArray array(Backend backend, int... dims) {
    float[] values = new float[(int) Shape.of(dims).size()];
    Arrays.fill(values, UNTOUCHED);
    return uploaded(backend, values, dims);
  }

  private static NdArray uploaded(Backend backend, float[] values, int... dims) {
    Storage storage = backend.allocate(DType.F32, values.length);
    NdArray array = new NdArray(storage, 0, Shape.of(dims));
    backend.upload(values, 0, array);
    return array;
  }

  private static NdArray uploaded(Backend backend, int[] values, int... dims) {
    NdArray array = new NdArray(backend.allocate(DType.I32, values.length), 0, Shape.of(dims));
    backend.upload(values, 0, array);
    return array;
  }

  private static float[] downloaded(Backend backend, NdArray array) {
    float[] values = new float[(int) array.size()];
    backend.download(array, values, 0);
    return values;
  }
}
