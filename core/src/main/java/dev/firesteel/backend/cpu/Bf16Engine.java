package dev.firesteel.backend.cpu;

import static dev.firesteel.array.HeapStorage.offset;

import dev.firesteel.array.FloatStorage;
import dev.firesteel.array.NdArray;
import dev.firesteel.backend.Activation;
import dev.firesteel.backend.AttentionSpec;
import dev.firesteel.backend.Backend.Write;
import dev.firesteel.backend.cpu.Bf16Gemm.Form;
import java.nio.FloatBuffer;
import java.nio.ShortBuffer;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Matmuls of operands rounded to bfloat16, with float32 sums, by oneDNN; biases, activations and
 * results are float32. An operand's bf16 copy is made once and kept while it is valid (see {@link
 * Bf16Twins}).
 *
 * <p>Bits depend on the operands and the CPU's instruction set, not on the number of threads: every
 * tile of a matmul is one single-threaded oneDNN call, and tiles depend only on the matmul's shape.
 */
final class Bf16Engine implements MatrixEngine {
  /**
   * Maximum number of logits that exist at the same time: 128 MiB in float32 and half of that in
   * bf16.
   */
  private static final int HEAD_LOGITS = 1 << 25;

  /** Minimum number of queries in a sequence for attention by oneDNN. */
  static final int ATTENTION_TOKENS = 128;

  /** Number of compiled matmuls kept; training needs about 20, generation one per prompt length. */
  private static final int MOST_PRODUCTS = 256;

  /**
   * The logits' bf16 rows begin at a multiple of this, with zeros in between: an odd stride is slow
   * to read.
   */
  private static final int LOGITS_MULTIPLE = Bf16Twins.PADDING;

  private static final short[] ZEROS = new short[Bf16Twins.PADDING];

  private final WorkerPool workers;
  private final OneDnn dnnl;
  private final NativePool pool = new NativePool();
  private final Bf16Twins twins = new Bf16Twins(pool);
  private final Map<Worker, Bf16Worker> states = new ConcurrentHashMap<>();
  private final AtomicInteger nextState = new AtomicInteger();
  private final Attention fp32Attention = new Attention(false);
  private final Attention roundedAttention = new Attention(true);
  private final Map<Integer, Bf16Attention> attentions = new HashMap<>();

  /** By k and n of a tile. */
  private final Map<List<Integer>, Bf16Packing> packings = new HashMap<>();

  private final Map<Form, Bf16Gemm> products = new LinkedHashMap<>(64, 0.75f, true);
  private float[] logits = new float[0];
  private long conversions;

  /**
   * @param dnnl closed with this engine
   */
  Bf16Engine(WorkerPool workers, OneDnn dnnl) {
    this.workers = workers;
    this.dnnl = dnnl;
  }

  @Override
  public String description() {
    return "bf16 products by " + dnnl.description();
  }

  @Override
  public void linear(
      NdArray x, NdArray w, NdArray bias, Activation f, NdArray preActivation, NdArray out) {
    int columns = w.shape().dim(0);
    int depth = w.shape().dim(1);
    NdArray sums = preActivation == null ? out : preActivation;
    float[] sum = FloatStorage.of(sums);
    int sumOffset = offset(sums);
    float[] offsets = bias == null ? null : FloatStorage.of(bias);
    int biasOffset = bias == null ? 0 : offset(bias);
    float[] to = FloatStorage.of(out);
    int toOffset = offset(out);
    int count = x.shape().rows();
    boolean few = count <= Bf16Gemm.PACKED_ROWS;
    multiply(
        few ? Form.packed(count, columns, depth) : Form.dense(count, columns, depth, false, true),
        twin(x).address(),
        (few ? packed(w) : twin(w)).address(),
        (worker, state, row, rows, column, width) -> {
          FloatBuffer tile = state.tile();
          for (int r = 0; r < rows; r++) {
            int at = (row + r) * columns + column;
            tile.get(r * width, sum, sumOffset + at, width);
            if (offsets != null) {
              worker
                  .simd()
                  .elementwise()
                  .add(sum, sumOffset + at, offsets, biasOffset + column, width);
            }
            Activations.forward(worker, f, sum, sumOffset + at, to, toOffset + at, width);
          }
        });
  }

  @Override
  public void linearBackwardInput(NdArray dy, NdArray w, NdArray dx, Write write) {
    int depth = w.shape().dim(0);
    int columns = w.shape().dim(1);
    multiply(
        Form.dense(dy.shape().rows(), columns, depth, false, false),
        twin(dy).address(),
        twin(w).address(),
        store(dx, columns, write));
  }

  @Override
  public void linearBackwardWeight(NdArray dy, NdArray x, NdArray dw, Write write) {
    int rows = dw.shape().dim(0);
    int columns = dw.shape().dim(1);
    int depth = dy.shape().rows();
    if (depth == 0) {
      if (write == Write.SET) {
        MatrixEngine.clear(dw);
      }
      return;
    }
    multiply(
        Form.dense(rows, columns, depth, true, false),
        twin(dy).address(),
        twin(x).address(),
        store(dw, columns, write));
  }

  /** The copy alone: the weight's gradient reads nothing else of x. */
  @Override
  public NdArray keep(NdArray x) {
    twin(x);
    return twins.detach(x);
  }

  @Override
  public void head(
      NdArray x, NdArray w, LogitsRow rows, NdArray dx, Write dxWrite, NdArray dw, Write dwWrite) {
    int total = x.shape().rows();
    int vocabulary = w.shape().dim(0);
    int width = w.shape().dim(1);
    int stride = logitsStride(vocabulary);
    int chunk = headRows(total, vocabulary);
    boolean gradients = dx != null || dw != null;
    if (logits.length < chunk * stride) {
      logits = new float[chunk * stride];
    }
    NativeBlock gradient = gradients ? pool.take((long) chunk * stride * Short.BYTES) : null;
    ShortBuffer rounded = gradients ? gradient.shorts() : null;
    try {
      long input = twin(x).address();
      long weight = twin(w).address();
      for (int row = 0; row < total; row += chunk) {
        int first = row;
        int count = Math.min(chunk, total - row);
        long from = input + (long) row * width * Short.BYTES;
        multiply(
            new Form(count, vocabulary, width, false, width, true, width),
            from,
            weight,
            store(logits, 0, stride, Write.SET));
        workers.run(
            count,
            (r, worker) -> {
              rows.accept(first + r, logits, r * stride, worker);
              if (gradients) {
                roundRow(worker, r * stride, rounded, vocabulary, stride);
              }
            });
        if (dx != null) {
          multiply(
              new Form(count, width, vocabulary, false, stride, false, width),
              gradient.address(),
              weight,
              store(FloatStorage.of(dx), offset(dx) + row * width, width, dxWrite));
        }
        if (dw != null) {
          multiply(
              new Form(vocabulary, width, count, true, stride, false, width),
              gradient.address(),
              from,
              store(dw, width, row == 0 ? dwWrite : Write.ADD));
        }
      }
    } finally {
      if (gradients) {
        pool.giveBack(gradient);
      }
    }
    if (total == 0 && dw != null && dwWrite == Write.SET) {
      MatrixEngine.clear(dw);
    }
  }

  /** Elements from one row of logits to the next. */
  static int logitsStride(int vocabulary) {
    return Gemm.roundUp(vocabulary, LOGITS_MULTIPLE);
  }

  /**
   * Number of rows, out of the given number, whose logits exist at the same time in {@link #head}.
   */
  static int headRows(int rows, int vocabulary) {
    int most = Math.max(1, HEAD_LOGITS / logitsStride(vocabulary) / Bf16Gemm.TILE_ROWS);
    return Math.min(rows, most * Bf16Gemm.TILE_ROWS);
  }

  /** Puts a row of the logits' gradient, at the same offset, into a block as bf16. */
  private void roundRow(
      Worker worker, int offset, ShortBuffer gradients, int vocabulary, int stride) {
    round(worker, logits, offset, gradients, offset, vocabulary);
    gradients.put(offset + vocabulary, ZEROS, 0, stride - vocabulary);
  }

  /** The bf16 copy of an array, created if there is no valid one. */
  private NativeBlock twin(NdArray array) {
    NativeBlock found = twins.find(array);
    if (found != null) {
      return found;
    }
    conversions++;
    NativeBlock made = twins.create(array);
    ShortBuffer to = made.shorts();
    to.put(Math.toIntExact(array.size()), ZEROS, 0, Bf16Twins.PADDING);
    float[] from = FloatStorage.of(array);
    int fromOffset = offset(array);
    int size = Math.toIntExact(array.size());
    int strip = Bf16Worker.STRIP * 8;
    workers.run(
        Gemm.ceilDiv(size, strip),
        (tile, worker) -> {
          int start = tile * strip;
          round(worker, from, fromOffset + start, to, start, Math.min(strip, size - start));
        });
    return made;
  }

  /** The packed copy of a weight [n, k], created if there is no valid one. */
  private NativeBlock packed(NdArray w) {
    NativeBlock found = twins.findPacked(w);
    if (found != null) {
      return found;
    }
    int rows = w.shape().dim(0);
    int k = w.shape().dim(1);
    int columns = Math.min(rows, Bf16Gemm.PACKED_COLUMNS);
    int tiles = Gemm.ceilDiv(rows, columns);
    Bf16Packing whole = packing(k, columns);
    Bf16Packing last = packing(k, rows - (tiles - 1) * columns);
    long plain = twin(w).address();
    NativeBlock made = twins.createPacked(w, tiles * Math.max(whole.bytes(), last.bytes()));
    workers.run(
        tiles,
        (tile, worker) ->
            (tile < tiles - 1 ? whole : last)
                .pack(
                    state(worker),
                    plain + (long) tile * columns * k * Short.BYTES,
                    made.address() + tile * whole.bytes()));
    return made;
  }

  private Bf16Packing packing(int k, int n) {
    return packings.computeIfAbsent(
        List.of(k, n), shape -> new Bf16Packing(dnnl, shape.get(0), shape.get(1)));
  }

  private void round(
      Worker worker, float[] from, int fromOffset, ShortBuffer to, int toOffset, int size) {
    short[] strip = state(worker).shorts;
    for (int start = 0; start < size; start += strip.length) {
      int length = Math.min(strip.length, size - start);
      worker.simd().toBf16(from, fromOffset + start, strip, 0, length);
      to.put(toOffset + start, strip, 0, length);
    }
  }

  /** Processes a finished tile. */
  private interface Sink {
    void accept(Worker worker, Bf16Worker state, int row, int rows, int column, int columns);
  }

  private void multiply(Form form, long a, long b, Sink sink) {
    if (form.m() == 0 || form.n() == 0) {
      return;
    }
    Bf16Gemm product = product(form);
    workers.run(
        product.tiles(),
        (tile, worker) -> {
          Bf16Worker state = state(worker);
          product.multiply(tile, state, a, b);
          int row = product.row(tile);
          int column = product.column(tile);
          sink.accept(worker, state, row, product.rows(row), column, product.columns(column));
        });
  }

  /** Writes or adds tiles to a row-major result without gaps. */
  private static Sink store(NdArray to, int columns, Write write) {
    return store(FloatStorage.of(to), offset(to), columns, write);
  }

  private static Sink store(float[] to, int toOffset, int stride, Write write) {
    return (worker, state, row, rows, column, columns) -> {
      FloatBuffer tile = state.tile();
      for (int r = 0; r < rows; r++) {
        int at = toOffset + (row + r) * stride + column;
        if (write == Write.SET) {
          tile.get(r * columns, to, at, columns);
        } else {
          tile.get(r * columns, state.floats, 0, columns);
          worker.simd().elementwise().add(to, at, state.floats, 0, columns);
        }
      }
    };
  }

  private Bf16Gemm product(Form form) {
    Bf16Gemm product = products.get(form);
    if (product == null) {
      if (products.size() >= MOST_PRODUCTS) {
        Form eldest = products.keySet().iterator().next();
        products.remove(eldest).close();
      }
      product = new Bf16Gemm(dnnl, form, workers.threads(), this::packing);
      products.put(form, product);
    }
    return product;
  }

  private Bf16Worker state(Worker worker) {
    Bf16Worker state = states.get(worker);
    return state != null
        ? state
        : states.computeIfAbsent(
            worker, each -> new Bf16Worker(nextState.getAndIncrement(), dnnl, pool));
  }

  /**
   * Attention with bf16 operands: by oneDNN, or for few queries, whose matmuls are too small to
   * benefit, by the float32 kernel on rounded operands. Generation with a cache thus has the
   * arithmetic of training. Heads too wide for a tile have float32 operands in both.
   */
  @Override
  public HeadAttention attention(AttentionSpec spec, int queries, int keys) {
    if (spec.headWidth() > Bf16Attention.MOST_WIDTH) {
      return fp32Attention;
    }
    if (queries < ATTENTION_TOKENS) {
      return roundedAttention;
    }
    return attentions
        .computeIfAbsent(
            spec.headWidth(),
            width -> new Bf16Attention(dnnl, workers.threads(), this::state, width))
        .compiledFor(keys);
  }

  /** Number of arrays converted so far, for tests. */
  long conversions() {
    return conversions;
  }

  /** Native blocks currently allocated, for tests. */
  int lentBlocks() {
    return pool.lentBlocks();
  }

  /** Native memory currently held, allocated or free, excluding that of workers, for tests. */
  long sharedBytes() {
    return pool.heldBytes() - states.values().stream().mapToLong(Bf16Worker::heldBytes).sum();
  }

  /** Number of them held by workers. */
  int workerBlocks() {
    return states.values().stream().mapToInt(Bf16Worker::heldBlocks).sum();
  }

  @Override
  public void close() {
    products.values().forEach(Bf16Gemm::close);
    products.clear();
    packings.values().forEach(Bf16Packing::close);
    packings.clear();
    attentions.values().forEach(Bf16Attention::close);
    attentions.clear();
    states.values().forEach(Bf16Worker::close);
    states.clear();
    twins.close();
    pool.close();
    dnnl.close();
    logits = new float[0];
  }
}
