package dev.firesteel.backend.cpu;

import dev.firesteel.array.DType;
import dev.firesteel.array.NdArray;
import dev.firesteel.array.Shape;
import dev.firesteel.backend.Activation;
import dev.firesteel.backend.AdamWStep;
import dev.firesteel.backend.AttentionSpec;
import dev.firesteel.backend.Backend.Write;
import dev.firesteel.backend.Heads;
import dev.firesteel.backend.LionStep;
import dev.firesteel.backend.Packed;
import dev.firesteel.backend.Precision;
import dev.firesteel.backend.RopeSpec;
import dev.firesteel.random.RandomStream;
import dev.firesteel.tensor.RowLayout;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Runs every kernel of a {@link CpuBackend} on odd shapes and gives a hash of each one's result
 * bits (NaNs counting as equal): the same for any number of threads, primitives, CPU and JDK. A
 * program as well, so that other JVMs can be asked.
 */
final class KernelDigest {
  private final CpuBackend backend;
  private final RandomStream random = RandomStream.of(7, "kernel digest");
  private final Map<String, Long> digests = new LinkedHashMap<>();

  private KernelDigest(CpuBackend backend) {
    this.backend = backend;
  }

  /** Prints one line for each kernel; the argument is the number of threads. */
  public static void main(String[] args) {
    of(Integer.parseInt(args[0]), Simd.Choice.best())
        .forEach((kernel, hash) -> System.out.println(kernel + " " + Long.toHexString(hash)));
  }

  static Map<String, Long> of(int threads, Simd.Choice simd) {
    try (CpuBackend backend = new CpuBackend(Precision.FP32, threads, simd)) {
      KernelDigest digest = new KernelDigest(backend);
      digest.products();
      digest.elementwise();
      digest.reductions();
      digest.norms();
      digest.attention();
      digest.losses();
      digest.updates();
      return digest.digests;
    }
  }

  private void products() {
    for (Activation f : Activation.values()) {
      NdArray before = result(67, 45);
      NdArray out = result(67, 45);
      backend.products().linear(normal(67, 259), normal(45, 259), normal(45), f, before, out);
      record("linear " + f, before, out);
    }
    NdArray row = result(1, 70);
    backend.products().linear(normal(1, 3), normal(70, 3), null, Activation.IDENTITY, null, row);
    record("linear of one row", row);
    NdArray wide = result(131, 1061);
    backend
        .products()
        .linear(normal(131, 261), normal(1061, 261), null, Activation.IDENTITY, null, wide);
    record("linear with shared rows", wide);
    NdArray dx = normal(67, 35);
    backend.products().linearBackwardInput(normal(67, 45), normal(45, 35), dx, Write.ADD);
    record("linearBackwardInput", dx);
    NdArray dw = normal(45, 35);
    backend.products().linearBackwardWeight(normal(67, 45), normal(67, 35), dw, Write.ADD);
    record("linearBackwardWeight", dw);
    for (boolean transposeA : new boolean[] {false, true}) {
      for (boolean transposeB : new boolean[] {false, true}) {
        NdArray out = result(3, 13, 37);
        NdArray a = transposeA ? normal(3, 5, 13) : normal(3, 13, 5);
        NdArray b = transposeB ? normal(3, 37, 5) : normal(3, 5, 37);
        backend.products().matmul(a, transposeA, b, transposeB, out, Write.SET);
        record("matmul " + transposeA + " " + transposeB, out);
      }
    }
  }

  private void elementwise() {
    for (Activation f : Activation.values()) {
      NdArray out = result(3, 1031);
      NdArray x = wide(3, 1031);
      backend.elementwise().activation(f, x, out);
      NdArray dx = result(3, 1031);
      NdArray dBias = normal(1031);
      backend.elementwise().activationBackward(f, x, normal(3, 1031), dx, null, Write.SET);
      record("activation " + f, out, dx);
      backend.elementwise().activationBackward(f, x, normal(3, 1031), dx, dBias, Write.ADD);
      record("activation and bias " + f, dx, dBias);
    }
    NdArray gated = result(5, 77);
    NdArray dGateUp = result(5, 154);
    NdArray gateUp = wide(5, 154);
    backend.elementwise().swiGlu(gateUp, gated);
    backend.elementwise().swiGluBackward(gateUp, normal(5, 77), dGateUp);
    record("swiGlu", gated, dGateUp);
    NdArray dropped = result(40_001);
    backend.elementwise().dropout(normal(40_001), 123456789L, 0.3, dropped);
    record("dropout", dropped);
    NdArray sum = result(40_001);
    backend.elementwise().add(normal(40_001), normal(40_001), sum);
    backend.elementwise().addScaled(0.3, normal(40_001), sum);
    backend.elementwise().multiply(sum, normal(40_001), sum);
    backend.elementwise().scale(1.7, sum, sum);
    record("elementwise", sum);
    NdArray shifted = result(33, 19);
    backend.elementwise().add(normal(33, 19), normal(19), shifted);
    backend.elementwise().copyColumns(normal(33, 7), 2, shifted, 11, 5, Write.ADD);
    record("copyColumns", shifted);
  }

  private void reductions() {
    NdArray x = normal(1001, 133);
    NdArray rows = normal(133);
    backend.reductions().sumRows(x, rows, Write.ADD);
    NdArray total = result();
    backend.reductions().sum(x, total);
    record("sums", rows, total);
    digests.put("sumOfSquares", Double.doubleToLongBits(backend.reductions().sumOfSquares(x)));
  }

  private void norms() {
    NdArray x = normal(131, 77);
    NdArray gain = normal(77);
    NdArray dy = normal(131, 77);
    NdArray mean = result(131);
    NdArray rstd = result(131);
    NdArray out = result(131, 77);
    NdArray dx = result(131, 77);
    NdArray dGain = result(77);
    backend.norms().layerNorm(x, gain, normal(77), 1e-5, out, mean, rstd);
    NdArray dBias = result(77);
    backend
        .norms()
        .layerNormBackward(
            x, gain, mean, rstd, dy, dx, Write.SET, dGain, Write.SET, dBias, Write.SET);
    record("layerNorm", out, mean, rstd, dx, dGain, dBias);
    backend.norms().rmsNorm(x, gain, 1e-5, out, rstd);
    backend.norms().rmsNormBackward(x, gain, rstd, dy, dx, Write.ADD, dGain, Write.ADD);
    record("rmsNorm", out, rstd, dx, dGain);
  }

  private void attention() {
    NdArray y = result(9, 143);
    NdArray dx = result(9, 143);
    backend.attention().softmax(wide(9, 143), y);
    backend.attention().softmaxBackward(y, normal(9, 143), dx);
    record("softmax", y, dx);
    for (RopeSpec.Layout layout : RopeSpec.Layout.values()) {
      NdArray turned = result(2, 9, 40);
      NdArray positions = integers(0, 50, 2, 9);
      backend
          .attention()
          .rope(new RopeSpec(3, 10, 10000, layout), normal(2, 9, 40), positions, false, turned);
      record("rope " + layout, turned);
    }
    causalAttention(AttentionSpec.of(4, 2, 11), 71);
    causalAttention(AttentionSpec.of(2, 1, 70), 150);
    AttentionSpec spec = AttentionSpec.of(4, 2, 11);
    NdArray cache = normal(2, 20, 22);
    backend.attention().append(normal(2, 3, spec.packedWidth()), 7, cache, integers(0, 17, 2));
    record("append", cache);
    NdArray q = normal(2, 70, spec.outputWidth());
    NdArray kv = normal(2, 90, 2 * spec.keyValueWidth());
    NdArray bias = normal(4, 70, 90);
    NdArray out = result(2, 70, spec.outputWidth());
    NdArray logSumExp = result(2, 4, 70);
    NdArray ranges =
        integersOf(RowLayout.whole(2, 70).cross(RowLayout.leftPadded(90, 90, 37)), 2, 70, 2);
    Heads queries = Heads.queries(q);
    Heads keys = new Heads(kv, 0);
    Heads values = new Heads(kv, spec.keyValueWidth());
    backend.attention().attention(spec, queries, keys, values, ranges, bias, out, logSumExp);
    NdArray dQ = result(2, 70, spec.outputWidth());
    NdArray dKv = result(2, 90, 2 * spec.keyValueWidth());
    NdArray dBias = result(4, 70, 90);
    backend
        .attention()
        .attentionBackward(
            spec,
            queries,
            keys,
            values,
            ranges,
            bias,
            out,
            logSumExp,
            normal(2, 70, spec.outputWidth()),
            Heads.queries(dQ),
            new Heads(dKv, 0),
            new Heads(dKv, spec.keyValueWidth()),
            dBias);
    record("attention across with a bias", out, logSumExp, dQ, dKv, dBias);
    oneQuery(AttentionSpec.of(4, 2, 11), 37);
    oneQuery(AttentionSpec.of(2, 1, 70), 90);
  }

  /** As in decoding with a cache. */
  private void oneQuery(AttentionSpec spec, int length) {
    NdArray ranges = integersOf(new int[] {3, length, 0, length - 9}, 2, 1, 2);
    NdArray cache = normal(2, 90, spec.keyValueWidth());
    NdArray out = result(2, 1, spec.outputWidth());
    NdArray q = normal(2, 1, spec.outputWidth());
    backend
        .attention()
        .attention(
            spec,
            Heads.queries(q),
            new Heads(cache, 0),
            new Heads(cache, 0),
            ranges,
            null,
            out,
            null);
    record("attention of one query over " + length, out);
  }

  private void causalAttention(AttentionSpec spec, int tokens) {
    NdArray qkv = normal(2, tokens, spec.packedWidth());
    NdArray ranges = integersOf(RowLayout.whole(2, tokens).causal(), 2, tokens, 2);
    NdArray out = result(2, tokens, spec.outputWidth());
    NdArray logSumExp = result(2, spec.heads(), tokens);
    NdArray dQkv = result(2, tokens, spec.packedWidth());
    Packed.forward(backend, spec, qkv, ranges, out, logSumExp);
    NdArray dOut = normal(2, tokens, spec.outputWidth());
    Packed.backward(backend, spec, qkv, ranges, out, logSumExp, dOut, dQkv);
    record("attention of heads of " + spec.headWidth(), out, logSumExp, dQkv);
  }

  private void losses() {
    NdArray targets = integers(-3, 133, 70);
    NdArray logits = wide(70, 133);
    NdArray losses = result(70);
    NdArray logSumExp = result(70);
    NdArray dLogits = result(70, 133);
    backend.losses().crossEntropy(logits, targets, losses, logSumExp);
    backend.losses().crossEntropyBackward(logits, targets, logSumExp, normal(70), dLogits);
    record("crossEntropy", losses, logSumExp, dLogits);
    NdArray many = integers(-3, 37, 515);
    NdArray headLosses = result(515);
    NdArray dx = result(515, 9);
    NdArray dw = result(37, 9);
    backend
        .losses()
        .linearCrossEntropy(normal(515, 9), normal(37, 9), many, 1.0 / 515, headLosses, dx, dw);
    record("linearCrossEntropy", headLosses, dx, dw);
    NdArray entropies = result(515);
    NdArray logSums = result(515);
    NdArray x = normal(515, 9);
    NdArray w = wide(37, 9);
    backend.losses().tokenLosses(x, w, many, 0.7, headLosses, logSums, entropies);
    backend
        .losses()
        .tokenLossesBackward(
            x,
            w,
            many,
            0.7,
            logSums,
            entropies,
            normal(515),
            normal(515),
            dx,
            Write.SET,
            dw,
            Write.ADD);
    record("tokenLosses", headLosses, logSums, entropies, dx, dw);
  }

  private void updates() {
    NdArray ids = integers(0, 7, 101);
    NdArray table = normal(7, 33);
    NdArray rows = result(101, 33);
    backend.products().embedding(ids, table, rows);
    backend.products().embeddingBackward(ids, rows, table);
    record("embedding", rows, table);
    NdArray m = normal(40_001);
    NdArray v = result(40_001);
    backend.elementwise().multiply(m, m, v);
    NdArray w = normal(40_001);
    AdamWStep step = new AdamWStep(3e-4, 0.9, 0.95, 1e-8, 0.1, 17, 0.7);
    backend.optimizer().adamW(step, normal(40_001), m, v, w);
    record("adamW", m, v, w);
    backend.optimizer().lion(new LionStep(3e-4, 0.9, 0.99, 0.1, 0.7), normal(40_001), m, w);
    record("lion", m, w);
    NdArray matrix = normal(130, 207);
    NdArray rowSums = result(130);
    NdArray columnSums = result(207);
    backend.optimizer().squareSums(matrix, rowSums, columnSums);
    backend.optimizer().scaleRowsAndColumns(matrix, rowSums, columnSums);
    record("squareSums", rowSums, columnSums, matrix);
  }

  private NdArray normal(int... dims) {
    return uploaded(1, dims);
  }

  /** With exponents beyond float32's range for e^x. */
  private NdArray wide(int... dims) {
    return uploaded(40, dims);
  }

  private NdArray uploaded(double deviation, int... dims) {
    NdArray array = result(dims);
    float[] values = new float[(int) array.size()];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) (deviation * random.nextGaussian());
    }
    backend.upload(values, 0, array);
    return array;
  }

  private NdArray integersOf(int[] values, int... dims) {
    Shape shape = Shape.of(dims);
    NdArray array = new NdArray(backend.allocate(DType.I32, shape.size()), 0, shape);
    backend.upload(values, 0, array);
    return array;
  }

  private NdArray integers(int low, int high, int... dims) {
    Shape shape = Shape.of(dims);
    NdArray array = new NdArray(backend.allocate(DType.I32, shape.size()), 0, shape);
    int[] values = new int[(int) shape.size()];
    for (int i = 0; i < values.length; i++) {
      values[i] = low + random.nextInt(high - low);
    }
    backend.upload(values, 0, array);
    return array;
  }

  private NdArray result(int... dims) {
    Shape shape = Shape.of(dims);
    return new NdArray(backend.allocate(DType.F32, shape.size()), 0, shape);
  }

  private void record(String kernel, NdArray... results) {
    long hash = 1;
    for (NdArray result : results) {
      float[] values = new float[(int) result.size()];
      backend.download(result, values, 0);
      for (float value : values) {
        hash = 31 * hash + Float.floatToIntBits(value);
      }
    }
    digests.put(kernel, hash);
  }
}
