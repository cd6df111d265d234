package dev.firesteel.backend.opencl;

import com.aparapi.Range;
import com.aparapi.device.OpenCLDevice;
import com.aparapi.internal.kernel.KernelManager;
import dev.firesteel.array.DType;
import dev.firesteel.array.NdArray;
import dev.firesteel.array.Shape;
import dev.firesteel.array.Storage;
import dev.firesteel.backend.Activation;
import dev.firesteel.backend.AdamWStep;
import dev.firesteel.backend.AttentionSpec;
import dev.firesteel.backend.Backend;
import dev.firesteel.backend.IdChecks;
import dev.firesteel.backend.RopeSpec;
import dev.firesteel.error.UserException;
import java.lang.management.GarbageCollectorMXBean;
import java.lang.management.ManagementFactory;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;

/**
 * Training on an OpenCL device. Arrays stay in the device's arenas; each method here names the
 * operands of one or a few launches of {@link DeviceKernel} and waits for them. Only {@link
 * #upload}, {@link #download}, ids, and what {@link #sumsOfSquares} tells cross over.
 *
 * <p>Results repeat to the bit on the same device and driver; another device rounds otherwise.
 */
public final class OpenClBackend implements Backend {
  /** Groups of an elementwise launch for each compute unit; its items take several elements. */
  private static final int GROUPS_PER_UNIT = 8;

  /** Rows of one partial sum over rows. */
  private static final int SUM_ROWS = 64;

  /** Rows of logits that exist at a time in {@link #linearCrossEntropy}. */
  private static final int HEAD_ROWS = 512;

  /** Floats that cross over at a time: of these numbers the first that suffices. */
  private static final int[] STAGING = {1 << 10, 1 << 14, 1 << 18};

  private static final int MOST_STAGED = STAGING[STAGING.length - 1];

  /** A launch of at least that long, and more of them, tell the device's peak. */
  private static final long PEAK_NANOS = 50_000_000;

  private static final int PEAK_ROUNDS = 8;

  /** First in each arena, on the device alone: the Java array behind it holds 0 there. */
  private static final float CANARY = 0x1.3579bdp5f;

  private static final float GELU_LINEAR = (float) (2 * Math.sqrt(2 / Math.PI));

  private final OpenCLDevice device;
  private final int mostGroups;
  private final DeviceKernel kernel = new DeviceKernel();
  private final DeviceMemory memory;
  private final float[][] stagings = new float[STAGING.length][]; // each made when first needed
  private final Map<RopeKey, RopeTable> ropeTables = new HashMap<>();
  private ProductTiles tiles = ProductTiles.FIXED;
  private boolean integersChanged = true;
  private long bytesUp;
  private long bytesDown;
  private long launches;
  private boolean launched; // at least once without failure

  /** What cosines and sines of a position depend on. */
  private record RopeKey(int headWidth, double theta) {}

  /** Cosines and sines of positions [0, positions). */
  private record RopeTable(DeviceFloats block, int positions) {}

  /**
   * On a device given by its index or a part of its name, empty for the first GPU, with a fixed
   * choice of tiles for matrix products.
   *
   * @throws UserException when there is no such device, or it cannot run the kernels
   */
  public OpenClBackend(String choice) {
    requireFixedArrays();
    device = OpenClDevices.choose(choice);
    SignalChaining.check();
    // Buffers of the device's own. Else they would be the Java arrays, at addresses that a
    // collection changes while Aparapi is not looking.
    device.setSharedMemory(false);
    preferAllDevices();
    mostGroups = GROUPS_PER_UNIT * device.getMaxComputeUnits();
    kernel.setExplicit(true);
    memory =
        new DeviceMemory(
            kernel, device.getName(), device.getGlobalMemSize(), device.getMaxMemAllocSize());
    stagingFor(0);
  }

  /**
   * As the constructor, with the tiles that are fastest on the device: an earlier run's choice from
   * the user's cache folder, or else measured now, within seconds. A device on the CPU has the
   * fixed choice.
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

  /** Which tiles matrix products take from now on; results do not depend on it. */
  public void use(ProductTiles tiles) {
    this.tiles = tiles;
  }

  /**
   * Aparapi makes a buffer anew, from the Java array, when the array has moved, and what the device
   * had computed is gone. G1 leaves arrays as large as an arena where they are.
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

  /** Aparapi gives up a device for the whole JVM after a failure; a later trainer may try again. */
  private void preferAllDevices() {
    KernelManager.instance()
        .setPreferredDevices(kernel, new LinkedHashSet<>(OpenClDevices.devices()));
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
      case F32 -> floats(size);
      case I32 -> {
        integersChanged = true;
        yield memory.allocateIntegers(size);
      }
      case F64 ->
          throw new IllegalArgumentException(
              "allocate: backend opencl holds F32 and I32, got " + dtype);
    };
  }

  private DeviceFloats floats(long size) {
    int before = memory.arenas();
    DeviceFloats block = memory.allocateFloats(size);
    if (memory.arenas() > before) {
      kernel.operand(0, before, 0);
      kernel.factor0 = CANARY;
      elementwise(DeviceKernel.FILL, 1);
    }
    return block;
  }

  @Override
  public void free(Storage storage) {
    if (storage instanceof DeviceFloats floats) {
      memory.free(floats);
    } else {
      memory.free((DeviceIntegers) storage);
    }
  }

  @Override
  public void close() {
    // Where the program was not built, Aparapi would release what it never made: the JVM crashes.
    if (launched || launches == 0) {
      kernel.dispose();
    }
  }

  /**
   * Java heap, and memory of the device, of the arenas that hold {@code bytes}: each is as large as
   * all before it. Less than {@code bytes} where they do not fit in all arenas.
   */
  public static long arenaBytes(long bytes) {
    return DeviceMemory.arenaBytes(bytes);
  }

  /** Bytes that went to the device so far, by {@link #upload} and for ids. */
  public long bytesUploaded() {
    return bytesUp;
  }

  /** Bytes that came from the device so far. */
  public long bytesDownloaded() {
    return bytesDown;
  }

  /** Which tiles matrix products take. */
  public ProductTiles tiles() {
    return tiles;
  }

  /** Launches so far. */
  public long launches() {
    return launches;
  }

  /**
   * What the device can do at best, in float32 operations a second, measured within seconds: each
   * work-item has {@value DeviceKernel#CHAINS} values in registers, none of which waits for
   * another, and adds a multiple to each, turn after turn. {@code 2 * items * chains * turns /
   * seconds} of the fastest of several launches, since a ceiling is what other load does not lower.
   */
  public double peakFlopsPerSecond() {
    int groups = mostGroups;
    DeviceFloats sums = floats((long) groups * DeviceKernel.GROUP);
    int turns = 1 << 7;
    long least = multiplyAddNanos(sums, groups, turns);
    while (least < PEAK_NANOS && turns < 1 << 30) {
      turns *= 2;
      least = multiplyAddNanos(sums, groups, turns);
    }
    for (int round = 0; round < PEAK_ROUNDS; round++) {
      least = Math.min(least, multiplyAddNanos(sums, groups, turns));
    }
    memory.free(sums);
    double multiplyAdds =
        (double) groups
            * DeviceKernel.GROUP
            * DeviceKernel.CHAINS
            * DeviceKernel.CHAIN_STEPS
            * turns;
    return 2e9 * multiplyAdds / least;
  }

  private long multiplyAddNanos(DeviceFloats sums, int groups, int turns) {
    operand(0, sums);
    kernel.factor0 = 0.999f;
    kernel.factor1 = 0.5f;
    sizes(turns);
    long start = System.nanoTime();
    launch(DeviceKernel.MULTIPLY_ADDS, groups);
    return System.nanoTime() - start;
  }

  // ---- host and back

  @Override
  public void upload(float[] source, int offset, NdArray to) {
    int size = size(to);
    for (int start = 0; start < size; start += MOST_STAGED) {
      int count = Math.min(MOST_STAGED, size - start);
      System.arraycopy(source, offset + start, stagingFor(count), 0, count);
      stageIn(to, start, count);
    }
  }

  @Override
  public void upload(double[] source, int offset, NdArray to) {
    int size = size(to);
    for (int start = 0; start < size; start += MOST_STAGED) {
      int count = Math.min(MOST_STAGED, size - start);
      float[] staging = stagingFor(count);
      for (int i = 0; i < count; i++) {
        staging[i] = (float) source[offset + start + i];
      }
      stageIn(to, start, count);
    }
  }

  @Override
  public void upload(int[] source, int offset, NdArray to) {
    System.arraycopy(source, offset, kernel.integers, DeviceIntegers.at(to), size(to));
    integersChanged = true;
    to.storage().markWritten();
  }

  @Override
  public void download(NdArray from, float[] target, int offset) {
    int size = size(from);
    for (int start = 0; start < size; start += MOST_STAGED) {
      int count = Math.min(MOST_STAGED, size - start);
      System.arraycopy(stageOut(from, start, count), 0, target, offset + start, count);
    }
  }

  @Override
  public void download(NdArray from, double[] target, int offset) {
    int size = size(from);
    for (int start = 0; start < size; start += MOST_STAGED) {
      int count = Math.min(MOST_STAGED, size - start);
      float[] staging = stageOut(from, start, count);
      for (int i = 0; i < count; i++) {
        target[offset + start + i] = staging[i];
      }
    }
  }

  @Override
  public void download(NdArray from, int[] target, int offset) {
    System.arraycopy(kernel.integers, DeviceIntegers.at(from), target, offset, size(from));
  }

  private float[] stagingFor(int count) {
    int size = 0;
    while (STAGING[size] < count) {
      size++;
    }
    if (stagings[size] == null) {
      stagings[size] = new float[STAGING[size] + DeviceKernel.ARENAS];
    }
    kernel.staging = stagings[size];
    return kernel.staging;
  }

  private void stageIn(NdArray to, int start, int count) {
    kernel.put(kernel.staging);
    bytesUp += (long) kernel.staging.length * Float.BYTES;
    result(0, to, start);
    sizes(count);
    launchOver(DeviceKernel.FROM_STAGING, count);
  }

  private float[] stageOut(NdArray from, int start, int count) {
    float[] staging = stagingFor(count);
    operand(0, from, start);
    sizes(count, memory.arenas());
    launchOver(DeviceKernel.TO_STAGING, count);
    kernel.get(staging);
    bytesDown += (long) staging.length * Float.BYTES;
    for (int n = 0; n < memory.arenas(); n++) {
      if (staging[count + n] != CANARY) {
        throw UserException.failure(
            "backend opencl needs Java arrays that stay where they are, and the JVM has moved one"
                + " of "
                + (memory.arenaBytes() >> 20)
                + " MiB of them, so that what the device had computed is lost; start again from"
                + " the last checkpoint, with more heap and JDK 17 or 21");
      }
    }
    return staging;
  }

  // ---- copies and elementwise

  @Override
  public void fill(NdArray out, double value) {
    result(0, out);
    kernel.factor0 = (float) value;
    elementwise(DeviceKernel.FILL, size(out));
  }

  @Override
  public void copy(NdArray x, NdArray out) {
    result(0, out);
    operand(1, x);
    elementwise(DeviceKernel.COPY, size(x));
  }

  @Override
  public void copyColumns(
      NdArray x, int xStart, NdArray out, int outStart, int columns, Write write) {
    int size = x.shape().rows() * columns;
    result(0, out, write);
    operand(1, x);
    sizes(size, columns, xStart, x.shape().last(), outStart, out.shape().last());
    launchOver(DeviceKernel.COPY_COLUMNS, size);
  }

  @Override
  public void add(NdArray a, NdArray b, NdArray out) {
    result(0, out);
    operand(1, a);
    operand(2, b);
    elementwise(DeviceKernel.ADD, size(a), size(b));
  }

  @Override
  public void addScaled(double alpha, NdArray x, NdArray out) {
    result(0, out);
    operand(1, x);
    kernel.factor0 = (float) alpha;
    elementwise(DeviceKernel.ADD_SCALED, size(x));
  }

  @Override
  public void multiply(NdArray a, NdArray b, NdArray out) {
    result(0, out);
    operand(1, a);
    operand(2, b);
    elementwise(DeviceKernel.MULTIPLY, size(a));
  }

  @Override
  public void scale(double alpha, NdArray x, NdArray out) {
    result(0, out);
    operand(1, x);
    kernel.factor0 = (float) alpha;
    elementwise(DeviceKernel.SCALE, size(x));
  }

  @Override
  public void activation(Activation f, NdArray x, NdArray out) {
    result(0, out);
    operand(1, x);
    activation(f);
    elementwise(DeviceKernel.ACTIVATION, size(x));
  }

  @Override
  public void activationBackward(
      Activation f, NdArray x, NdArray dy, NdArray dx, NdArray dBias, Write write) {
    result(0, dx);
    operand(1, x);
    operand(2, dy);
    activation(f);
    elementwise(DeviceKernel.ACTIVATION_BACKWARD, size(x));
    if (dBias != null) {
      sumRows(dx, dBias, write);
    }
  }

  @Override
  public void swiGlu(NdArray gateUp, NdArray out) {
    result(0, out);
    operand(1, gateUp);
    activation(Activation.SILU);
    elementwise(DeviceKernel.SWI_GLU, size(out), out.shape().last());
  }

  @Override
  public void swiGluBackward(NdArray gateUp, NdArray dy, NdArray dGateUp) {
    result(0, dGateUp);
    operand(1, gateUp);
    operand(2, dy);
    activation(Activation.SILU);
    elementwise(DeviceKernel.SWI_GLU_BACKWARD, size(dy), dy.shape().last());
  }

  @Override
  public void dropout(NdArray x, long key, double probability, NdArray out) {
    result(0, out);
    operand(1, x);
    kernel.factor0 = (float) (1 / (1 - probability));
    // A uniform number is a multiple of 2^-24: it is at least p where the multiple is at least
    // this.
    int threshold = (int) Math.ceil(probability * 0x1p24);
    sizes(size(x), (int) key, (int) (key >>> 32), threshold);
    launchOver(DeviceKernel.DROPOUT, (size(x) + 3) / 4);
  }

  // ---- reductions

  @Override
  public void sumRows(NdArray x, NdArray out, Write write) {
    int rows = x.shape().rows();
    int width = x.shape().last();
    if (rows <= SUM_ROWS) {
      result(0, out, write);
      operand(1, x);
      sizes(rows, width, SUM_ROWS);
      launchOver(DeviceKernel.SUM_ROWS, width);
      return;
    }
    int blocks = ceilDiv(rows, SUM_ROWS);
    DeviceFloats partial = floats((long) blocks * width);
    operand(0, partial);
    operand(1, x);
    sizes(rows, width, SUM_ROWS);
    launchOver(DeviceKernel.SUM_ROWS, blocks * width);
    addPartial(partial, blocks, width, out, write);
  }

  /** {@code out (+)= sum of the rows of partial}, which ends here. */
  private void addPartial(DeviceFloats partial, int blocks, int width, NdArray out, Write write) {
    result(0, out, write);
    operand(1, partial);
    sizes(blocks, width, blocks);
    launchOver(DeviceKernel.SUM_ROWS, width);
    memory.free(partial);
  }

  @Override
  public void sum(NdArray x, NdArray out) {
    int blocks = Math.max(1, Backend.reductionBlocks(size(x)));
    DeviceFloats partial = floats(blocks);
    operand(0, partial);
    operand(1, x);
    sizes(size(x), Math.min(size(x), REDUCTION_BLOCK));
    launch(DeviceKernel.SUM_BLOCKS, blocks);
    result(0, out);
    operand(1, partial);
    sizes(blocks, blocks);
    launch(DeviceKernel.SUM_BLOCKS, 1);
    memory.free(partial);
  }

  @Override
  public void sumsOfSquares(NdArray x, double[] sums, int first) {
    int blocks = Backend.reductionBlocks(size(x));
    if (blocks == 0) {
      return;
    }
    DeviceFloats partial = floats(2L * blocks);
    operand(0, partial);
    operand(1, x);
    sizes(size(x), Math.min(size(x), REDUCTION_BLOCK));
    launch(DeviceKernel.SUM_SQUARES, blocks);
    float[] pairs = new float[2 * blocks];
    download(new NdArray(partial, 0, Shape.of(pairs.length)), pairs, 0);
    for (int i = 0; i < blocks; i++) {
      sums[first + i] = (double) pairs[2 * i] + pairs[2 * i + 1];
    }
    memory.free(partial);
  }

  // ---- matrix products

  @Override
  public void linear(
      NdArray x, NdArray w, NdArray bias, Activation f, NdArray preActivation, NdArray out) {
    int inner = w.shape().dim(1);
    result(0, out);
    operand(1, x);
    operand(2, w);
    if (bias != null) {
      operand(3, bias);
    }
    if (preActivation != null) {
      result(4, preActivation);
    }
    activation(f);
    product(x.shape().rows(), w.shape().dim(0), inner, inner, 1, 1, inner);
  }

  @Override
  public void linearBackwardInput(NdArray dy, NdArray w, NdArray dx, Write write) {
    int columns = w.shape().dim(0);
    int inner = w.shape().dim(1);
    result(0, dx, write);
    operand(1, dy);
    operand(2, w);
    product(dy.shape().rows(), inner, columns, columns, 1, inner, 1);
  }

  @Override
  public void linearBackwardWeight(NdArray dy, NdArray x, NdArray dw, Write write) {
    int columns = dw.shape().dim(0);
    int inner = dw.shape().dim(1);
    result(0, dw, write);
    operand(1, dy);
    operand(2, x);
    product(columns, inner, dy.shape().rows(), 1, columns, inner, 1);
  }

  @Override
  public void matmul(
      NdArray a, boolean transposeA, NdArray b, boolean transposeB, NdArray out, Write write) {
    int rows = out.shape().dim(-2);
    int columns = out.shape().dim(-1);
    int inner = a.shape().dim(transposeA ? -2 : -1);
    int batch = rows * columns == 0 ? 0 : size(out) / (rows * columns);
    result(0, out, write);
    operand(1, a);
    operand(2, b);
    sizes(
        rows,
        columns,
        inner,
        transposeA ? 1 : inner,
        transposeA ? rows : 1,
        transposeB ? 1 : columns,
        transposeB ? inner : 1,
        rows * inner,
        inner * columns,
        columns);
    launchProduct(batch, rows, columns);
  }

  /** One product of named operands, its result contiguous. */
  private void product(
      int rows, int columns, int inner, int leftRow, int leftInner, int rightInner, int rightRow) {
    sizes(rows, columns, inner, leftRow, leftInner, rightInner, rightRow, 0, 0, columns);
    launchProduct(1, rows, columns);
  }

  private void launchProduct(int batch, int rows, int columns) {
    ProductTile tile = tiles.of(ProductShape.of(batch, rows, columns));
    launch(tile.op(), tile.groups(batch, rows, columns));
  }

  // ---- embedding

  @Override
  public void embedding(NdArray ids, NdArray table, NdArray out) {
    int width = table.shape().dim(1);
    int at = DeviceIntegers.at(ids);
    IdChecks.requireRows(kernel.integers, at, size(ids), table.shape().dim(0));
    result(0, out);
    operand(1, table);
    elementwise(DeviceKernel.EMBEDDING, size(out), width, at);
  }

  @Override
  public void embeddingBackward(NdArray ids, NdArray dy, NdArray dTable) {
    int width = dTable.shape().dim(1);
    int count = size(ids);
    if (count == 0) {
      return;
    }
    int at = DeviceIntegers.at(ids);
    // An id and the position of one of its rows; sorted, rows of equal id are in index order.
    long[] sorted = new long[count];
    for (int i = 0; i < count; i++) {
      sorted[i] = ((long) kernel.integers[at + i] << 32) | i;
    }
    Arrays.sort(sorted);
    DeviceIntegers entries = memory.allocateIntegers(2L * count + 2);
    DeviceIntegers positions = memory.allocateIntegers(count);
    int distinct = 0;
    for (int i = 0; i < count; i++) {
      int id = (int) (sorted[i] >>> 32);
      if (i == 0 || id != (int) (sorted[i - 1] >>> 32)) {
        kernel.integers[entries.offset() + 2 * distinct] = id;
        kernel.integers[entries.offset() + 2 * distinct + 1] = i;
        distinct++;
      }
      kernel.integers[positions.offset() + i] = (int) sorted[i];
    }
    kernel.integers[entries.offset() + 2 * distinct + 1] = count;
    integersChanged = true;
    result(0, dTable);
    operand(1, dy);
    sizes(distinct * width, width, entries.offset(), distinct, positions.offset());
    launchOver(DeviceKernel.EMBEDDING_BACKWARD, distinct * width);
    memory.free(entries);
    memory.free(positions);
  }

  // ---- norms

  @Override
  public void layerNorm(
      NdArray x,
      NdArray gain,
      NdArray bias,
      double epsilon,
      NdArray out,
      NdArray mean,
      NdArray rstd) {
    result(5, mean);
    norm(x, gain, bias, epsilon, out, rstd);
  }

  @Override
  public void rmsNorm(NdArray x, NdArray gain, double epsilon, NdArray out, NdArray rstd) {
    norm(x, gain, null, epsilon, out, rstd);
  }

  private void norm(
      NdArray x, NdArray gain, NdArray bias, double epsilon, NdArray out, NdArray rstd) {
    result(0, out);
    operand(1, x);
    operand(2, gain);
    if (bias != null) {
      operand(3, bias);
    }
    result(4, rstd);
    kernel.factor0 = (float) epsilon;
    sizes(0, x.shape().last());
    launch(DeviceKernel.NORM, x.shape().rows());
  }

  @Override
  public void layerNormBackward(
      NdArray x,
      NdArray gain,
      NdArray mean,
      NdArray rstd,
      NdArray dy,
      NdArray dx,
      Write dxWrite,
      NdArray dGain,
      Write dGainWrite,
      NdArray dBias,
      Write dBiasWrite) {
    normBackward(x, gain, mean, rstd, dy, dx, dxWrite, dGain, dGainWrite);
    if (dBias != null) {
      sumRows(dy, dBias, dBiasWrite);
    }
  }

  @Override
  public void rmsNormBackward(
      NdArray x,
      NdArray gain,
      NdArray rstd,
      NdArray dy,
      NdArray dx,
      Write dxWrite,
      NdArray dGain,
      Write dGainWrite) {
    normBackward(x, gain, null, rstd, dy, dx, dxWrite, dGain, dGainWrite);
  }

  private void normBackward(
      NdArray x,
      NdArray gain,
      NdArray mean,
      NdArray rstd,
      NdArray dy,
      NdArray dx,
      Write dxWrite,
      NdArray dGain,
      Write dGainWrite) {
    int rows = x.shape().rows();
    int width = x.shape().last();
    if (dGain != null) {
      int blocks = ceilDiv(rows, SUM_ROWS);
      DeviceFloats partial = floats((long) blocks * width);
      operand(0, partial);
      normOperands(x, gain, mean, rstd, dy);
      sizes(rows, width, SUM_ROWS);
      launchOver(DeviceKernel.NORM_GAIN_BACKWARD, blocks * width);
      addPartial(partial, blocks, width, dGain, dGainWrite);
    }
    if (dx != null) {
      result(0, dx, dxWrite);
      normOperands(x, gain, mean, rstd, dy);
      sizes(0, width);
      launch(DeviceKernel.NORM_BACKWARD, rows);
    }
  }

  private void normOperands(NdArray x, NdArray gain, NdArray mean, NdArray rstd, NdArray dy) {
    operand(1, x);
    operand(2, gain);
    operand(3, dy);
    operand(4, rstd);
    if (mean != null) {
      operand(5, mean);
    }
  }

  // ---- attention

  @Override
  public void softmax(NdArray x, NdArray out) {
    result(0, out);
    operand(1, x);
    sizes(0, x.shape().last());
    launch(DeviceKernel.SOFTMAX, x.shape().rows());
  }

  @Override
  public void softmaxBackward(NdArray y, NdArray dy, NdArray dx) {
    result(0, dx);
    operand(1, y);
    operand(2, dy);
    sizes(0, y.shape().last());
    launch(DeviceKernel.SOFTMAX_BACKWARD, y.shape().rows());
  }

  @Override
  public void rope(RopeSpec spec, NdArray x, NdArray positions, boolean inverse, NdArray out) {
    int tokens = x.shape().dim(1);
    int width = x.shape().last();
    int longest = tokens;
    int at = -1;
    if (positions != null) {
      at = DeviceIntegers.at(positions);
      for (int b = 0; b < size(positions); b++) {
        longest = Math.max(longest, kernel.integers[at + b] + tokens);
      }
    }
    DeviceFloats table = ropeTable(spec, longest);
    int units = spec.heads() * spec.headWidth() / 2 + width - spec.heads() * spec.headWidth();
    int count = x.shape().rows() * units;
    result(0, out);
    operand(1, x);
    operand(2, table);
    sizes(count, spec.heads(), spec.headWidth(), width, tokens, at);
    kernel.flag = spec.layout() == RopeSpec.Layout.INTERLEAVED ? 1 : 0;
    kernel.factor0 = inverse ? -1 : 1;
    launchOver(DeviceKernel.ROPE, count);
  }

  private DeviceFloats ropeTable(RopeSpec spec, int positions) {
    RopeKey key = new RopeKey(spec.headWidth(), spec.theta());
    RopeTable table = ropeTables.get(key);
    if (table != null && table.positions() >= positions) {
      return table.block();
    }
    if (table != null) {
      ropeTables.remove(key);
      memory.free(table.block());
    }
    // Twice as many as asked for, so that generation does not make it anew for each token.
    int longest = Math.max(128, 2 * positions);
    int half = spec.headWidth() / 2;
    float[] values = new float[longest * spec.headWidth()];
    for (int position = 0; position < longest; position++) {
      for (int pair = 0; pair < half; pair++) {
        double angle = spec.angle(position, pair);
        values[position * 2 * half + pair] = (float) StrictMath.cos(angle);
        values[position * 2 * half + half + pair] = (float) StrictMath.sin(angle);
      }
    }
    DeviceFloats block = floats(values.length);
    upload(values, 0, new NdArray(block, 0, Shape.of(values.length)));
    ropeTables.put(key, new RopeTable(block, longest));
    return block;
  }

  @Override
  public void causalAttention(AttentionSpec spec, NdArray qkv, NdArray out, NdArray logSumExp) {
    requireHeadWidth(spec);
    int batch = qkv.shape().dim(0);
    int tokens = qkv.shape().dim(1);
    int width = spec.packedWidth();
    result(0, out);
    operand(1, qkv);
    operand(2, qkv, spec.heads() * spec.headWidth());
    operand(3, qkv, (spec.heads() + spec.keyValueHeads()) * spec.headWidth());
    if (logSumExp != null) {
      result(4, logSumExp);
    }
    attention(spec, batch, tokens, tokens * width, spec.headWidth(), width, -1);
  }

  private void attention(
      AttentionSpec spec,
      int batch,
      int tokens,
      int sequenceStride,
      int headStride,
      int keyStride,
      int positionsAt) {
    kernel.factor0 = (float) spec.scale();
    sizes(
        tokens,
        spec.heads(),
        spec.keyValueHeads(),
        spec.headWidth(),
        spec.packedWidth(),
        sequenceStride,
        headStride,
        keyStride,
        positionsAt);
    launch(
        DeviceKernel.ATTENTION,
        batch * spec.heads() * ceilDiv(tokens, DeviceKernel.ATTENTION_ROWS));
  }

  @Override
  public void causalAttentionBackward(
      AttentionSpec spec, NdArray qkv, NdArray out, NdArray logSumExp, NdArray dOut, NdArray dQkv) {
    requireHeadWidth(spec);
    int batch = qkv.shape().dim(0);
    int tokens = qkv.shape().dim(1);
    int rows = batch * spec.heads() * tokens;
    DeviceFloats dots = floats(rows);
    operand(0, dots);
    operand(1, out);
    operand(2, dOut);
    sizes(tokens, spec.heads(), spec.headWidth(), rows);
    launchOver(DeviceKernel.ATTENTION_DOTS, rows);
    int blocks = ceilDiv(tokens, DeviceKernel.ATTENTION_ROWS);
    attentionOperands(spec, qkv, logSumExp, dOut, dQkv, dots, tokens);
    launch(DeviceKernel.ATTENTION_BACKWARD_QUERIES, batch * spec.heads() * blocks);
    attentionOperands(spec, qkv, logSumExp, dOut, dQkv, dots, tokens);
    launch(DeviceKernel.ATTENTION_BACKWARD_KEYS, batch * spec.keyValueHeads() * blocks);
    memory.free(dots);
  }

  private void attentionOperands(
      AttentionSpec spec,
      NdArray qkv,
      NdArray logSumExp,
      NdArray dOut,
      NdArray dQkv,
      DeviceFloats dots,
      int tokens) {
    result(0, dQkv);
    operand(1, qkv);
    operand(2, dOut);
    operand(3, logSumExp);
    operand(4, dots);
    kernel.factor0 = (float) spec.scale();
    sizes(tokens, spec.heads(), spec.keyValueHeads(), spec.headWidth(), spec.packedWidth());
  }

  @Override
  public void cachedAttention(
      AttentionSpec spec,
      NdArray qkv,
      NdArray keys,
      NdArray values,
      NdArray positions,
      NdArray out) {
    requireHeadWidth(spec);
    int batch = qkv.shape().dim(0);
    int tokens = qkv.shape().dim(1);
    int capacity = keys.shape().dim(2);
    int at = DeviceIntegers.at(positions);
    IdChecks.requireRoom(kernel.integers, at, batch, tokens, capacity);
    cacheTokens(spec, qkv, spec.heads(), keys, tokens, capacity, at);
    cacheTokens(spec, qkv, spec.heads() + spec.keyValueHeads(), values, tokens, capacity, at);
    result(0, out);
    operand(1, qkv);
    operand(2, keys);
    operand(3, values);
    int headStride = capacity * spec.headWidth();
    attention(
        spec, batch, tokens, spec.keyValueHeads() * headStride, headStride, spec.headWidth(), at);
  }

  private void cacheTokens(
      AttentionSpec spec,
      NdArray qkv,
      int firstHead,
      NdArray cache,
      int tokens,
      int capacity,
      int at) {
    int count = qkv.shape().rows() * spec.keyValueHeads() * spec.headWidth();
    result(0, cache);
    operand(1, qkv);
    sizes(
        count,
        spec.keyValueHeads(),
        tokens,
        spec.headWidth(),
        spec.packedWidth(),
        firstHead * spec.headWidth(),
        capacity,
        at);
    launchOver(DeviceKernel.CACHE_TOKENS, count);
  }

  private static void requireHeadWidth(AttentionSpec spec) {
    if (spec.headWidth() > DeviceKernel.MAX_HEAD_WIDTH) {
      throw UserException.usage(
          "backend opencl needs heads of a width of at most "
              + DeviceKernel.MAX_HEAD_WIDTH
              + ", got "
              + spec.headWidth()
              + "; take more heads, or backend cpu");
    }
  }

  // ---- loss

  @Override
  public void crossEntropy(NdArray logits, NdArray targets, NdArray losses, NdArray logSumExp) {
    int width = logits.shape().last();
    int at = targets(targets, width);
    result(0, losses);
    operand(1, logits);
    result(2, logSumExp);
    sizes(0, width, at);
    launch(DeviceKernel.CROSS_ENTROPY, logits.shape().rows());
  }

  @Override
  public void crossEntropyBackward(
      NdArray logits, NdArray targets, NdArray logSumExp, NdArray dLosses, NdArray dLogits) {
    int width = logits.shape().last();
    int at = targets(targets, width);
    result(0, dLogits);
    operand(1, logits);
    operand(2, logSumExp);
    operand(3, dLosses);
    elementwise(DeviceKernel.CROSS_ENTROPY_BACKWARD, size(logits), width, at);
  }

  @Override
  public void linearCrossEntropy(
      NdArray x, NdArray w, NdArray targets, double scale, NdArray losses, NdArray dx, NdArray dw) {
    int rows = x.shape().rows();
    int vocabulary = w.shape().dim(0);
    int width = w.shape().dim(1);
    int at = targets(targets, vocabulary);
    DeviceFloats logits = floats((long) Math.min(rows, HEAD_ROWS) * vocabulary);
    for (int row = 0; row < rows; row += HEAD_ROWS) {
      int chunk = Math.min(HEAD_ROWS, rows - row);
      operand(0, logits);
      operand(1, x, row * width);
      operand(2, w);
      product(chunk, vocabulary, width, width, 1, 1, width);
      result(0, losses, row);
      operand(1, logits);
      if (dx != null || dw != null) {
        operand(3, logits);
        kernel.factor0 = (float) scale;
      }
      sizes(0, vocabulary, at + row);
      launch(DeviceKernel.CROSS_ENTROPY, chunk);
      if (dx != null) {
        result(0, dx, row * width);
        operand(1, logits);
        operand(2, w);
        product(chunk, width, vocabulary, vocabulary, 1, width, 1);
      }
      if (dw != null) {
        result(0, dw, row == 0 ? Write.SET : Write.ADD);
        operand(1, logits);
        operand(2, x, row * width);
        product(vocabulary, width, chunk, 1, vocabulary, width, 1);
      }
    }
    memory.free(logits);
  }

  /** Where the targets are, once all are known to be in the vocabulary. */
  private int targets(NdArray targets, int vocabulary) {
    int at = DeviceIntegers.at(targets);
    IdChecks.requireTargets(kernel.integers, at, size(targets), vocabulary);
    return at;
  }

  // ---- optimizer

  @Override
  public void adamW(
      AdamWStep step,
      NdArray gradients,
      NdArray firstMoments,
      NdArray secondMoments,
      NdArray weights) {
    double correction1 = 1 - StrictMath.pow(step.beta1(), (double) step.step());
    double correction2 = 1 - StrictMath.pow(step.beta2(), (double) step.step());
    result(0, weights);
    operand(1, gradients);
    result(2, firstMoments);
    result(3, secondMoments);
    kernel.factor0 = (float) step.beta1();
    kernel.factor1 = (float) step.beta2();
    kernel.factor2 = (float) (1 - step.beta1());
    kernel.factor3 = (float) (1 - step.beta2());
    kernel.factor4 = (float) step.gradientScale();
    kernel.factor5 = (float) (step.learningRate() / correction1);
    kernel.factor6 = (float) (step.learningRate() * step.weightDecay());
    kernel.linear = (float) (1 / correction2);
    kernel.cubic = (float) step.epsilon();
    elementwise(DeviceKernel.ADAM_W, size(weights));
  }

  // ---- launching

  private void operand(int n, NdArray array) {
    operand(n, array, 0);
  }

  /** Names an array as operand n, from an element on. */
  private void operand(int n, NdArray array, int start) {
    DeviceFloats block = DeviceFloats.of(array);
    kernel.operand(n, block.arena(), block.offset() + Math.toIntExact(array.offset()) + start);
  }

  private void operand(int n, DeviceFloats block) {
    kernel.operand(n, block.arena(), block.offset());
  }

  /** Names an array that the launch writes. */
  private void result(int n, NdArray array) {
    result(n, array, 0);
  }

  private void result(int n, NdArray array, int start) {
    operand(n, array, start);
    array.storage().markWritten();
  }

  private void result(int n, NdArray array, Write write) {
    result(n, array);
    kernel.adds = write == Write.ADD ? 1 : 0;
  }

  private void activation(Activation f) {
    switch (f) {
      case IDENTITY -> kernel.activation = DeviceKernel.IDENTITY;
      case GELU_TANH -> {
        kernel.activation = DeviceKernel.SIGMOID_GATED;
        kernel.linear = GELU_LINEAR;
        kernel.cubic = GELU_LINEAR * 0.044715f;
      }
      case SILU -> {
        kernel.activation = DeviceKernel.SIGMOID_GATED;
        kernel.linear = 1;
        kernel.cubic = 0;
      }
      case GELU_ERF -> kernel.activation = DeviceKernel.NORMAL_GATED;
      default -> throw new IllegalArgumentException("unknown activation " + f);
    }
  }

  private void sizes(int... sizes) {
    for (int i = 0; i < sizes.length; i++) {
      switch (i) {
        case 0 -> kernel.size0 = sizes[i];
        case 1 -> kernel.size1 = sizes[i];
        case 2 -> kernel.size2 = sizes[i];
        case 3 -> kernel.size3 = sizes[i];
        case 4 -> kernel.size4 = sizes[i];
        case 5 -> kernel.size5 = sizes[i];
        case 6 -> kernel.size6 = sizes[i];
        case 7 -> kernel.size7 = sizes[i];
        case 8 -> kernel.size8 = sizes[i];
        default -> kernel.size9 = sizes[i];
      }
    }
  }

  /** Launches for the elements that the first size counts. */
  private void elementwise(int op, int... sizes) {
    sizes(sizes);
    launchOver(op, sizes[0]);
  }

  /** Launches with an item for each of {@code count} elements, or for several. */
  private void launchOver(int op, int count) {
    launch(op, Math.min(mostGroups, ceilDiv(count, DeviceKernel.GROUP)));
  }

  /** Launches groups and waits for them; then no operand is named and nothing is added to. */
  private void launch(int op, int groups) {
    try {
      if (groups > 0) {
        execute(op, groups);
      }
    } finally {
      for (int n = 0; n < 6; n++) {
        kernel.operand(n, -1, 0);
      }
      kernel.adds = 0;
      kernel.activation = DeviceKernel.IDENTITY;
    }
  }

  private void execute(int op, int groups) {
    if (integersChanged) {
      kernel.put(kernel.integers);
      bytesUp += (long) kernel.integers.length * Integer.BYTES;
      integersChanged = false;
    }
    kernel.op = op;
    launches++;
    try {
      kernel.execute(
          Range.create(device, Math.multiplyExact(groups, DeviceKernel.GROUP), DeviceKernel.GROUP));
      launched = true;
    } catch (AssertionError | RuntimeException e) {
      // Aparapi would go on to another device; the range names ours alone, so that it gives up.
      preferAllDevices();
      throw UserException.failure(
          "OpenCL device "
              + device.getName()
              + " failed to build or run operation "
              + op
              + " on "
              + groups
              + " groups; look at its driver's log, free memory on the device or choose another"
              + " one by compute.device",
          e);
    }
  }

  private static int size(NdArray array) {
    return Math.toIntExact(array.size());
  }

  private static int ceilDiv(int a, int b) {
    return (a + b - 1) / b;
  }
}
