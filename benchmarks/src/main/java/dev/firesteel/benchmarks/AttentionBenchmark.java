package dev.firesteel.benchmarks;

import dev.firesteel.array.DType;
import dev.firesteel.array.NdArray;
import dev.firesteel.array.Shape;
import dev.firesteel.backend.AttentionSpec;
import dev.firesteel.backend.Backend;
import dev.firesteel.backend.BackendKind;
import dev.firesteel.backend.BackendOptions;
import dev.firesteel.backend.Precision;
import dev.firesteel.backend.choice.Backends;
import dev.firesteel.random.RandomStream;
import java.util.Locale;

/**
 * Milliseconds of causal attention, forward and backward, and what they are for each token: first
 * one layer of the shapes that the training step is measured with, then one head width at growing
 * lengths. GFLOP/s count the products of visible pairs alone, {@code T (T + 1) / 2} a head: 2
 * products forward, 5 backward. Arguments: {@code fp32|bf16 THREADS}.
 *
 * <pre>{@code
 * ./mvnw -q -Pattention -pl benchmarks -am verify -DskipTests -Dbenchmark="fp32 2"
 * }</pre>
 */
final class AttentionBenchmark {
  private static final int WARM_UP_ROUNDS = 6;
  private static final int ROUNDS = 15;
  private static final double ROUND_SECONDS = 0.05;

  private AttentionBenchmark() {}

  public static void main(String[] args) {
    Precision precision = Precision.valueOf(args[0].toUpperCase(Locale.ROOT));
    int threads = Integer.parseInt(args[1]);
    System.out.println(Machine.describe());
    System.out.println();
    try (Backend backend =
        Backends.create(new BackendOptions(BackendKind.CPU, precision, threads))) {
      System.out.println(backend.description());
      System.out.println();
      System.out.println(
          "| shape | B | T | heads | kv heads | width | forward ms | backward ms | GFLOP/s"
              + " | GFLOP/s | us/token | us/token |");
      System.out.println("|---|---|---|---|---|---|---|---|---|---|---|---|");
      measure(backend, "4.3M", 8, 256, AttentionSpec.of(4, 4, 64));
      measure(backend, "124M", 4, 256, AttentionSpec.of(12, 12, 64));
      measure(backend, "grouped", 4, 512, AttentionSpec.of(8, 4, 64));
      measure(backend, "wide heads", 4, 256, AttentionSpec.of(4, 4, 128));
      measure(backend, "narrow heads", 8, 256, AttentionSpec.of(8, 8, 32));
      for (int tokens = 256; tokens <= 4096; tokens *= 2) {
        measure(backend, "length", 1, tokens, AttentionSpec.of(12, 12, 64));
      }
    }
  }

  private static void measure(
      Backend backend, String name, int batch, int tokens, AttentionSpec spec) {
    NdArray qkv = normal(backend, batch, tokens, spec.packedWidth());
    NdArray dOut = normal(backend, batch, tokens, spec.outputWidth());
    NdArray out = zeros(backend, batch, tokens, spec.outputWidth());
    NdArray logSumExp = zeros(backend, batch, spec.heads(), tokens);
    NdArray dQkv = zeros(backend, batch, tokens, spec.packedWidth());
    PackedAttention attention = new PackedAttention(backend, spec, batch, tokens);
    Runnable forward = () -> attention.forward(backend, qkv, out, logSumExp);
    Runnable backward = () -> attention.backward(backend, qkv, out, logSumExp, dOut, dQkv);
    for (int round = 0; round < WARM_UP_ROUNDS; round++) {
      seconds(forward);
      seconds(backward);
    }
    double[] forwards = new double[ROUNDS];
    double[] backwards = new double[ROUNDS];
    for (int round = 0; round < ROUNDS; round++) {
      forwards[round] = seconds(forward);
      backwards[round] = seconds(backward);
    }
    double forwardSeconds = Report.median(forwards);
    double backwardSeconds = Report.median(backwards);
    double pairs = (double) batch * spec.heads() * tokens * (tokens + 1) / 2;
    double flops = 2 * pairs * spec.headWidth();
    System.out.printf(
        Locale.ROOT,
        "| %s | %d | %d | %d | %d | %d | %.2f | %.2f | %.0f | %.0f | %.2f | %.2f |%n",
        name,
        batch,
        tokens,
        spec.heads(),
        spec.keyValueHeads(),
        spec.headWidth(),
        1e3 * forwardSeconds,
        1e3 * backwardSeconds,
        2 * flops / forwardSeconds * 1e-9,
        5 * flops / backwardSeconds * 1e-9,
        1e6 * forwardSeconds / (batch * tokens),
        1e6 * backwardSeconds / (batch * tokens));
  }

  /** Of one call, from as many as fill {@value #ROUND_SECONDS} seconds. */
  private static double seconds(Runnable call) {
    long start = System.nanoTime();
    long end = start + (long) (1e9 * ROUND_SECONDS);
    int calls = 0;
    long now = start;
    while (now < end) {
      call.run();
      calls++;
      now = System.nanoTime();
    }
    return (now - start) * 1e-9 / calls;
  }

  private static NdArray zeros(Backend backend, int... dims) {
    Shape shape = Shape.of(dims);
    return new NdArray(backend.allocate(DType.F32, shape.size()), 0, shape);
  }

  private static NdArray normal(Backend backend, int... dims) {
    RandomStream random = RandomStream.of(1, "attention benchmark");
    NdArray array = zeros(backend, dims);
    float[] values = new float[(int) array.size()];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextGaussian();
    }
    backend.upload(values, 0, array);
    return array;
  }
}
