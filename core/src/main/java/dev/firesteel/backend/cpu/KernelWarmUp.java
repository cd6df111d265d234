package dev.firesteel.backend.cpu;

import static dev.firesteel.backend.cpu.VectorKernels.Part.ACTIVATIONS;
import static dev.firesteel.backend.cpu.VectorKernels.Part.ATTENTION;
import static dev.firesteel.backend.cpu.VectorKernels.Part.ELEMENTWISE;
import static dev.firesteel.backend.cpu.VectorKernels.Part.NORMS;
import static dev.firesteel.backend.cpu.VectorKernels.Part.PRIMITIVES;
import static dev.firesteel.backend.cpu.VectorKernels.Part.PRODUCTS;

import com.sun.management.ThreadMXBean;
import dev.firesteel.backend.AdamWStep;
import dev.firesteel.backend.LionStep;
import dev.firesteel.backend.cpu.VectorKernels.Part;
import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalLong;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import java.util.function.Supplier;

/**
 * Runs each Vector API kernel in isolation, on small operands, until the JIT has compiled it so
 * that it allocates nothing: a kernel whose vectors are boxed is many times slower, and stays so
 * for the whole run. A badly compiled kernel gets a new class ({@link VectorKernels#defineAgain})
 * and another try; kernels that still allocate are reported.
 *
 * <p>All kernels run once before any of them is compiled. Lookups that the Vector API performs at
 * the first use of an operation are then done; a later lookup from compiled code would affect the
 * profile of all kernels (rule 7 of docs/performance.md).
 */
final class KernelWarmUp {
  /** Number of calls after which a kernel is compiled, if the compiler keeps up. */
  static final int CALLS_UNTIL_COMPILED = 30_000;

  /**
   * How far the compiler may lag behind on a busy machine before a kernel counts as badly compiled.
   */
  static final Duration COMPILER_LAG = Duration.ofSeconds(3);

  /**
   * Maximum number of times that a class of kernels is redefined before its kernels are reported.
   */
  static final int TRIES = 2;

  /**
   * Bytes per call that are not attributed to vectors of a loop but to a few created once per call.
   */
  static final long FEW_BYTES = 512;

  /** Calls between two checks of the allocated bytes. */
  private static final int CALLS = 20;

  /** Checks of one kernel before moving on to the next: the compiler works meanwhile. */
  private static final int ROUNDS = 5;

  /** A kernel with its own operands. */
  record Kernel(String name, Part part, Consumer<Simd> call) {}

  /** The state of a kernel that is not yet clean. */
  private static final class Trial {
    private final Kernel kernel;
    private int calls;
    private long sinceNanos;

    Trial(Kernel kernel, long nanos) {
      this.kernel = kernel;
      sinceNanos = nanos;
    }
  }

  /** The warm-up of the kernels shared by all backends of this process. */
  private static final KernelWarmUp SHARED = of(VectorKernels.SHARED);

  private final List<Trial> left = new ArrayList<>();
  private final List<Kernel> kernels;
  private final Supplier<Simd> create;
  private final Consumer<Part> defineAgain;
  private final LongSupplier allocatedBytes;
  private final LongSupplier nanoTime;
  private final Map<Part, Integer> tries = new EnumMap<>(Part.class);

  /** Kernels that could not be compiled cleanly, with the bytes they allocate per call. */
  private final Map<String, Long> bad = new TreeMap<>();

  private Simd simd; // null before the first call
  private int version;

  /**
   * @param create creates primitives of the current classes
   * @param defineAgain replaces a class
   * @param allocatedBytes bytes that the calling thread has allocated since it started
   */
  KernelWarmUp(
      List<Kernel> kernels,
      Supplier<Simd> create,
      Consumer<Part> defineAgain,
      LongSupplier allocatedBytes,
      LongSupplier nanoTime) {
    this.kernels = kernels;
    this.create = create;
    this.defineAgain = defineAgain;
    this.allocatedBytes = allocatedBytes;
    this.nanoTime = nanoTime;
  }

  static KernelWarmUp shared() {
    return SHARED;
  }

  /**
   * A warm-up of all kernels of {@code classes}, or of none if the JVM does not measure
   * allocations.
   */
  static KernelWarmUp of(VectorKernels classes) {
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    boolean counts =
        threads.isThreadAllocatedMemorySupported() && threads.isThreadAllocatedMemoryEnabled();
    return new KernelWarmUp(
        counts ? all() : List.of(),
        classes::create,
        classes::defineAgain,
        () -> threads.getThreadAllocatedBytes(Thread.currentThread().getId()),
        System::nanoTime);
  }

  /** How often classes were redefined; holders of earlier primitives should request new ones. */
  synchronized int version() {
    return version;
  }

  /**
   * Processes the kernels that are not yet clean until none is left, for at most {@code limit}
   * (plus one round of calls).
   *
   * @param notice receives a message if kernels cannot be compiled cleanly
   * @return whether none is left
   */
  synchronized boolean run(Duration limit, Consumer<String> notice) {
    long end = nanoTime.getAsLong() + limit.toNanos();
    if (simd == null) {
      simd = create.get();
      for (Kernel kernel : kernels) {
        kernel.call().accept(simd);
      }
      kernels.forEach(kernel -> left.add(new Trial(kernel, nanoTime.getAsLong())));
    }
    do {
      EnumSet<Part> spoilt = EnumSet.noneOf(Part.class);
      for (Iterator<Trial> each = left.iterator(); each.hasNext(); ) {
        Trial trial = each.next();
        OptionalLong bytes = allocatedPerCall(trial, end);
        if (bytes.isEmpty()) {
          each.remove();
        } else if (isCompiled(trial)) {
          Part part = trial.kernel.part();
          if (tries.getOrDefault(part, 0) < TRIES) {
            spoilt.add(part);
          } else {
            each.remove();
            bad.put(trial.kernel.name(), bytes.getAsLong());
          }
        }
        if (nanoTime.getAsLong() >= end) {
          break;
        }
      }
      spoilt.forEach(this::renew);
    } while (!left.isEmpty() && nanoTime.getAsLong() < end);
    if (left.isEmpty() && !bad.isEmpty()) {
      notice.accept(
          String.format(
              Locale.ROOT,
              "Kernels allocate memory in each call although the JIT compiled them %d times (bytes per call: %s), so this run is slower than it should be: stop it and run the same command to resume",
              1 + TRIES,
              bad));
      bad.clear();
    }
    return left.isEmpty();
  }

  /** Bytes allocated per call in the last rounds of calls; empty once the kernel is clean. */
  private OptionalLong allocatedPerCall(Trial trial, long end) {
    long bytes = 0;
    int clean = 0;
    for (int round = 0; round < ROUNDS && clean < 2; round++) {
      long before = allocatedBytes.getAsLong();
      for (int i = 0; i < CALLS; i++) {
        trial.kernel.call().accept(simd);
      }
      bytes = (allocatedBytes.getAsLong() - before) / CALLS;
      trial.calls += CALLS;
      clean = bytes <= FEW_BYTES ? clean + 1 : 0;
      if (nanoTime.getAsLong() >= end) {
        break;
      }
    }
    return clean >= 2 ? OptionalLong.empty() : OptionalLong.of(bytes);
  }

  private boolean isCompiled(Trial trial) {
    return trial.calls >= CALLS_UNTIL_COMPILED
        && nanoTime.getAsLong() - trial.sinceNanos >= COMPILER_LAG.toNanos();
  }

  /** Defines a new class, whose kernels all start over. */
  private void renew(Part part) {
    tries.merge(part, 1, Integer::sum);
    version++;
    defineAgain.accept(part);
    simd = create.get();
    left.removeIf(trial -> trial.kernel.part() == part);
    kernels.stream()
        .filter(kernel -> kernel.part() == part)
        .forEach(kernel -> left.add(new Trial(kernel, nanoTime.getAsLong())));
  }

  /**
   * All kernels, starting with those that take most of a step's time. The operands are as long as
   * those of small models, and not all of them are a multiple of the vector length, so that the
   * profile covers every branch.
   */
  static List<Kernel> all() {
    int size = 500;
    float[] a = new float[8 * 512];
    float[] b = new float[64 * 512];
    float[] c = new float[64 * 64];
    float[] x = new float[2 * size];
    float[] y = new float[2 * size];
    float[] z = new float[2 * size];
    short[] shorts = new short[size];
    double[] sums = new double[ElementwiseSimd.SQUARE_SUMS];
    AdamWFactors adamW = AdamWFactors.of(new AdamWStep(1e-3, 0.9, 0.95, 1e-8, 0.1, 1, 1.0));
    List<Kernel> all = new ArrayList<>();
    all.add(
        new Kernel(
            "multiplyTile",
            PRODUCTS,
            s -> {
              s.products().multiplyTile(a, 0, b, 0, 256, c, 0, 64, true);
              s.products().multiplyTile(a, 0, b, 0, 65, c, 0, 64, false);
            }));
    all.add(
        new Kernel(
            "attention.multiplyRows",
            ATTENTION,
            s -> s.attention().multiplyRows(a, 0, b, 0, 64, c, 0, true)));
    all.add(
        new Kernel(
            "attention.multiplyColumns",
            ATTENTION,
            s -> s.attention().multiplyColumns(a, 0, b, 0, 64, c, 0, false)));
    all.add(
        new Kernel(
            "attention.exponentials",
            ATTENTION,
            s -> s.attention().exponentials(c, 0, 33, x, y, 0)));
    all.add(
        new Kernel(
            "attention.softmaxGradients",
            ATTENTION,
            s -> s.attention().softmaxGradients(c, b, 0, 33, x, 0, 1f)));
    all.add(
        new Kernel(
            "attention.transpose",
            ATTENTION,
            s -> s.attention().transpose(c, 0, 64, 64, 60, 1f, b, 0)));
    all.add(
        new Kernel(
            "attention.copyRows",
            ATTENTION,
            s -> s.attention().copyRows(c, 0, 64, 32, 60, b, 0, 64)));
    all.add(
        new Kernel(
            "attention.scaleRows",
            ATTENTION,
            s -> s.attention().scaleRows(c, 0, 64, x, 32, 60, b, 0, 64)));
    all.add(
        new Kernel(
            "attention.weightedSum",
            ATTENTION,
            s -> s.attention().weightedSum(x, 0, b, 0, 100, 90, 93, c, 0)));
    all.add(
        new Kernel("attention.roundToBf16", ATTENTION, s -> s.attention().roundToBf16(c, 0, size)));
    all.add(
        new Kernel(
            "adamW", ELEMENTWISE, s -> s.elementwise().adamW(adamW, x, 0, y, 0, z, 0, a, 0, size)));
    LionFactors lion = LionFactors.of(new LionStep(1e-4, 0.9, 0.99, 0.1, 1.0));
    all.add(
        new Kernel("lion", ELEMENTWISE, s -> s.elementwise().lion(lion, x, 0, y, 0, z, 0, size)));
    all.add(new Kernel("add", ELEMENTWISE, s -> s.elementwise().add(x, 0, y, 0, z, 0, size)));
    all.add(
        new Kernel("addValue", ELEMENTWISE, s -> s.elementwise().addValue(x, 0, 0f, z, 0, size)));
    all.add(
        new Kernel("addScaled", ELEMENTWISE, s -> s.elementwise().addScaled(0f, x, 0, z, 0, size)));
    all.add(
        new Kernel("multiply", ELEMENTWISE, s -> s.elementwise().multiply(x, 0, y, 0, z, 0, size)));
    all.add(new Kernel("scale", ELEMENTWISE, s -> s.elementwise().scale(0f, x, 0, z, 0, size)));
    all.add(
        new Kernel("addSquares", ELEMENTWISE, s -> s.elementwise().addSquares(x, 0, size, sums)));
    all.add(
        new Kernel(
            "turn", ELEMENTWISE, s -> s.elementwise().turn(x, y, 0, 1f, x, 0, z, 0, size / 2)));
    all.add(
        new Kernel(
            "normalize",
            NORMS,
            s -> {
              s.norms().normalize(x, 0, 0f, 1f, y, 0, y, 0, z, 0, size);
              s.norms().normalize(x, 0, 0f, 1f, y, 0, null, 0, z, 0, size);
            }));
    all.add(
        new Kernel(
            "norms.backward",
            NORMS,
            s -> {
              s.norms().backward(x, 0, 0f, 1f, true, y, 0, y, 0, z, 0, a, 0, true, size);
              s.norms().backward(x, 0, 0f, 1f, false, y, 0, y, 0, z, 0, a, 0, false, size);
            }));
    all.add(
        new Kernel(
            "sigmoidGated",
            ACTIVATIONS,
            s -> s.activations().sigmoidGated(1f, 0.1f, x, 0, z, 0, size)));
    all.add(
        new Kernel(
            "sigmoidGatedBackward",
            ACTIVATIONS,
            s -> s.activations().sigmoidGatedBackward(1f, 0.1f, x, 0, y, 0, z, 0, size)));
    all.add(new Kernel("swiGlu", ACTIVATIONS, s -> s.activations().swiGlu(x, 0, size, z, 0, size)));
    all.add(
        new Kernel(
            "swiGluBackward",
            ACTIVATIONS,
            s -> s.activations().swiGluBackward(x, 0, size, y, 0, z, 0, size, size)));
    all.add(
        new Kernel("normalGated", ACTIVATIONS, s -> s.activations().normalGated(x, 0, z, 0, size)));
    all.add(
        new Kernel(
            "normalGatedBackward",
            ACTIVATIONS,
            s -> s.activations().normalGatedBackward(x, 0, y, 0, z, 0, size)));
    all.add(new Kernel("exp", PRIMITIVES, s -> s.exp(x, 0, 0f, z, 0, size)));
    all.add(new Kernel("max", PRIMITIVES, s -> s.max(x, 0, size)));
    all.add(new Kernel("sum", PRIMITIVES, s -> s.sum(x, 0, size)));
    all.add(new Kernel("dot", PRIMITIVES, s -> s.dot(x, 0, y, 0, size)));
    all.add(
        new Kernel(
            "sumOfSquaredDifferences",
            PRIMITIVES,
            s -> s.sumOfSquaredDifferences(x, 0, size, 0.5f)));
    all.add(new Kernel("packRows", PRODUCTS, s -> s.products().packRows(a, 0, 32, 64, b, 0)));
    all.add(
        new Kernel(
            "packColumns", PRODUCTS, s -> s.products().packColumns(a, 0, 64, 32, 32, b, 0, 512)));
    all.add(new Kernel("toBf16", PRIMITIVES, s -> s.toBf16(x, 0, shorts, 0, size)));
    all.add(
        new Kernel(
            "multiplyFewRows",
            PRODUCTS,
            s -> {
              s.products().multiplyFewRows(a, 0, 256, 3, b, 0, 256, c, 0, 64, true);
              s.products().multiplyFewRows(a, 0, 256, 1, b, 0, 256, c, 0, 64, true);
            }));
    return all;
  }
}
