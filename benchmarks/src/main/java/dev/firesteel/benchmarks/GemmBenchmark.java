package dev.firesteel.benchmarks;

import dev.firesteel.array.DType;
import dev.firesteel.array.NdArray;
import dev.firesteel.array.Shape;
import dev.firesteel.backend.Activation;
import dev.firesteel.backend.Backend;
import dev.firesteel.backend.Backend.Write;
import dev.firesteel.backend.Precision;
import dev.firesteel.backend.cpu.CpuBackend;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.util.Locale;
import java.util.Random;
import org.bytedeco.dnnl.global.dnnl;
import org.bytedeco.javacpp.FloatPointer;

/**
 * GFLOP/s of the cpu backend's float32 products on one core, beside oneDNN's {@code sgemm} in the
 * same run, in turns: the machine's slow phases then meet both. Both run on the calling thread,
 * whose CPU time counts, so that other load disturbs less.
 *
 * <pre>{@code
 * ./mvnw -q -Pgemm -pl benchmarks -am verify -DskipTests
 * }</pre>
 */
public final class GemmBenchmark {
  private static final int ROUNDS = 15;
  private static final double ROUND_SECONDS = 0.05;

  private static final ThreadMXBean THREADS = ManagementFactory.getThreadMXBean();

  private GemmBenchmark() {}

  /** The three products of a linear layer of M rows, K inputs and N outputs. */
  private enum Product {
    FORWARD,
    INPUT_GRADIENT,
    WEIGHT_GRADIENT
  }

  public static void main(String[] args) {
    if (!"1".equals(System.getenv("OMP_NUM_THREADS"))) {
      throw new IllegalStateException("Set OMP_NUM_THREADS=1: one core is measured");
    }
    int[][] shapes = {
      {64, 1024, 256},
      {256, 1024, 256},
      {1024, 1024, 256},
      {2048, 256, 1024},
      {256, 3072, 768},
      {256, 768, 3072},
      {2048, 768, 768},
      {1, 1024, 1024}
    };
    try (CpuBackend backend = new CpuBackend(Precision.FP32, 1)) {
      System.out.println(backend.description() + ", Java " + System.getProperty("java.version"));
      System.out.println("| product | M | N | K | cpu GFLOP/s | oneDNN GFLOP/s | ratio |");
      System.out.println("|---|---|---|---|---|---|---|");
      for (int[] shape : shapes) {
        for (Product product : Product.values()) {
          measure(backend, product, shape[0], shape[1], shape[2]);
        }
      }
    }
  }

  private static void measure(Backend backend, Product product, int m, int n, int k) {
    float[] x = random(m * k);
    float[] w = random(n * k);
    float[] dy = random(m * n);
    NdArray inputs = upload(backend, x, m, k);
    NdArray weights = upload(backend, w, n, k);
    NdArray gradients = upload(backend, dy, m, n);
    NdArray out = upload(backend, new float[m * n], m, n);
    NdArray dInputs = upload(backend, new float[m * k], m, k);
    NdArray dWeights = upload(backend, new float[n * k], n, k);
    try (FloatPointer nativeX = new FloatPointer(x);
        FloatPointer nativeW = new FloatPointer(w);
        FloatPointer nativeDy = new FloatPointer(dy);
        FloatPointer nativeOut = new FloatPointer((long) m * n);
        FloatPointer nativeDx = new FloatPointer((long) m * k);
        FloatPointer nativeDw = new FloatPointer((long) n * k)) {
      Runnable ours =
          switch (product) {
            case FORWARD ->
                () ->
                    backend
                        .products()
                        .linear(inputs, weights, null, Activation.IDENTITY, null, out);
            case INPUT_GRADIENT ->
                () ->
                    backend.products().linearBackwardInput(gradients, weights, dInputs, Write.SET);
            case WEIGHT_GRADIENT ->
                () ->
                    backend.products().linearBackwardWeight(gradients, inputs, dWeights, Write.SET);
          };
      Runnable peer =
          switch (product) {
            case FORWARD -> () -> sgemm('N', 'T', m, n, k, nativeX, k, nativeW, k, nativeOut);
            case INPUT_GRADIENT ->
                () -> sgemm('N', 'N', m, k, n, nativeDy, n, nativeW, k, nativeDx);
            case WEIGHT_GRADIENT ->
                () -> sgemm('T', 'N', n, k, m, nativeDy, n, nativeX, k, nativeDw);
          };
      ours.run();
      peer.run();
      switch (product) {
        case FORWARD -> requireEqual(backend, out, nativeOut);
        case INPUT_GRADIENT -> requireEqual(backend, dInputs, nativeDx);
        case WEIGHT_GRADIENT -> requireEqual(backend, dWeights, nativeDw);
      }
      double[] oursRates = new double[ROUNDS];
      double[] peerRates = new double[ROUNDS];
      double flops = 2.0 * m * n * k;
      for (int round = 0; round < ROUNDS; round++) {
        oursRates[round] = rate(ours, flops);
        peerRates[round] = rate(peer, flops);
      }
      double oursRate = Report.median(oursRates);
      double peerRate = Report.median(peerRates);
      System.out.printf(
          Locale.ROOT,
          "| %s | %d | %d | %d | %.1f | %.1f | %.2f |%n",
          product.name().toLowerCase(Locale.ROOT).replace('_', ' '),
          m,
          n,
          k,
          oursRate,
          peerRate,
          oursRate / peerRate);
    }
  }

  private static void sgemm(
      char transposeA,
      char transposeB,
      int m,
      int n,
      int k,
      FloatPointer a,
      int aStride,
      FloatPointer b,
      int bStride,
      FloatPointer c) {
    int status =
        dnnl.dnnl_sgemm(
            (byte) transposeA, (byte) transposeB, m, n, k, 1f, a, aStride, b, bStride, 0f, c, n);
    if (status != dnnl.dnnl_success) {
      throw new IllegalStateException("dnnl_sgemm failed with status " + status);
    }
  }

  private static void requireEqual(Backend backend, NdArray got, FloatPointer want) {
    float[] values = new float[(int) got.size()];
    backend.download(got, values, 0);
    for (int i = 0; i < values.length; i++) {
      if (!(Math.abs(values[i] - want.get(i)) < 1e-3)) {
        throw new IllegalStateException(
            "element " + i + " differs: " + values[i] + ", oneDNN says " + want.get(i));
      }
    }
  }

  /** GFLOP for each second of this thread's CPU time, over about {@value #ROUND_SECONDS} s. */
  private static double rate(Runnable product, double flops) {
    long start = THREADS.getCurrentThreadCpuTime();
    long end = start + (long) (1e9 * ROUND_SECONDS);
    int runs = 0;
    long now = start;
    while (now < end) {
      product.run();
      runs++;
      now = THREADS.getCurrentThreadCpuTime();
    }
    return runs * flops / (now - start);
  }

  private static float[] random(int size) {
    Random random = new Random(size);
    float[] values = new float[size];
    for (int i = 0; i < size; i++) {
      values[i] = random.nextFloat() - 0.5f;
    }
    return values;
  }

  private static NdArray upload(Backend backend, float[] values, int rows, int columns) {
    Shape shape = Shape.of(rows, columns);
    NdArray array = new NdArray(backend.allocate(DType.F32, values.length), 0, shape);
    backend.upload(values, 0, array);
    return array;
  }
}
