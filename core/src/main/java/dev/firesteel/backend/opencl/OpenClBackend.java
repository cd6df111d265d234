package dev.firesteel.backend.opencl;

import com.aparapi.device.OpenCLDevice;
import dev.firesteel.array.DType;
import dev.firesteel.array.NdArray;
import dev.firesteel.array.Storage;
import dev.firesteel.backend.AttentionKernels;
import dev.firesteel.backend.Backend;
import dev.firesteel.backend.ElementwiseKernels;
import dev.firesteel.backend.LossKernels;
import dev.firesteel.backend.NormKernels;
import dev.firesteel.backend.OptimizerKernels;
import dev.firesteel.backend.ProductKernels;
import dev.firesteel.backend.ReductionKernels;
import dev.firesteel.backend.Workspace;
import dev.firesteel.error.UserException;
import java.lang.management.GarbageCollectorMXBean;
import java.lang.management.ManagementFactory;
import java.util.List;

/**
 * Training on an OpenCL device. Arrays stay in the device's arenas; each kernel sets the operands
 * of one or a few launches of {@link DeviceKernel} and waits for them. Only {@link #upload}, {@link
 * #download}, ids and sums of squares transfer data.
 *
 * <p>Results are bit-identical on the same device and driver; another device may round differently.
 */
public final class OpenClBackend implements Backend {
  /** Minimum duration of the launches that measure the device's peak. */
  private static final long PEAK_NANOS = 50_000_000;

  private static final int PEAK_ROUNDS = 8;

  private final OpenCLDevice device;
  private final Launcher launcher;
  private final Staging staging;
  private final ElementwiseKernels elementwise;
  private final ReductionKernels reductions;
  private final OpenClProducts products;
  private final NormKernels norms;
  private final AttentionKernels attention;
  private final LossKernels losses;
  private final OptimizerKernels optimizer;

  /**
   * A backend on a device given by its index or a part of its name, empty for the first GPU, with a
   * fixed choice of tiles for matmuls.
   *
   * @throws UserException if there is no such device, or it cannot run the kernels
   */
  public OpenClBackend(String choice) {
    requireFixedArrays();
    device = OpenClDevices.choose(choice);
    SignalChaining.check();
    // Use the device's own buffers. Otherwise they would be the Java arrays, whose addresses a
    // garbage collection may change without Aparapi noticing.
    device.setSharedMemory(false);
    launcher = new Launcher(device);
    staging = new Staging(launcher);
    OpenClReductions sums = new OpenClReductions(launcher, staging);
    reductions = sums;
    elementwise = new OpenClElementwise(launcher, sums);
    products = new OpenClProducts(launcher);
    norms = new OpenClNorms(launcher, sums);
    attention = new OpenClAttention(launcher, staging);
    losses = new OpenClLosses(launcher, products);
    optimizer = new OpenClOptimizer(launcher, sums);
  }

  /**
   * As the constructor, with the tiles that are fastest on the device: an earlier run's choice from
   * the user's cache folder, or else measured now, within seconds. A CPU device uses the fixed
   * choice.
   */
  public static OpenClBackend tuned(String choice) {
    OpenClBackend backend = new OpenClBackend(choice);
    if (!OpenClDevices.isTunable(backend.device)) {
      return backend;
    }
    try {
      backend.use(
          ProductTuner.tiles(
              TuningFile.of(backend.device),
              backend.device.getName(),
              (shape, tile) -> ProductTuner.seconds(backend, shape, tile)));
      return backend;
    } catch (RuntimeException e) {
      backend.close();
      throw e;
    }
  }

  /** Sets the tiles for matmuls; results do not depend on them. */
  public void use(ProductTiles tiles) {
    products.use(tiles);
  }

  /**
   * Aparapi recreates a buffer from the Java array if the array has moved, and results computed on
   * the device are lost. G1 does not move arrays as large as an arena.
   */
  private static void requireFixedArrays() {
    List<String> collectors =
        ManagementFactory.getGarbageCollectorMXBeans().stream()
            .map(GarbageCollectorMXBean::getName)
            .toList();
    if (collectors.stream().noneMatch(name -> name.startsWith("G1"))) {
      throw UserException.failure(
          "backend opencl needs the garbage collector G1, since others move the arrays that stand"
              + " for the device's memory, got "
              + String.join(", ", collectors)
              + "; start the JVM with -XX:+UseG1GC");
    }
  }

  @Override
  public String name() {
    return "opencl";
  }

  @Override
  public String description() {
    return "opencl: "
        + device.getName()
        + " ("
        + device.getOpenCLPlatform().getName()
        + "), fp32, "
        + (device.getGlobalMemSize() >> 20)
        + " MiB";
  }

  @Override
  public String arithmetic() {
    return "opencl: " + device.getName() + ", " + device.getOpenCLPlatform().getVersion();
  }

  @Override
  public boolean supports(DType dtype) {
    return dtype != DType.F64;
  }

  @Override
  public Storage allocate(DType dtype, long size) {
    return switch (dtype) {
      case F32 -> launcher.floats(size);
      case I32 -> {
        launcher.integersChanged();
        yield launcher.allocateIntegers(size);
      }
      case F64 ->
          throw new IllegalArgumentException(
              "allocate: backend opencl holds F32 and I32, got " + dtype);
    };
  }

  @Override
  public void free(Storage storage) {
    if (storage instanceof DeviceFloats floats) {
      launcher.free(floats);
    } else {
      launcher.free((DeviceIntegers) storage);
    }
  }

  @Override
  public void fill(NdArray out, double value) {
    launcher.result(0, out);
    launcher.kernel().factor0 = (float) value;
    launcher.elementwise(DeviceKernel.FILL, Launcher.size(out));
  }

  @Override
  public void upload(float[] source, int offset, NdArray to) {
    staging.upload(source, offset, to);
  }

  @Override
  public void upload(double[] source, int offset, NdArray to) {
    staging.upload(source, offset, to);
  }

  @Override
  public void upload(int[] source, int offset, NdArray to) {
    staging.upload(source, offset, to);
  }

  @Override
  public void download(NdArray from, float[] target, int offset) {
    staging.download(from, target, offset);
  }

  @Override
  public void download(NdArray from, double[] target, int offset) {
    staging.download(from, target, offset);
  }

  @Override
  public void download(NdArray from, int[] target, int offset) {
    staging.download(from, target, offset);
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

  @Override
  public void close() {
    launcher.close();
  }

  /** The memory that kernels of such a backend keep for themselves; needs no device. */
  public static Workspace workspace() {
    return new OpenClWorkspace();
  }

  /**
   * Java heap, and memory of the device, of the arenas that hold {@code bytes}: each is as large as
   * all previous ones together. Less than {@code bytes} if they do not fit in all arenas.
   */
  public static long arenaBytes(long bytes) {
    return DeviceMemory.arenaBytes(bytes);
  }

  /** Bytes copied to the device so far, by {@link #upload} and for ids. */
  public long bytesUploaded() {
    return staging.bytesUp() + launcher.bytesUp();
  }

  /** Bytes copied from the device so far. */
  public long bytesDownloaded() {
    return staging.bytesDown();
  }

  /** The tiles used for matmuls. */
  public ProductTiles tiles() {
    return products.tiles();
  }

  /** Launches so far. */
  public long launches() {
    return launcher.launches();
  }

  /**
   * What the device can do at best, in float32 operations a second, measured within seconds: each
   * work-item has {@value DeviceKernel#CHAINS} values in registers, none of which waits for
   * another, and adds a multiple to each, turn after turn. {@code 2 * items * chains * turns /
   * seconds} of the fastest of several launches, since a ceiling is what other load does not lower.
   */
  public double peakFlopsPerSecond() {
    int groups = launcher.mostGroups();
    DeviceFloats sums = launcher.floats((long) groups * DeviceKernel.GROUP);
    int turns = 1 << 7;
    long least = multiplyAddNanos(sums, groups, turns);
    while (least < PEAK_NANOS && turns < 1 << 30) {
      turns *= 2;
      least = multiplyAddNanos(sums, groups, turns);
    }
    for (int round = 0; round < PEAK_ROUNDS; round++) {
      least = Math.min(least, multiplyAddNanos(sums, groups, turns));
    }
    launcher.free(sums);
    double multiplyAdds =
        (double) groups
            * DeviceKernel.GROUP
            * DeviceKernel.CHAINS
            * DeviceKernel.CHAIN_STEPS
            * turns;
    return 2e9 * multiplyAdds / least;
  }

  private long multiplyAddNanos(DeviceFloats sums, int groups, int turns) {
    launcher.operand(0, sums);
    launcher.kernel().factor0 = 0.999f;
    launcher.kernel().factor1 = 0.5f;
    launcher.sizes(turns);
    long start = System.nanoTime();
    launcher.launch(DeviceKernel.MULTIPLY_ADDS, groups);
    return System.nanoTime() - start;
  }
}
