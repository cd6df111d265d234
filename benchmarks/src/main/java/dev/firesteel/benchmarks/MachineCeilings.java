package dev.firesteel.benchmarks;

import dev.firesteel.array.DType;
import dev.firesteel.array.NdArray;
import dev.firesteel.array.Shape;
import dev.firesteel.backend.Activation;
import dev.firesteel.backend.Precision;
import dev.firesteel.backend.cpu.CpuBackend;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.function.DoubleSupplier;
import java.util.function.LongSupplier;
import org.bytedeco.dnnl.IntMemoryMap;
import org.bytedeco.dnnl.engine;
import org.bytedeco.dnnl.global.dnnl;
import org.bytedeco.dnnl.matmul;
import org.bytedeco.dnnl.memory;
import org.bytedeco.dnnl.reorder;
import org.bytedeco.dnnl.stream;
import org.bytedeco.javacpp.FloatPointer;

/**
 * What the machine can do at best with some threads at once, measured within seconds: the best of
 * many rounds of each, since a ceiling is what other load does not lower. Rounds go on until the
 * JIT compiler has nothing left to do and none is better. Main class of a child JVM: {@code
 * THREADS}.
 *
 * @param threads how many ran at once
 * @param fma float32 multiply-adds on registers, GFLOP/s
 * @param fp32 our float32 product, [2048, 1024] by [1024, 1024], GFLOP/s
 * @param oneDnnF32 oneDNN's float32 product of 1024, weight packed, one for each thread, GFLOP/s
 * @param oneDnnBf16 the same in bf16; NaN where the CPU has no bf16 instructions
 * @param l2 {@code a = b + s c} (STREAM's triad, 12 bytes an element) on 1 MB for each thread, GB/s
 * @param l3 on 24 MB for each thread, GB/s
 * @param dram on 600 MB in all, GB/s
 * @param read reading 600 MB in all without writing, GB/s
 */
record MachineCeilings(
    int threads,
    double fma,
    double fp32,
    double oneDnnF32,
    double oneDnnBf16,
    double l2,
    double l3,
    double dram,
    double read) {
  /** In a row, that were no better and compiled nothing: by then all is compiled. */
  private static final int STEADY_ROUNDS = 16;

  /** Other threads may compile for ever. */
  private static final int MOST_ROUNDS = 300;

  /** Less is chance. */
  private static final double BETTER = 1.02;

  private static final double ROUND_SECONDS = 0.06;
  private static final int PRODUCT = 1024;
  private static final int KILO = 1 << 10;
  private static final int MEGA = 1 << 20;

  /** Multiply-adds for each element that is loaded and stored, written out in {@link #fmaChain}. */
  private static final int CHAIN = 6;

  public static void main(String[] args) {
    System.out.println(WorkServer.MARK + measure(Integer.parseInt(args[0])).encoded());
  }

  /**
   * Takes some 15 s and 700 MB of heap.
   *
   * @throws IllegalStateException when oneDNN would start threads of its own
   */
  static MachineCeilings measure(int threads) {
    if (!"1".equals(System.getenv("OMP_NUM_THREADS"))) {
      throw new IllegalStateException("Set OMP_NUM_THREADS=1: threads are counted here");
    }
    int large = 600 * MEGA / Float.BYTES / threads;
    return new MachineCeilings(
        threads,
        best(threads, MachineCeilings::fmaPeak),
        fp32Product(threads),
        best(threads, () -> oneDnnProduct(memory.data_type.f32)),
        Machine.hasBf16() ? best(threads, () -> oneDnnProduct(memory.data_type.bf16)) : Double.NaN,
        best(threads, () -> triad(MEGA / Float.BYTES)),
        best(threads, () -> triad(24 * MEGA / Float.BYTES)),
        best(threads, () -> triad(large)),
        best(threads, () -> reading(large)));
  }

  /** {@link #read} alone, in GB/s, within seconds. */
  static double measureRead(int threads) {
    return best(threads, () -> reading(600 * MEGA / Float.BYTES / threads));
  }

  /** Work that can be repeated. */
  private record Repeatable(Runnable run, double amount) {}

  /** Makes the work of one thread. */
  private interface Maker {
    Repeatable make();
  }

  /** The best rate of {@code threads} at once, in units of 1e9 a second. */
  private static double best(int threads, Maker maker) {
    List<Repeatable> works = new ArrayList<>();
    for (int i = 0; i < threads; i++) {
      works.add(maker.make());
    }
    return bestWhenSteady(
        () -> round(works), ManagementFactory.getCompilationMXBean()::getTotalCompilationTime);
  }

  /**
   * The best of rounds that go on until they are steady. A profile's products are those of another
   * precision, so that the first rounds here are compiled while they run.
   *
   * @param round gives its rate
   * @param compiled grows whenever something was compiled
   */
  static double bestWhenSteady(DoubleSupplier round, LongSupplier compiled) {
    double best = 0;
    int steady = 0;
    for (int i = 0; i < MOST_ROUNDS && steady < STEADY_ROUNDS; i++) {
      long compiledBefore = compiled.getAsLong();
      double rate = round.getAsDouble();
      boolean same = rate <= best * BETTER && compiled.getAsLong() == compiledBefore;
      steady = same ? steady + 1 : 0;
      best = Math.max(best, rate);
    }
    return best;
  }

  private static double round(List<Repeatable> works) {
    int threads = works.size();
    double[] rates = new double[threads];
    CountDownLatch ready = new CountDownLatch(threads);
    List<Thread> team = new ArrayList<>();
    for (int i = 0; i < threads; i++) {
      int index = i;
      Thread thread =
          new Thread(
              () -> {
                ready.countDown();
                while (ready.getCount() > 0) {
                  Thread.onSpinWait();
                }
                rates[index] = rate(works.get(index));
              });
      team.add(thread);
      thread.start();
    }
    team.forEach(MachineCeilings::join);
    return Arrays.stream(rates).sum();
  }

  private static void join(Thread thread) {
    try {
      thread.join();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }

  private static double rate(Repeatable work) {
    long start = System.nanoTime();
    long end = start + (long) (1e9 * ROUND_SECONDS);
    double amount = 0;
    long now = start;
    while (now < end) {
      work.run.run();
      amount += work.amount;
      now = System.nanoTime();
    }
    return amount / (now - start);
  }

  private static Repeatable fmaPeak() {
    float[] values = new float[4 * KILO];
    return new Repeatable(
        () -> {
          for (int pass = 0; pass < KILO; pass++) {
            fmaChain(values, 0.999f, 0.5f);
          }
        },
        2.0 * CHAIN * KILO * values.length);
  }

  /**
   * The compiler makes vectors of it; the chains are so short that the CPU has those of several
   * neighbouring vectors in flight.
   */
  private static void fmaChain(float[] values, float a, float b) {
    for (int i = 0; i < values.length; i++) {
      float x = values[i];
      x = Math.fma(Math.fma(Math.fma(x, a, b), a, b), a, b);
      x = Math.fma(Math.fma(Math.fma(x, a, b), a, b), a, b);
      values[i] = x;
    }
  }

  private static Repeatable triad(int floats) {
    int size = floats / 3;
    float[] a = new float[size];
    float[] b = new float[size];
    float[] c = new float[size];
    return new Repeatable(() -> triad(a, b, c, 0.5f), 3.0 * Float.BYTES * size);
  }

  private static void triad(float[] a, float[] b, float[] c, float s) {
    for (int i = 0; i < a.length; i++) {
      a[i] = b[i] + s * c[i];
    }
  }

  private static Repeatable reading(int floats) {
    float[] sums = new float[4 * KILO];
    float[][] rows = new float[floats / sums.length][sums.length];
    return new Repeatable(
        () -> {
          for (float[] row : rows) {
            addTo(sums, row);
          }
        },
        (double) Float.BYTES * rows.length * sums.length);
  }

  /** The sums stay in the first-level cache. */
  private static void addTo(float[] sums, float[] values) {
    for (int i = 0; i < sums.length; i++) {
      sums[i] += values[i];
    }
  }

  private static double fp32Product(int threads) {
    int rows = 2 * PRODUCT;
    try (CpuBackend backend = new CpuBackend(Precision.FP32, threads)) {
      NdArray x = array(backend, rows, PRODUCT);
      NdArray w = array(backend, PRODUCT, PRODUCT);
      NdArray y = array(backend, rows, PRODUCT);
      return best(
          1,
          () ->
              new Repeatable(
                  () -> backend.products().linear(x, w, null, Activation.IDENTITY, null, y),
                  2.0 * rows * PRODUCT * PRODUCT));
    }
  }

  private static NdArray array(CpuBackend backend, int rows, int columns) {
    Shape shape = Shape.of(rows, columns);
    NdArray array = new NdArray(backend.allocate(DType.F32, shape.size()), 0, shape);
    backend.upload(random(rows * columns), 0, array);
    return array;
  }

  /**
   * {@code x w^T} with the weight as oneDNN likes it best. What it holds lives as long as the JVM.
   */
  private static Repeatable oneDnnProduct(memory.data_type type) {
    engine cpu = new engine(engine.kind.cpu, 0);
    stream queue = new stream(cpu);
    long[] extents = {PRODUCT, PRODUCT};
    memory.desc rows = new memory.desc(extents, type, memory.format_tag.ab);
    memory.desc any = new memory.desc(extents, type, memory.format_tag.any);
    memory.desc sums = new memory.desc(extents, memory.data_type.f32, memory.format_tag.ab);
    matmul.primitive_desc description = new matmul.primitive_desc(cpu, rows, any, sums);
    memory x = converted(cpu, queue, rows, memory.format_tag.ab);
    memory w = converted(cpu, queue, description.weights_desc(), memory.format_tag.ba);
    IntMemoryMap arguments = new IntMemoryMap();
    arguments.put(dnnl.DNNL_ARG_SRC, x);
    arguments.put(dnnl.DNNL_ARG_WEIGHTS, w);
    arguments.put(dnnl.DNNL_ARG_DST, new memory(sums, cpu));
    matmul product = new matmul(description);
    return new Repeatable(
        () -> {
          product.execute(queue, arguments);
          queue._wait();
        },
        2.0 * PRODUCT * PRODUCT * PRODUCT);
  }

  private static memory converted(
      engine cpu, stream queue, memory.desc to, memory.format_tag layout) {
    float[] values = random(PRODUCT * PRODUCT);
    memory from =
        new memory(
            new memory.desc(new long[] {PRODUCT, PRODUCT}, memory.data_type.f32, layout),
            cpu,
            new FloatPointer(values));
    memory converted = new memory(to, cpu);
    new reorder(from, converted).execute(queue, from, converted);
    queue._wait();
    return converted;
  }

  private static float[] random(int size) {
    Random random = new Random(size);
    float[] values = new float[size];
    for (int i = 0; i < size; i++) {
      values[i] = random.nextFloat() - 0.5f;
    }
    return values;
  }

  /** For {@link #decoded}. */
  private String encoded() {
    return String.format(
        Locale.ROOT,
        "%d %f %f %f %f %f %f %f %f",
        threads,
        fma,
        fp32,
        oneDnnF32,
        oneDnnBf16,
        l2,
        l3,
        dram,
        read);
  }

  /** What a child JVM printed. */
  static MachineCeilings decoded(String line) {
    String[] f = line.split(" ", -1);
    return new MachineCeilings(
        Integer.parseInt(f[0]),
        Double.parseDouble(f[1]),
        Double.parseDouble(f[2]),
        Double.parseDouble(f[3]),
        Double.parseDouble(f[4]),
        Double.parseDouble(f[5]),
        Double.parseDouble(f[6]),
        Double.parseDouble(f[7]),
        Double.parseDouble(f[8]));
  }

  /** Head of a Markdown table of {@link #row}s. */
  static String header() {
    return "| threads | FMA peak | Firesteel fp32 product | oneDNN f32 product | oneDNN bf16 product"
        + " | triad in L2 | in L3 | in memory | reading memory |\n"
        + "|---|---|---|---|---|---|---|---|---|\n"
        + "| | GFLOP/s | GFLOP/s | GFLOP/s | GFLOP/s | GB/s | GB/s | GB/s | GB/s |";
  }

  /** A row of a Markdown table. */
  String row() {
    return String.format(
        Locale.ROOT,
        "| %d | %.0f | %.0f | %.0f | %.0f | %.0f | %.0f | %.1f | %.1f |",
        threads,
        fma,
        fp32,
        oneDnnF32,
        oneDnnBf16,
        l2,
        l3,
        dram,
        read);
  }
}
