package dev.firesteel.backend.cpu;

import static dev.firesteel.array.HeapStorage.offset;

import dev.firesteel.array.DType;
import dev.firesteel.array.FloatStorage;
import dev.firesteel.array.HeapStorage;
import dev.firesteel.array.IntStorage;
import dev.firesteel.array.NdArray;
import dev.firesteel.array.Storage;
import dev.firesteel.backend.Activation;
import dev.firesteel.backend.AdamWStep;
import dev.firesteel.backend.AttentionSpec;
import dev.firesteel.backend.Backend;
import dev.firesteel.backend.IdChecks;
import dev.firesteel.backend.Precision;
import dev.firesteel.backend.RopeSpec;
import dev.firesteel.backend.cpu.Gemm.Matrix;
import dev.firesteel.random.Philox;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.function.Consumer;

/**
 * The backend for training and generation on CPUs: float32 arrays on the Java heap, kernels on the
 * Vector API, one fixed team of threads. In {@link Precision#FP32} the bits of every result are the
 * same for any number of threads, any vector width, CPU and JDK.
 *
 * <p>After the first steps of a run no kernel allocates more than the few objects that name its
 * tiles: tables, packed weights and scratch memory are kept.
 */
public final class CpuBackend implements Backend {
  /** Elements of an elementwise kernel's tile: three arrays of it fit the L2 cache. */
  private static final int TILE = 16384;

  /** {@link #sum} adds float32 sums of so many elements in double. */
  private static final int SUM_BLOCK = 1024;

  private final WorkerPool pool;
  private final MatrixEngine engine;
  private final RowReduction rowReduction;
  private final List<RotaryTable> rotaryTables = new ArrayList<>();
  private double[] partials = new double[0];

  /** {@link KernelWarmUp#version} of the primitives that the threads have. */
  private int kernelVersion;

  /**
   * A backend with its own threads.
   *
   * @param precision of the matrix products
   * @param threads how many compute, the calling one included; 0 for one on each core
   * @throws dev.firesteel.error.UserException when the precision is bf16 and this CPU lacks the
   *     instructions, or this platform oneDNN
   */
  public CpuBackend(Precision precision, int threads) {
    this(precision, threads, Simd.Choice.best());
  }

  CpuBackend(Precision precision, int threads, Simd.Choice simd) {
    // First, since it may refuse and a thread of the pool would stay behind.
    OneDnn dnnl = precision == Precision.BF16 ? OneDnn.open() : null;
    pool =
        new WorkerPool(threads == 0 ? Runtime.getRuntime().availableProcessors() : threads, simd);
    engine =
        switch (precision) {
          case FP32 -> new Fp32Engine(pool);
          case BF16 -> new Bf16Engine(pool, dnnl);
        };
    rowReduction = new RowReduction(pool);
  }

  /** Of the kernels on the Vector API; the plain ones need none. */
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

  /** Neither threads nor the width of vectors show in a result. */
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
    return HeapStorage.allocate(dtype, size);
  }

  /** Nothing to do: the garbage collector frees heap arrays. */
  @Override
  public void free(Storage storage) {}

  @Override
  public void close() {
    engine.close();
    pool.close();
  }

  // ---- host and back

  @Override
  public void upload(float[] source, int offset, NdArray to) {
    System.arraycopy(source, offset, written(to), offset(to), size(to));
  }

  @Override
  public void upload(double[] source, int offset, NdArray to) {
    float[] target = written(to);
    int start = offset(to);
    for (int i = 0; i < size(to); i++) {
      target[start + i] = (float) source[offset + i];
    }
  }

  @Override
  public void upload(int[] source, int offset, NdArray to) {
    to.storage().markWritten();
    System.arraycopy(source, offset, IntStorage.of(to), offset(to), size(to));
  }

  @Override
  public void download(NdArray from, float[] target, int offset) {
    System.arraycopy(FloatStorage.of(from), offset(from), target, offset, size(from));
  }

  @Override
  public void download(NdArray from, double[] target, int offset) {
    float[] source = FloatStorage.of(from);
    int start = offset(from);
    for (int i = 0; i < size(from); i++) {
      target[offset + i] = source[start + i];
    }
  }

  @Override
  public void download(NdArray from, int[] target, int offset) {
    System.arraycopy(IntStorage.of(from), offset(from), target, offset, size(from));
  }

  // ---- copies and elementwise

  @Override
  public void fill(NdArray out, double value) {
    if (out.dtype() == DType.I32) {
      out.storage().markWritten();
      Arrays.fill(IntStorage.of(out), offset(out), offset(out) + size(out), (int) value);
      return;
    }
    float[] to = written(out);
    int toStart = offset(out);
    overRange(
        size(out),
        (start, length, worker) ->
            Arrays.fill(to, toStart + start, toStart + start + length, (float) value));
  }

  @Override
  public void copy(NdArray x, NdArray out) {
    if (out.dtype() == DType.I32) {
      upload(IntStorage.of(x), offset(x), out);
      return;
    }
    float[] from = FloatStorage.of(x);
    float[] to = written(out);
    int fromStart = offset(x);
    int toStart = offset(out);
    overRange(
        size(x),
        (start, length, worker) ->
            System.arraycopy(from, fromStart + start, to, toStart + start, length));
  }

  @Override
  public void copyColumns(
      NdArray x, int xStart, NdArray out, int outStart, int columns, Write write) {
    float[] from = FloatStorage.of(x);
    float[] to = written(out);
    int fromStride = x.shape().last();
    int toStride = out.shape().last();
    int fromStart = offset(x) + xStart;
    int toStart = offset(out) + outStart;
    int pieces = Gemm.ceilDiv(columns, TILE);
    overRows(
        x.shape().rows() * pieces,
        Math.min(columns, TILE),
        (i, worker) -> {
          int row = i / pieces;
          int column = i % pieces * TILE;
          int length = Math.min(TILE, columns - column);
          int fromAt = fromStart + row * fromStride + column;
          int toAt = toStart + row * toStride + column;
          if (write == Write.ADD) {
            worker.simd().elementwise().add(to, toAt, from, fromAt, length);
          } else {
            System.arraycopy(from, fromAt, to, toAt, length);
          }
        });
  }

  @Override
  public void add(NdArray a, NdArray b, NdArray out) {
    float[] left = FloatStorage.of(a);
    float[] right = FloatStorage.of(b);
    float[] to = written(out);
    int leftStart = offset(a);
    int rightStart = offset(b);
    int toStart = offset(out);
    int period = size(b);
    overRange(
        size(a),
        (start, length, worker) -> {
          for (int i = start; i < start + length; ) {
            int phase = i % period;
            int run = Math.min(start + length - i, period - phase);
            if (period == 1) {
              run = start + length - i;
              float value = right[rightStart];
              worker
                  .simd()
                  .elementwise()
                  .addValue(left, leftStart + i, value, to, toStart + i, run);
            } else {
              worker
                  .simd()
                  .elementwise()
                  .add(left, leftStart + i, right, rightStart + phase, to, toStart + i, run);
            }
            i += run;
          }
        });
  }

  @Override
  public void addScaled(double alpha, NdArray x, NdArray out) {
    float[] from = FloatStorage.of(x);
    float[] to = written(out);
    int fromStart = offset(x);
    int toStart = offset(out);
    overRange(
        size(x),
        (start, length, worker) ->
            worker
                .simd()
                .elementwise()
                .addScaled((float) alpha, from, fromStart + start, to, toStart + start, length));
  }

  @Override
  public void multiply(NdArray a, NdArray b, NdArray out) {
    float[] left = FloatStorage.of(a);
    float[] right = FloatStorage.of(b);
    float[] to = written(out);
    int leftStart = offset(a);
    int rightStart = offset(b);
    int toStart = offset(out);
    overRange(
        size(a),
        (start, length, worker) ->
            worker
                .simd()
                .elementwise()
                .multiply(
                    left,
                    leftStart + start,
                    right,
                    rightStart + start,
                    to,
                    toStart + start,
                    length));
  }

  @Override
  public void scale(double alpha, NdArray x, NdArray out) {
    float[] from = FloatStorage.of(x);
    float[] to = written(out);
    int fromStart = offset(x);
    int toStart = offset(out);
    overRange(
        size(x),
        (start, length, worker) ->
            worker
                .simd()
                .elementwise()
                .scale((float) alpha, from, fromStart + start, to, toStart + start, length));
  }

  @Override
  public void activation(Activation f, NdArray x, NdArray out) {
    float[] from = FloatStorage.of(x);
    float[] to = written(out);
    int fromStart = offset(x);
    int toStart = offset(out);
    overRange(
        size(x),
        (start, length, worker) ->
            Activations.forward(worker, f, from, fromStart + start, to, toStart + start, length));
  }

  @Override
  public void activationBackward(
      Activation f, NdArray x, NdArray dy, NdArray dx, NdArray dBias, Write write) {
    float[] from = FloatStorage.of(x);
    float[] gradient = FloatStorage.of(dy);
    float[] to = written(dx);
    int fromStart = offset(x);
    int gradientStart = offset(dy);
    int toStart = offset(dx);
    if (dBias == null) {
      overRange(
          size(x),
          (start, length, worker) ->
              Activations.backward(
                  worker,
                  f,
                  from,
                  fromStart + start,
                  gradient,
                  gradientStart + start,
                  to,
                  toStart + start,
                  length));
      return;
    }
    int width = x.shape().last();
    rowReduction.addRows(
        x.shape().rows(),
        width,
        (row, sums, at, worker) -> {
          int start = row * width;
          int result = toStart + start;
          Activations.backward(
              worker,
              f,
              from,
              fromStart + start,
              gradient,
              gradientStart + start,
              to,
              result,
              width);
          worker.simd().elementwise().add(sums, at, to, result, width);
        });
    total(0, dBias, write);
  }

  @Override
  public void swiGlu(NdArray gateUp, NdArray out) {
    float[] from = FloatStorage.of(gateUp);
    float[] to = written(out);
    int width = out.shape().last();
    int fromStart = offset(gateUp);
    int toStart = offset(out);
    overRows(
        out.shape().rows(),
        width,
        (row, worker) -> {
          int gate = fromStart + 2 * row * width;
          worker
              .simd()
              .activations()
              .swiGlu(from, gate, gate + width, to, toStart + row * width, width);
        });
  }

  @Override
  public void swiGluBackward(NdArray gateUp, NdArray dy, NdArray dGateUp) {
    float[] from = FloatStorage.of(gateUp);
    float[] gradient = FloatStorage.of(dy);
    float[] to = written(dGateUp);
    int width = dy.shape().last();
    int fromStart = offset(gateUp);
    int gradientStart = offset(dy);
    int toStart = offset(dGateUp);
    overRows(
        dy.shape().rows(),
        width,
        (row, worker) -> {
          int gate = fromStart + 2 * row * width;
          int dGate = toStart + 2 * row * width;
          worker
              .simd()
              .activations()
              .swiGluBackward(
                  from,
                  gate,
                  gate + width,
                  gradient,
                  gradientStart + row * width,
                  to,
                  dGate,
                  dGate + width,
                  width);
        });
  }

  @Override
  public void dropout(NdArray x, long key, double probability, NdArray out) {
    float[] from = FloatStorage.of(x);
    float[] to = written(out);
    int fromStart = offset(x);
    int toStart = offset(out);
    float keptScale = (float) (1 / (1 - probability));
    overRange(
        size(x),
        (start, length, worker) -> {
          // Tiles start at multiples of 4: at the first word of a block of the stream.
          int[] words = worker.words();
          for (int i = start; i < start + length; i += 4) {
            Philox.block(key, i >> 2, words, 0);
            int end = Math.min(4, start + length - i);
            for (int j = 0; j < end; j++) {
              boolean kept = Philox.toUniform(words[j]) >= probability;
              to[toStart + i + j] = kept ? from[fromStart + i + j] * keptScale : 0f;
            }
          }
        });
  }

  // ---- reductions

  @Override
  public void sumRows(NdArray x, NdArray out, Write write) {
    float[] from = FloatStorage.of(x);
    int width = x.shape().last();
    int start = offset(x);
    rowReduction.addRows(
        x.shape().rows(),
        width,
        (row, sums, at, worker) ->
            worker.simd().elementwise().add(sums, at, from, start + row * width, width));
    total(0, out, write);
  }

  /** What {@link RowReduction#addRows} summed from column {@code first} on, to {@code out}. */
  private void total(int first, NdArray out, Write write) {
    rowReduction.total(first, size(out), written(out), offset(out), write == Write.ADD);
  }

  @Override
  public void sum(NdArray x, NdArray out) {
    float[] from = FloatStorage.of(x);
    int fromStart = offset(x);
    double total =
        reduceBlocks(
            size(x),
            (start, length, worker) -> {
              double sum = 0;
              for (int i = 0; i < length; i += SUM_BLOCK) {
                int at = fromStart + start + i;
                sum += worker.simd().sum(from, at, Math.min(SUM_BLOCK, length - i));
              }
              return sum;
            });
    written(out)[offset(out)] = (float) total;
  }

  @Override
  public void sumsOfSquares(NdArray x, double[] sums, int first) {
    float[] from = FloatStorage.of(x);
    int fromStart = offset(x);
    sumBlocks(
        size(x),
        (start, length, worker) -> sumOfSquares(worker, from, fromStart + start, length),
        sums,
        first);
  }

  private static double sumOfSquares(Worker worker, float[] x, int offset, int size) {
    double[] sums = worker.squares();
    Arrays.fill(sums, 0);
    worker.simd().elementwise().addSquares(x, offset, size, sums);
    for (int half = sums.length / 2; half > 0; half /= 2) {
      for (int i = 0; i < half; i++) {
        sums[i] += sums[half + i];
      }
    }
    return sums[0];
  }

  // ---- matrix products

  @Override
  public void linear(
      NdArray x, NdArray w, NdArray bias, Activation f, NdArray preActivation, NdArray out) {
    if (preActivation != null) {
      preActivation.storage().markWritten();
    }
    out.storage().markWritten();
    engine.linear(x, w, bias, f, preActivation, out);
  }

  @Override
  public void linearBackwardInput(NdArray dy, NdArray w, NdArray dx, Write write) {
    dx.storage().markWritten();
    engine.linearBackwardInput(dy, w, dx, write);
  }

  @Override
  public void linearBackwardWeight(NdArray dy, NdArray x, NdArray dw, Write write) {
    dw.storage().markWritten();
    engine.linearBackwardWeight(dy, x, dw, write);
  }

  @Override
  public void matmul(
      NdArray a, boolean transposeA, NdArray b, boolean transposeB, NdArray out, Write write) {
    int rows = out.shape().dim(-2);
    int columns = out.shape().dim(-1);
    int depth = a.shape().dim(transposeA ? -2 : -1);
    int matrices = rows * columns == 0 ? 0 : size(out) / (rows * columns);
    float[] left = FloatStorage.of(a);
    float[] right = FloatStorage.of(b);
    float[] to = written(out);
    int leftStart = offset(a);
    int rightStart = offset(b);
    int toStart = offset(out);
    pool.run(
        matrices,
        (i, worker) ->
            Gemm.multiplyAlone(
                worker,
                rows,
                columns,
                depth,
                new Matrix(
                    left, leftStart + i * rows * depth, transposeA ? rows : depth, transposeA),
                new Matrix(
                    right,
                    rightStart + i * depth * columns,
                    transposeB ? depth : columns,
                    transposeB),
                to,
                toStart + i * rows * columns,
                columns,
                write == Write.ADD));
  }

  // ---- embedding

  @Override
  public void embedding(NdArray ids, NdArray table, NdArray out) {
    int[] rows = IntStorage.of(ids);
    int idStart = offset(ids);
    int width = table.shape().dim(1);
    IdChecks.requireRows(rows, idStart, size(ids), table.shape().dim(0));
    float[] from = FloatStorage.of(table);
    float[] to = written(out);
    int fromStart = offset(table);
    int toStart = offset(out);
    overRows(
        size(ids),
        width,
        (i, worker) ->
            System.arraycopy(
                from, fromStart + rows[idStart + i] * width, to, toStart + i * width, width));
  }

  /** Each row of the table belongs to one task, which goes through the ids in index order. */
  @Override
  public void embeddingBackward(NdArray ids, NdArray dy, NdArray dTable) {
    int[] rows = IntStorage.of(ids);
    int idStart = offset(ids);
    int count = size(ids);
    float[] gradient = FloatStorage.of(dy);
    float[] to = written(dTable);
    int gradientStart = offset(dy);
    int toStart = offset(dTable);
    int width = dTable.shape().dim(1);
    int tasks = pool.threads() == 1 ? 1 : 4 * pool.threads();
    pool.run(
        tasks,
        (task, worker) -> {
          for (int i = 0; i < count; i++) {
            int id = rows[idStart + i];
            if (id % tasks == task) {
              int from = gradientStart + i * width;
              worker.simd().elementwise().add(to, toStart + id * width, gradient, from, width);
            }
          }
        });
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
    float[] from = FloatStorage.of(x);
    float[] factor = FloatStorage.of(gain);
    float[] shift = bias == null ? null : FloatStorage.of(bias);
    int shiftStart = bias == null ? 0 : offset(bias);
    float[] to = written(out);
    float[] means = written(mean);
    float[] rstds = written(rstd);
    int width = x.shape().last();
    int fromStart = offset(x);
    int factorStart = offset(gain);
    int toStart = offset(out);
    int meanStart = offset(mean);
    int rstdStart = offset(rstd);
    overRows(
        x.shape().rows(),
        width,
        (row, worker) -> {
          int at = fromStart + row * width;
          float center = Norms.mean(worker.simd(), from, at, width);
          float r = Norms.reciprocalDeviation(worker.simd(), from, at, width, center, epsilon);
          means[meanStart + row] = center;
          rstds[rstdStart + row] = r;
          worker
              .simd()
              .norms()
              .normalize(
                  from,
                  at,
                  center,
                  r,
                  factor,
                  factorStart,
                  shift,
                  shiftStart,
                  to,
                  toStart + row * width,
                  width);
        });
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
      total(x.shape().last(), dBias, dBiasWrite);
    }
  }

  @Override
  public void rmsNorm(NdArray x, NdArray gain, double epsilon, NdArray out, NdArray rstd) {
    float[] from = FloatStorage.of(x);
    float[] factor = FloatStorage.of(gain);
    float[] to = written(out);
    float[] rstds = written(rstd);
    int width = x.shape().last();
    int fromStart = offset(x);
    int factorStart = offset(gain);
    int toStart = offset(out);
    int rstdStart = offset(rstd);
    overRows(
        x.shape().rows(),
        width,
        (row, worker) -> {
          int at = fromStart + row * width;
          float r = Norms.reciprocalDeviation(worker.simd(), from, at, width, 0f, epsilon);
          rstds[rstdStart + row] = r;
          worker
              .simd()
              .norms()
              .normalize(
                  from, at, 0f, r, factor, factorStart, null, 0, to, toStart + row * width, width);
        });
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

  /** Without {@code mean} it is RMSNorm's. Leaves the bias's gradient to be totalled. */
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
    float[] from = FloatStorage.of(x);
    float[] factor = FloatStorage.of(gain);
    float[] means = mean == null ? null : FloatStorage.of(mean);
    int meanStart = mean == null ? 0 : offset(mean);
    float[] rstds = FloatStorage.of(rstd);
    float[] gradient = FloatStorage.of(dy);
    float[] to = dx == null ? null : written(dx);
    int toStart = dx == null ? 0 : offset(dx);
    int width = x.shape().last();
    int fromStart = offset(x);
    int factorStart = offset(gain);
    int rstdStart = offset(rstd);
    int gradientStart = offset(dy);
    rowReduction.addRows(
        x.shape().rows(),
        2 * width,
        (row, sums, at, worker) ->
            worker
                .simd()
                .norms()
                .backward(
                    from,
                    fromStart + row * width,
                    means == null ? 0f : means[meanStart + row],
                    rstds[rstdStart + row],
                    means != null,
                    factor,
                    factorStart,
                    gradient,
                    gradientStart + row * width,
                    sums,
                    at,
                    to,
                    toStart + row * width,
                    dxWrite == Write.ADD,
                    width));
    if (dGain != null) {
      total(0, dGain, dGainWrite);
    }
  }

  // ---- attention

  @Override
  public void softmax(NdArray x, NdArray out) {
    float[] from = FloatStorage.of(x);
    float[] to = written(out);
    int width = x.shape().last();
    int fromStart = offset(x);
    int toStart = offset(out);
    overRows(
        x.shape().rows(),
        width,
        (row, worker) -> {
          Simd simd = worker.simd();
          int at = toStart + row * width;
          float max = simd.max(from, fromStart + row * width, width);
          float sum = simd.exp(from, fromStart + row * width, max, to, at, width);
          simd.elementwise().scale(1f / sum, to, at, to, at, width);
        });
  }

  @Override
  public void softmaxBackward(NdArray y, NdArray dy, NdArray dx) {
    float[] probabilities = FloatStorage.of(y);
    float[] gradient = FloatStorage.of(dy);
    float[] to = written(dx);
    int width = y.shape().last();
    int yStart = offset(y);
    int gradientStart = offset(dy);
    int toStart = offset(dx);
    overRows(
        y.shape().rows(),
        width,
        (row, worker) -> {
          int p = yStart + row * width;
          int g = gradientStart + row * width;
          int at = toStart + row * width;
          float dot = worker.simd().dot(gradient, g, probabilities, p, width);
          for (int i = 0; i < width; i++) {
            to[at + i] = probabilities[p + i] * (gradient[g + i] - dot);
          }
        });
  }

  @Override
  public void rope(RopeSpec spec, NdArray x, NdArray positions, boolean inverse, NdArray out) {
    int batch = x.shape().dim(0);
    int tokens = x.shape().dim(1);
    int width = x.shape().last();
    int[] starts = new int[batch];
    if (positions != null) {
      download(positions, starts, 0);
    }
    RotaryTable table = rotaryTable(spec);
    table.extend(spec, Arrays.stream(starts).max().orElse(0) + tokens);
    float[] from = FloatStorage.of(x);
    float[] to = written(out);
    int fromStart = offset(x);
    int toStart = offset(out);
    int turned = spec.heads() * spec.headWidth();
    boolean inPlace = from == to && fromStart == toStart;
    overRows(
        batch * tokens,
        width,
        (row, worker) -> {
          int fromRow = fromStart + row * width;
          int toRow = toStart + row * width;
          int position = starts[row / tokens] + row % tokens;
          table.turn(
              worker.simd().elementwise(), spec, position, inverse, from, fromRow, to, toRow);
          if (!inPlace) {
            System.arraycopy(from, fromRow + turned, to, toRow + turned, width - turned);
          }
        });
  }

  private RotaryTable rotaryTable(RopeSpec spec) {
    for (RotaryTable table : rotaryTables) {
      if (table.fits(spec)) {
        return table;
      }
    }
    RotaryTable table = new RotaryTable(spec);
    rotaryTables.add(table);
    return table;
  }

  @Override
  public void causalAttention(AttentionSpec spec, NdArray qkv, NdArray out, NdArray logSumExp) {
    PackedRows packed = new PackedRows(spec, FloatStorage.of(qkv), offset(qkv), qkv.shape().dim(1));
    float[] to = written(out);
    int toStart = offset(out);
    float[] logSums = logSumExp == null ? null : written(logSumExp);
    int logSumStart = logSumExp == null ? 0 : offset(logSumExp);
    int tokens = qkv.shape().dim(1);
    HeadAttention attention = engine.attention(spec, tokens);
    pool.run(
        qkv.shape().dim(0) * spec.heads(),
        (i, worker) -> {
          int sequence = i / spec.heads();
          int head = i % spec.heads();
          int group = head / (spec.heads() / spec.keyValueHeads());
          attention.forward(
              worker,
              spec,
              tokens,
              packed.queries(sequence, head),
              packed.keys(sequence, group),
              packed.values(sequence, group),
              outputRows(spec, to, toStart, tokens, sequence, head),
              logSums,
              logSumStart + i * tokens);
        });
  }

  @Override
  public void causalAttentionBackward(
      AttentionSpec spec, NdArray qkv, NdArray out, NdArray logSumExp, NdArray dOut, NdArray dQkv) {
    int tokens = qkv.shape().dim(1);
    PackedRows packed = new PackedRows(spec, FloatStorage.of(qkv), offset(qkv), tokens);
    PackedRows gradients = new PackedRows(spec, written(dQkv), offset(dQkv), tokens);
    float[] outputGradients = FloatStorage.of(dOut);
    float[] logSums = FloatStorage.of(logSumExp);
    int outputGradientStart = offset(dOut);
    int logSumStart = offset(logSumExp);
    int groups = spec.keyValueHeads();
    HeadAttention attention = engine.attention(spec, tokens);
    pool.run(
        qkv.shape().dim(0) * groups,
        (i, worker) -> {
          int sequence = i / groups;
          int group = i % groups;
          int head = group * (spec.heads() / groups);
          attention.backward(
              worker,
              spec,
              tokens,
              packed.queries(sequence, head),
              packed.keys(sequence, group),
              packed.values(sequence, group),
              logSums,
              logSumStart + (sequence * spec.heads() + head) * tokens,
              outputRows(spec, outputGradients, outputGradientStart, tokens, sequence, head),
              gradients.queries(sequence, head),
              gradients.keys(sequence, group),
              gradients.values(sequence, group));
        });
  }

  @Override
  public void cachedAttention(
      AttentionSpec spec,
      NdArray qkv,
      NdArray keys,
      NdArray values,
      NdArray positions,
      NdArray out) {
    int batch = qkv.shape().dim(0);
    int tokens = qkv.shape().dim(1);
    int capacity = keys.shape().dim(2);
    int width = spec.headWidth();
    int groups = spec.keyValueHeads();
    int[] starts = new int[batch];
    download(positions, starts, 0);
    IdChecks.requireRoom(starts, 0, batch, tokens, capacity);
    PackedRows packed = new PackedRows(spec, FloatStorage.of(qkv), offset(qkv), tokens);
    float[] keyCache = written(keys);
    float[] valueCache = written(values);
    int keyStart = offset(keys);
    int valueStart = offset(values);
    float[] to = written(out);
    int toStart = offset(out);
    pool.run(
        batch * groups,
        (i, worker) -> {
          int sequence = i / groups;
          int group = i % groups;
          int past = starts[sequence];
          int cached = i * capacity * width;
          Attention.Rows k = new Attention.Rows(keyCache, keyStart + cached, width);
          Attention.Rows v = new Attention.Rows(valueCache, valueStart + cached, width);
          Attention.copyRows(packed.keys(sequence, group), k, past, tokens, width);
          Attention.copyRows(packed.values(sequence, group), v, past, tokens, width);
          int shared = spec.heads() / groups;
          for (int head = group * shared; head < (group + 1) * shared; head++) {
            Attention.forward(
                worker,
                spec,
                tokens,
                past,
                packed.queries(sequence, head),
                k,
                v,
                outputRows(spec, to, toStart, tokens, sequence, head),
                null,
                0);
          }
        });
  }

  /** Where the heads lie in a packed array [B, T, (H + 2G) K]. */
  private static final class PackedRows {
    private final AttentionSpec spec;
    private final float[] array;
    private final int offset;
    private final int tokens;

    PackedRows(AttentionSpec spec, float[] array, int offset, int tokens) {
      this.spec = spec;
      this.array = array;
      this.offset = offset;
      this.tokens = tokens;
    }

    Attention.Rows queries(int sequence, int head) {
      return rows(sequence, head);
    }

    Attention.Rows keys(int sequence, int group) {
      return rows(sequence, spec.heads() + group);
    }

    Attention.Rows values(int sequence, int group) {
      return rows(sequence, spec.heads() + spec.keyValueHeads() + group);
    }

    private Attention.Rows rows(int sequence, int slot) {
      int stride = spec.packedWidth();
      int first = offset + sequence * tokens * stride + slot * spec.headWidth();
      return new Attention.Rows(array, first, stride);
    }
  }

  private static Attention.Rows outputRows(
      AttentionSpec spec, float[] array, int offset, int tokens, int sequence, int head) {
    int stride = spec.outputWidth();
    return new Attention.Rows(
        array, offset + sequence * tokens * stride + head * spec.headWidth(), stride);
  }

  // ---- loss

  @Override
  public void crossEntropy(NdArray logits, NdArray targets, NdArray losses, NdArray logSumExp) {
    float[] from = FloatStorage.of(logits);
    int[] ids = targets(targets, logits.shape().last());
    float[] to = written(losses);
    float[] logSums = written(logSumExp);
    int vocabulary = logits.shape().last();
    int fromStart = offset(logits);
    int idStart = offset(targets);
    int toStart = offset(losses);
    int logSumStart = offset(logSumExp);
    overRows(
        logits.shape().rows(),
        vocabulary,
        (row, worker) -> {
          int at = fromStart + row * vocabulary;
          int target = ids[idStart + row];
          float logSum = CrossEntropy.logSumExp(worker, from, at, vocabulary);
          logSums[logSumStart + row] = logSum;
          to[toStart + row] = CrossEntropy.loss(from, at, target, logSum);
        });
  }

  @Override
  public void crossEntropyBackward(
      NdArray logits, NdArray targets, NdArray logSumExp, NdArray dLosses, NdArray dLogits) {
    float[] from = FloatStorage.of(logits);
    int[] ids = targets(targets, logits.shape().last());
    float[] logSums = FloatStorage.of(logSumExp);
    float[] gradient = FloatStorage.of(dLosses);
    float[] to = written(dLogits);
    int vocabulary = logits.shape().last();
    int fromStart = offset(logits);
    int idStart = offset(targets);
    int logSumStart = offset(logSumExp);
    int gradientStart = offset(dLosses);
    int toStart = offset(dLogits);
    overRows(
        logits.shape().rows(),
        vocabulary,
        (row, worker) ->
            CrossEntropy.gradient(
                worker.simd(),
                from,
                fromStart + row * vocabulary,
                vocabulary,
                ids[idStart + row],
                logSums[logSumStart + row],
                gradient[gradientStart + row],
                to,
                toStart + row * vocabulary));
  }

  @Override
  public void linearCrossEntropy(
      NdArray x, NdArray w, NdArray targets, double scale, NdArray losses, NdArray dx, NdArray dw) {
    targets(targets, w.shape().dim(0));
    losses.storage().markWritten();
    if (dx != null) {
      dx.storage().markWritten();
    }
    if (dw != null) {
      dw.storage().markWritten();
    }
    engine.linearCrossEntropy(x, w, targets, scale, losses, dx, dw);
  }

  private static int[] targets(NdArray targets, int vocabulary) {
    int[] ids = IntStorage.of(targets);
    IdChecks.requireTargets(ids, offset(targets), size(targets), vocabulary);
    return ids;
  }

  // ---- optimizer

  @Override
  public void adamW(
      AdamWStep step,
      NdArray gradients,
      NdArray firstMoments,
      NdArray secondMoments,
      NdArray weights) {
    float[] g = FloatStorage.of(gradients);
    float[] m = written(firstMoments);
    float[] v = written(secondMoments);
    float[] w = written(weights);
    int gStart = offset(gradients);
    int mStart = offset(firstMoments);
    int vStart = offset(secondMoments);
    int wStart = offset(weights);
    AdamWFactors factors = AdamWFactors.of(step);
    overRange(
        size(weights),
        (start, length, worker) ->
            worker
                .simd()
                .elementwise()
                .adamW(
                    factors,
                    g,
                    gStart + start,
                    m,
                    mStart + start,
                    v,
                    vStart + start,
                    w,
                    wStart + start,
                    length));
  }

  // ---- tiles

  private interface RangeBody {
    void run(int start, int length, Worker worker);
  }

  private interface RowBody {
    void run(int row, Worker worker);
  }

  private interface BlockSum {
    double sum(int start, int length, Worker worker);
  }

  /** Cuts [0, size) into tiles of {@value #TILE}. */
  private void overRange(int size, RangeBody body) {
    pool.run(
        Gemm.ceilDiv(size, TILE),
        (tile, worker) -> {
          int start = tile * TILE;
          body.run(start, Math.min(TILE, size - start), worker);
        });
  }

  /** Cuts rows of a width into tiles of about {@value #TILE} elements. */
  private void overRows(int rows, int width, RowBody body) {
    int tileRows = Math.max(1, TILE / Math.max(1, width));
    pool.run(
        Gemm.ceilDiv(rows, tileRows),
        (tile, worker) -> {
          int end = Math.min(rows, (tile + 1) * tileRows);
          for (int row = tile * tileRows; row < end; row++) {
            body.run(row, worker);
          }
        });
  }

  /** Sums of blocks of {@value Backend#REDUCTION_BLOCK} elements, added in index order. */
  private double reduceBlocks(int size, BlockSum body) {
    int blocks = Backend.reductionBlocks(size);
    if (partials.length < blocks) {
      partials = new double[blocks];
    }
    sumBlocks(size, body, partials, 0);
    double total = 0;
    for (int block = 0; block < blocks; block++) {
      total += partials[block];
    }
    return total;
  }

  private void sumBlocks(int size, BlockSum body, double[] sums, int first) {
    pool.run(
        Backend.reductionBlocks(size),
        (block, worker) -> {
          int start = block * REDUCTION_BLOCK;
          sums[first + block] = body.sum(start, Math.min(REDUCTION_BLOCK, size - start), worker);
        });
  }

  private static float[] written(NdArray array) {
    array.storage().markWritten();
    return FloatStorage.of(array);
  }

  private static int size(NdArray array) {
    return Math.toIntExact(array.size());
  }
}
