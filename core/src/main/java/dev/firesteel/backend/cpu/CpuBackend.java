package dev.firesteel.backend.cpu;

import dev.firesteel.array.DType;
import dev.firesteel.array.HeapStorage;
import dev.firesteel.array.HostMemory;
import dev.firesteel.array.NdArray;
import dev.firesteel.array.Storage;
import dev.firesteel.backend.AttentionKernels;
import dev.firesteel.backend.Backend;
import dev.firesteel.backend.ElementwiseKernels;
import dev.firesteel.backend.LossKernels;
import dev.firesteel.backend.NormKernels;
import dev.firesteel.backend.OptimizerKernels;
import dev.firesteel.backend.Precision;
import dev.firesteel.backend.ProductKernels;
import dev.firesteel.backend.ReductionKernels;
import dev.firesteel.backend.Workspace;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.function.Consumer;

/**
 * The backend for training and generation on CPUs: float32 arrays on the Java heap, kernels on the
 * Vector API, and a fixed team of threads. In {@link Precision#FP32} results are bit-identical for
 * any number of threads, vector width, CPU and JDK.
 *
 * <p>After the first steps of a run, no kernel allocates more than the few objects that describe
 * its tiles: tables, packed weights and scratch memory are reused.
 */
public final class CpuBackend extends HostMemory implements Backend {
  private final WorkerPool pool;
  private final MatrixEngine engine;
  private final Tiles tiles;
  private final ElementwiseKernels elementwise;
  private final ReductionKernels reductions;
  private final ProductKernels products;
  private final NormKernels norms;
  private final AttentionKernels attention;
  private final LossKernels losses;
  private final OptimizerKernels optimizer;

  /** {@link KernelWarmUp#version} of the primitives that the threads have. */
  private int kernelVersion;

  /**
   * A backend with its own threads.
   *
   * @param precision of the matrix products
   * @param threads number of compute threads, including the calling thread; 0 for one per core
   * @throws dev.firesteel.error.UserException if the precision is bf16 and this CPU lacks the
   *     instructions or this platform lacks oneDNN
   */
  public CpuBackend(Precision precision, int threads) {
    this(precision, threads, Simd.Choice.best());
  }

  /**
   * The memory that kernels of such a backend keep for themselves; creates no backend.
   *
   * @param precision of the matrix products
   * @param threads number of compute threads; 0 for one per core
   */
  public static Workspace workspace(Precision precision, int threads) {
    return switch (precision) {
      case FP32 -> new Fp32Workspace(threadsOf(threads));
      case BF16 -> new Bf16Workspace(threadsOf(threads));
    };
  }

  private static int threadsOf(int threads) {
    return threads == 0 ? Runtime.getRuntime().availableProcessors() : threads;
  }

  CpuBackend(Precision precision, int threads, Simd.Choice simd) {
    // First, because it may fail, and threads of the pool would leak.
    OneDnn dnnl = precision == Precision.BF16 ? OneDnn.open() : null;
    pool = new WorkerPool(threadsOf(threads), simd);
    engine =
        switch (precision) {
          case FP32 -> new Fp32Engine(pool);
          case BF16 -> new Bf16Engine(pool, dnnl);
        };
    RowReduction rowReduction = new RowReduction(pool);
    tiles = new Tiles(pool);
    elementwise = new CpuElementwise(tiles, rowReduction);
    reductions = new CpuReductions(pool, rowReduction);
    products = new CpuProducts(pool, tiles, engine);
    norms = new CpuNorms(tiles, rowReduction);
    attention = new CpuAttention(pool, tiles, engine);
    losses = new CpuLosses(tiles, engine);
    optimizer = new CpuOptimizer(tiles, rowReduction);
  }

  /** The warm-up of the Vector API kernels; the plain ones need none. */
  @Override
  public boolean warmUp(Duration limit, Consumer<String> notice) {
    if (pool.simd() == Simd.Choice.SCALAR) {
      return true;
    }
    KernelWarmUp kernels = KernelWarmUp.shared();
    boolean done = kernels.run(limit, notice);
    if (kernelVersion != kernels.version()) {
      kernelVersion = kernels.version();
      pool.renewSimd();
    }
    return done;
  }

  @Override
  public String name() {
    return "cpu";
  }

  @Override
  public String description() {
    return String.format(
        Locale.ROOT,
        "cpu: %d threads, %s, %s",
        pool.threads(),
        pool.caller().simd().description(),
        engine.description());
  }

  /** Results depend neither on the number of threads nor on the vector width. */
  @Override
  public String arithmetic() {
    return "cpu: " + engine.description();
  }

  @Override
  public List<Thread> threadsBesideCaller() {
    return pool.threadsBesideCaller();
  }

  @Override
  public boolean supports(DType dtype) {
    return switch (dtype) {
      case F32, I32 -> true;
      case F64 -> false;
    };
  }

  @Override
  public Storage allocate(DType dtype, long size) {
    if (!supports(dtype)) {
      throw new IllegalArgumentException("CpuBackend: arrays are F32 or I32, got " + dtype);
    }
    return super.allocate(dtype, size);
  }

  @Override
  public void fill(NdArray out, double value) {
    if (out.dtype() == DType.I32) {
      super.fill(out, value);
      return;
    }
    float[] to = Tiles.written(out);
    int toStart = HeapStorage.offset(out);
    tiles.overRange(
        Tiles.size(out),
        (start, length, worker) ->
            Arrays.fill(to, toStart + start, toStart + start + length, (float) value));
  }

  @Override
  public ElementwiseKernels elementwise() {
    return elementwise;
  }

  @Override
  public ReductionKernels reductions() {
    return reductions;
  }

  @Override
  public ProductKernels products() {
    return products;
  }

  @Override
  public NormKernels norms() {
    return norms;
  }

  @Override
  public AttentionKernels attention() {
    return attention;
  }

  @Override
  public LossKernels losses() {
    return losses;
  }

  @Override
  public OptimizerKernels optimizer() {
    return optimizer;
  }

  /** For tests. */
  MatrixEngine engine() {
    return engine;
  }

  @Override
  public void close() {
    engine.close();
    pool.close();
  }
}
