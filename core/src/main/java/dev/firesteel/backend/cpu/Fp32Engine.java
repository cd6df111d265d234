package dev.firesteel.backend.cpu;

import static dev.firesteel.array.HeapStorage.offset;

import dev.firesteel.array.FloatStorage;
import dev.firesteel.array.NdArray;
import dev.firesteel.backend.Activation;
import dev.firesteel.backend.AttentionSpec;
import dev.firesteel.backend.Backend.Write;
import dev.firesteel.backend.cpu.Gemm.Matrix;

/** Matmuls in float32 by {@link Gemm}. */
final class Fp32Engine implements MatrixEngine {
  /** Rows whose logits exist at the same time in {@link #head}. */
  static final int HEAD_ROWS = 512;

  /** Logits rows are padded to this: rows offset by a cache line cause fewer conflicts. */
  private static final int LOGITS_MULTIPLE = 16;

  private final WorkerPool pool;
  private final Gemm gemm;
  private final Attention attention = new Attention(false);
  private float[] panels = new float[0];
  private float[] headPanels = new float[0];
  private float[] logits = new float[0];

  Fp32Engine(WorkerPool pool) {
    this.pool = pool;
    this.gemm = new Gemm(pool);
  }

  @Override
  public String description() {
    return "fp32 products";
  }

  /**
   * The packed form of a weight [N, K], the right operand of {@link #linear}, cached on its array
   * and collected with it. Repacked whenever the storage version has changed: once per optimizer
   * step.
   */
  private static final class PackedWeight {
    private final float[] panels;
    private long version;

    PackedWeight(int size) {
      panels = new float[size];
      version = -1;
    }
  }

  @Override
  public void linear(
      NdArray x, NdArray w, NdArray bias, Activation f, NdArray preActivation, NdArray out) {
    int columns = w.shape().dim(0);
    int depth = w.shape().dim(1);
    NdArray sums = preActivation == null ? out : preActivation;
    float[] c = FloatStorage.of(sums);
    int cOffset = offset(sums);
    Gemm.Epilogue epilogue = null;
    if (bias != null || f != Activation.IDENTITY || sums != out) {
      float[] offsets = bias == null ? null : FloatStorage.of(bias);
      int biasOffset = bias == null ? 0 : offset(bias);
      float[] to = FloatStorage.of(out);
      int toOffset = offset(out);
      epilogue =
          (row, rows, column, width, worker) -> {
            for (int r = row; r < row + rows; r++) {
              int at = r * columns + column;
              if (offsets != null) {
                worker
                    .simd()
                    .elementwise()
                    .add(c, cOffset + at, offsets, biasOffset + column, width);
              }
              Activations.forward(worker, f, c, cOffset + at, to, toOffset + at, width);
            }
          };
    }
    gemm.multiply(
        x.shape().rows(),
        columns,
        depth,
        matrix(x, depth),
        packed(w),
        c,
        cOffset,
        columns,
        false,
        epilogue);
  }

  @Override
  public void linearBackwardInput(NdArray dy, NdArray w, NdArray dx, Write write) {
    int depth = w.shape().dim(0);
    int columns = w.shape().dim(1);
    panels = Gemm.atLeast(panels, Gemm.panelsSize(depth, columns));
    gemm.pack(matrix(w, columns), depth, columns, panels);
    gemm.multiply(
        dy.shape().rows(),
        columns,
        depth,
        matrix(dy, depth),
        panels,
        FloatStorage.of(dx),
        offset(dx),
        columns,
        write == Write.ADD,
        null);
  }

  @Override
  public void linearBackwardWeight(NdArray dy, NdArray x, NdArray dw, Write write) {
    int rows = dw.shape().dim(0);
    int columns = dw.shape().dim(1);
    int depth = dy.shape().rows();
    panels = Gemm.atLeast(panels, Gemm.panelsSize(depth, columns));
    gemm.pack(matrix(x, columns), depth, columns, panels);
    gemm.multiply(
        rows,
        columns,
        depth,
        new Matrix(FloatStorage.of(dy), offset(dy), rows, true),
        panels,
        FloatStorage.of(dw),
        offset(dw),
        columns,
        write == Write.ADD,
        null);
  }

  @Override
  public NdArray keep(NdArray x) {
    return x;
  }

  @Override
  public void head(
      NdArray x, NdArray w, LogitsRow rows, NdArray dx, Write dxWrite, NdArray dw, Write dwWrite) {
    int count = x.shape().rows();
    int vocabulary = w.shape().dim(0);
    int width = w.shape().dim(1);
    int stride = logitsStride(vocabulary);
    logits = Gemm.atLeast(logits, Math.multiplyExact(Math.min(count, HEAD_ROWS), stride));
    if (dx != null) {
      headPanels = Gemm.atLeast(headPanels, Gemm.panelsSize(vocabulary, width));
      gemm.pack(matrix(w, width), vocabulary, width, headPanels);
    }
    for (int row = 0; row < count; row += HEAD_ROWS) {
      int first = row;
      int chunk = Math.min(HEAD_ROWS, count - row);
      int xOffset = offset(x) + row * width;
      Matrix input = new Matrix(FloatStorage.of(x), xOffset, width, false);
      gemm.multiply(chunk, vocabulary, width, input, packed(w), logits, 0, stride, false, null);
      pool.run(chunk, (r, worker) -> rows.accept(first + r, logits, r * stride, worker));
      if (dx != null) {
        gemm.multiply(
            chunk,
            width,
            vocabulary,
            new Matrix(logits, 0, stride, false),
            headPanels,
            FloatStorage.of(dx),
            offset(dx) + row * width,
            width,
            dxWrite == Write.ADD,
            null);
      }
      if (dw != null) {
        panels = Gemm.atLeast(panels, Gemm.panelsSize(chunk, width));
        gemm.pack(input, chunk, width, panels);
        gemm.multiply(
            vocabulary,
            width,
            chunk,
            new Matrix(logits, 0, stride, true),
            panels,
            FloatStorage.of(dw),
            offset(dw),
            width,
            row > 0 || dwWrite == Write.ADD,
            null);
      }
    }
    if (count == 0 && dw != null && dwWrite == Write.SET) {
      MatrixEngine.clear(dw);
    }
  }

  /** Floats from one row of logits to the next. */
  static int logitsStride(int vocabulary) {
    return Gemm.roundUp(vocabulary, LOGITS_MULTIPLE);
  }

  @Override
  public HeadAttention attention(AttentionSpec spec, int queries, int keys) {
    return attention;
  }

  @Override
  public void close() {
    panels = new float[0];
    headPanels = new float[0];
    logits = new float[0];
  }

  private float[] packed(NdArray w) {
    int columns = w.shape().dim(0);
    int depth = w.shape().dim(1);
    int size = Gemm.panelsSize(depth, columns);
    PackedWeight weight;
    if (w.derived() instanceof PackedWeight earlier && earlier.panels.length == size) {
      weight = earlier;
    } else {
      weight = new PackedWeight(size);
      w.derive(weight);
    }
    if (weight.version != w.storage().version()) {
      Matrix transposed = new Matrix(FloatStorage.of(w), offset(w), depth, true);
      gemm.pack(transposed, depth, columns, weight.panels);
      weight.version = w.storage().version();
    }
    return weight.panels;
  }

  private static Matrix matrix(NdArray array, int stride) {
    return new Matrix(FloatStorage.of(array), offset(array), stride, false);
  }
}
