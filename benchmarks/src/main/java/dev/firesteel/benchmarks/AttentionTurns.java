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
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.Locale;

/**
 * Causal attention of one shape: for each line {@code forward} or {@code backward} of standard
 * input, writes the nanoseconds of one call, from as many as fill {@value #TURN_SECONDS} seconds.
 * Main class of a child JVM of {@link AttentionBenchmark}, which may run it with the classes of
 * another build: {@code fp32|bf16 THREADS B T HEADS KV_HEADS HEAD_WIDTH WARM_UP_SECONDS}.
 */
final class AttentionTurns {
  private static final double TURN_SECONDS = 0.04;

  private AttentionTurns() {}

  public static void main(String[] args) throws IOException {
    Precision precision = Precision.valueOf(args[0].toUpperCase(Locale.ROOT));
    int batch = Integer.parseInt(args[2]);
    int tokens = Integer.parseInt(args[3]);
    AttentionSpec spec =
        AttentionSpec.of(
            Integer.parseInt(args[4]), Integer.parseInt(args[5]), Integer.parseInt(args[6]));
    try (Backend backend =
        Backends.create(
            new BackendOptions(BackendKind.CPU, precision, Integer.parseInt(args[1])))) {
      NdArray qkv = normal(backend, batch, tokens, spec.packedWidth());
      NdArray dOut = normal(backend, batch, tokens, spec.outputWidth());
      NdArray out = zeros(backend, batch, tokens, spec.outputWidth());
      NdArray logSumExp = zeros(backend, batch, spec.heads(), tokens);
      NdArray dQkv = zeros(backend, batch, tokens, spec.packedWidth());
      PackedAttention attention = new PackedAttention(backend, spec, batch, tokens);
      Runnable forward = () -> attention.forward(backend, qkv, out, logSumExp);
      Runnable backward = () -> attention.backward(backend, qkv, out, logSumExp, dOut, dQkv);
      long warm = System.nanoTime() + (long) (1e9 * Double.parseDouble(args[7]));
      while (System.nanoTime() < warm) {
        nanos(forward);
        nanos(backward);
      }
      serve(forward, backward);
    }
  }

  private static void serve(Runnable forward, Runnable backward) throws IOException {
    BufferedReader in =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    System.out.println(WorkServer.MARK + "ready");
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      System.out.println(WorkServer.MARK + nanos(line.equals("forward") ? forward : backward));
    }
  }

  private static long nanos(Runnable call) {
    long start = System.nanoTime();
    long end = start + (long) (1e9 * TURN_SECONDS);
    int calls = 0;
    long now = start;
    while (now < end) {
      call.run();
      calls++;
      now = System.nanoTime();
    }
    return (now - start) / calls;
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
