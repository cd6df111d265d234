package dev.firesteel.backend.opencl;

import com.aparapi.Kernel;

/**
 * All operations that run on the device, in one Aparapi kernel, because two kernels cannot share a
 * device's buffers. {@link #run} is translated to OpenCL and is the body of one work-item; {@link
 * #op} selects the operation that a launch computes. The host sets the fields below, which become
 * the launch's arguments, and starts a number of groups of {@value #GROUP} work-items.
 *
 * <p>Operands are numbered 0 to 7: operand n is the range starting at {@code offset<n>} in the
 * arena {@code arena<n>}; a negative arena means that the operand is absent. {@code size<n>},
 * {@code factor<n>} and {@code flag} are specific to the operation and documented there.
 *
 * <p>The bytecode must stay plain, for Aparapi's translator and for drivers: no objects, no switch,
 * no break, no compound assignment to array elements. A barrier must be reached by all items of a
 * group. In an operation with barriers, every loop has the same number of iterations for each item
 * of the group, because PoCL assumes this and otherwise computes wrong results; items without work
 * skip the body.
 */
final class DeviceKernel extends Kernel {
  /** Work-items of a group; every OpenCL GPU runs that many. */
  static final int GROUP = 256;

  /** Maximum number of arenas of floats on a device. */
  static final int ARENAS = 8;

  // Operations.
  static final int FILL = 0;
  static final int COPY = 1;
  static final int COPY_COLUMNS = 2;
  static final int ADD = 3;
  static final int ADD_SCALED = 4;
  static final int MULTIPLY = 5;
  static final int SCALE = 6;
  static final int ACTIVATION = 7;
  static final int ACTIVATION_BACKWARD = 8;
  static final int SWI_GLU = 9;
  static final int SWI_GLU_BACKWARD = 10;
  static final int DROPOUT = 11;
  static final int SUM_ROWS = 12;
  static final int SUM_BLOCKS = 13;
  static final int SUM_SQUARES = 14;
  static final int EMBEDDING = 15;
  static final int EMBEDDING_BACKWARD = 16;
  static final int NORM = 17;
  static final int NORM_BACKWARD = 18;
  static final int NORM_GAIN_BACKWARD = 19;
  static final int SOFTMAX = 20;
  static final int SOFTMAX_BACKWARD = 21;
  static final int ROPE = 22;
  static final int APPEND = 23;
  static final int ATTENTION = 24;
  static final int ATTENTION_BACKWARD_START = 25;
  static final int ATTENTION_BACKWARD_QUERIES = 26;
  static final int ATTENTION_BACKWARD_KEYS = 27;
  static final int ATTENTION_BACKWARD_BIAS = 28;
  static final int CROSS_ENTROPY = 29;
  static final int CROSS_ENTROPY_BACKWARD = 30;
  static final int ADAM_W = 31;
  static final int FROM_STAGING = 32;
  static final int TO_STAGING = 33;
  static final int SMALL_PRODUCT = 34;
  static final int PRODUCT = 35;
  static final int LARGE_PRODUCT = 36;
  static final int MULTIPLY_ADDS = 37;
  static final int LION = 38;
  static final int ROW_SQUARES = 39;
  static final int COLUMN_SQUARES = 40;
  static final int SCALE_ROWS_AND_COLUMNS = 41;

  // Activations, as numbers.
  static final int IDENTITY = 0;
  static final int SIGMOID_GATED = 1;
  static final int NORMAL_GATED = 2;

  // Rows and columns of a matmul that one group computes.
  static final int SMALL_TILE = 32;
  static final int TILE = 64;
  static final int LARGE_TILE = 128;

  /** Depth of a tile's partial sums, for tiles of up to {@link #TILE}. */
  private static final int TILE_DEPTH = 16;

  /** The same for larger tiles, limited by local memory. */
  private static final int LARGE_TILE_DEPTH = 8;

  /**
   * Padding between a tile's rows in local memory: groups of four stay together, columns fall on
   * different banks.
   */
  private static final int TILE_GAP = 4;

  /** Number of independent sums of an item of {@link #multiplyAdds}. */
  static final int CHAINS = 32;

  /** Multiply-adds of each of them per iteration. */
  static final int CHAIN_STEPS = 16;

  /** Queries (or, for the gradient of keys, keys) of one group in attention; lanes for each. */
  static final int ATTENTION_ROWS = 16;

  private static final int LANES = GROUP / ATTENTION_ROWS;

  /** Keys (or queries) that a group processes at a time. */
  static final int ATTENTION_COLUMNS = 64;

  /** Elements of a head that a group processes at a time. */
  private static final int HEAD_CHUNK = 32;

  private static final int CHUNK_STRIDE = HEAD_CHUNK + 1;
  private static final int COLUMN_CHUNKS_AT = ATTENTION_ROWS * CHUNK_STRIDE;
  private static final int SCORES_AT = COLUMN_CHUNKS_AT + ATTENTION_COLUMNS * CHUNK_STRIDE;
  private static final int SCORES_STRIDE = ATTENTION_COLUMNS + 1;

  /** Maximum head width: each lane keeps one sixteenth of a head. */
  static final int MAX_HEAD_WIDTH = 256;

  private static final int LANE_SUMS = MAX_HEAD_WIDTH / LANES;

  /** Floats of local memory. */
  static final int SHARED = 4096;

  /** The score of a masked key. */
  private static final float MASKED = -3e38f;

  // ---- buffers

  float[] floats0 = new float[1];
  float[] floats1 = new float[1];
  float[] floats2 = new float[1];
  float[] floats3 = new float[1];
  float[] floats4 = new float[1];
  float[] floats5 = new float[1];
  float[] floats6 = new float[1];
  float[] floats7 = new float[1];

  /** Ids, targets, positions: written by the host only. */
  int[] integers = new int[1];

  /** Data copied to and from the device. */
  float[] staging = new float[1];

  @Local final float[] shared = new float[SHARED];

  @PrivateMemorySpace(4)
  final float[] dots = new float[4];

  @PrivateMemorySpace(4)
  final float[] dots2 = new float[4];

  @PrivateMemorySpace(2 * LANE_SUMS)
  final float[] laneSums = new float[2 * LANE_SUMS];

  // ---- arguments

  int op;
  int arena0;
  int arena1;
  int arena2;
  int arena3;
  int arena4;
  int arena5;
  int arena6;
  int arena7;
  int offset0;
  int offset1;
  int offset2;
  int offset3;
  int offset4;
  int offset5;
  int offset6;
  int offset7;
  int size0;
  int size1;
  int size2;
  int size3;
  int size4;
  int size5;
  int size6;
  int size7;
  int size8;
  int size9;
  int size10;
  int size11;
  int size12;
  float factor0;
  float factor1;
  float factor2;
  float factor3;
  float factor4;
  float factor5;
  float factor6;
  int flag;

  /** 1 to add to the result. */
  int adds;

  /** Which activation, {@link #IDENTITY} and so on, with its factors. */
  int activation;

  float linear;
  float cubic;

  @Override
  public void run() {
    if (op > MULTIPLY_ADDS) {
      optimizers();
    } else if (op > TO_STAGING) {
      products();
    } else if (op < ADD_SCALED) {
      copies();
    } else if (op < SUM_ROWS) {
      elementwise();
    } else if (op < NORM) {
      sumsAndEmbeddings();
    } else if (op < APPEND) {
      rows();
    } else if (op < CROSS_ENTROPY) {
      attentions();
    } else {
      lossesAndSteps();
    }
  }

  private void copies() {
    if (op == FILL) {
      fill();
    } else if (op == COPY) {
      copy();
    } else if (op == COPY_COLUMNS) {
      copyColumns();
    } else {
      add();
    }
  }

  private void elementwise() {
    if (op == ADD_SCALED) {
      addScaled();
    } else if (op == MULTIPLY) {
      multiply();
    } else if (op == SCALE) {
      scale();
    } else if (op == ACTIVATION) {
      activate();
    } else if (op == ACTIVATION_BACKWARD) {
      activateBackward();
    } else if (op == SWI_GLU) {
      swiGlu();
    } else if (op == SWI_GLU_BACKWARD) {
      swiGluBackward();
    } else {
      dropout();
    }
  }

  private void sumsAndEmbeddings() {
    if (op == SUM_ROWS) {
      sumRows();
    } else if (op == SUM_BLOCKS) {
      sumBlocks();
    } else if (op == SUM_SQUARES) {
      sumSquares();
    } else if (op == EMBEDDING) {
      embedding();
    } else {
      embeddingBackward();
    }
  }

  private void rows() {
    if (op == NORM) {
      norm();
    } else if (op == NORM_BACKWARD) {
      normBackward();
    } else if (op == NORM_GAIN_BACKWARD) {
      normGainBackward();
    } else if (op == SOFTMAX) {
      softmax();
    } else if (op == SOFTMAX_BACKWARD) {
      softmaxBackward();
    } else {
      rope();
    }
  }

  private void attentions() {
    if (op == APPEND) {
      append();
    } else if (op == ATTENTION) {
      attention();
    } else if (op == ATTENTION_BACKWARD_START) {
      attentionBackwardStart();
    } else if (op == ATTENTION_BACKWARD_QUERIES) {
      attentionBackwardQueries();
    } else if (op == ATTENTION_BACKWARD_KEYS) {
      attentionBackwardKeys();
    } else {
      attentionBackwardBias();
    }
  }

  private void lossesAndSteps() {
    if (op == CROSS_ENTROPY) {
      crossEntropy();
    } else if (op == CROSS_ENTROPY_BACKWARD) {
      crossEntropyBackward();
    } else if (op == ADAM_W) {
      adamW();
    } else if (op == FROM_STAGING) {
      fromStaging();
    } else {
      toStaging();
    }
  }

  private void products() {
    if (op == PRODUCT) {
      product();
    } else if (op == LARGE_PRODUCT) {
      largeProduct();
    } else if (op == SMALL_PRODUCT) {
      smallProduct();
    } else {
      multiplyAdds();
    }
  }

  private void optimizers() {
    if (op == LION) {
      lion();
    } else if (op == ROW_SQUARES) {
      rowSquares();
    } else if (op == COLUMN_SQUARES) {
      columnSquares();
    } else {
      scaleRowsAndColumns();
    }
  }

  // ---- operands

  private float load(int arena, int index) {
    float value = 0f;
    if (arena < 4) {
      if (arena < 2) {
        if (arena == 0) {
          value = floats0[index];
        } else {
          value = floats1[index];
        }
      } else {
        if (arena == 2) {
          value = floats2[index];
        } else {
          value = floats3[index];
        }
      }
    } else {
      if (arena < 6) {
        if (arena == 4) {
          value = floats4[index];
        } else {
          value = floats5[index];
        }
      } else {
        if (arena == 6) {
          value = floats6[index];
        } else {
          value = floats7[index];
        }
      }
    }
    return value;
  }

  private void store(int arena, int index, float value) {
    if (arena < 4) {
      if (arena < 2) {
        if (arena == 0) {
          floats0[index] = value;
        } else {
          floats1[index] = value;
        }
      } else {
        if (arena == 2) {
          floats2[index] = value;
        } else {
          floats3[index] = value;
        }
      }
    } else {
      if (arena < 6) {
        if (arena == 4) {
          floats4[index] = value;
        } else {
          floats5[index] = value;
        }
      } else {
        if (arena == 6) {
          floats6[index] = value;
        } else {
          floats7[index] = value;
        }
      }
    }
  }

  private float read0(int i) {
    return load(arena0, offset0 + i);
  }

  private float read1(int i) {
    return load(arena1, offset1 + i);
  }

  private float read2(int i) {
    return load(arena2, offset2 + i);
  }

  private float read3(int i) {
    return load(arena3, offset3 + i);
  }

  private float read4(int i) {
    return load(arena4, offset4 + i);
  }

  private float read5(int i) {
    return load(arena5, offset5 + i);
  }

  private float read6(int i) {
    return load(arena6, offset6 + i);
  }

  private void write0(int i, float value) {
    store(arena0, offset0 + i, value);
  }

  private void write2(int i, float value) {
    store(arena2, offset2 + i, value);
  }

  private void write3(int i, float value) {
    store(arena3, offset3 + i, value);
  }

  private void write4(int i, float value) {
    store(arena4, offset4 + i, value);
  }

  private void write7(int i, float value) {
    store(arena7, offset7 + i, value);
  }

  /** Sets or adds to operand 0, depending on {@link #adds}. */
  private void put0(int i, float value) {
    if (adds == 1) {
      write0(i, read0(i) + value);
    } else {
      write0(i, value);
    }
  }

  // ---- sums over a group, in a fixed order

  private float groupSum(float value) {
    int item = getLocalId();
    shared[item] = value;
    localBarrier();
    for (int span = GROUP / 2; span > 0; span = span / 2) {
      if (item < span) {
        shared[item] = shared[item] + shared[item + span];
      }
      localBarrier();
    }
    float sum = shared[0];
    localBarrier();
    return sum;
  }

  private float groupMax(float value) {
    int item = getLocalId();
    shared[item] = value;
    localBarrier();
    for (int span = GROUP / 2; span > 0; span = span / 2) {
      if (item < span) {
        shared[item] = max(shared[item], shared[item + span]);
      }
      localBarrier();
    }
    float largest = shared[0];
    localBarrier();
    return largest;
  }

  // ---- copies and elementwise: size0 elements, result in operand 0

  /** {@code 0 = factor0}. */
  private void fill() {
    for (int i = getGlobalId(); i < size0; i = i + getGlobalSize()) {
      write0(i, factor0);
    }
  }

  /** {@code 0 = 1}. */
  private void copy() {
    for (int i = getGlobalId(); i < size0; i = i + getGlobalSize()) {
      write0(i, read1(i));
    }
  }

  /** Columns [size2, size2 + size1) of 1 [_, size3] to those from size4 of 0 [_, size5]. */
  private void copyColumns() {
    for (int i = getGlobalId(); i < size0; i = i + getGlobalSize()) {
      int row = i / size1;
      int column = i - row * size1;
      put0(row * size5 + size4 + column, read1(row * size3 + size2 + column));
    }
  }

  /** {@code 0 = 1 + 2}, 2 repeated after size1 elements. */
  private void add() {
    for (int i = getGlobalId(); i < size0; i = i + getGlobalSize()) {
      write0(i, read1(i) + read2(i % size1));
    }
  }

  /** {@code 0 += factor0 * 1}. */
  private void addScaled() {
    for (int i = getGlobalId(); i < size0; i = i + getGlobalSize()) {
      write0(i, fma(factor0, read1(i), read0(i)));
    }
  }

  /** {@code 0 = 1 * 2}. */
  private void multiply() {
    for (int i = getGlobalId(); i < size0; i = i + getGlobalSize()) {
      write0(i, read1(i) * read2(i));
    }
  }

  /** {@code 0 = factor0 * 1}. */
  private void scale() {
    for (int i = getGlobalId(); i < size0; i = i + getGlobalSize()) {
      write0(i, factor0 * read1(i));
    }
  }

  /** {@code 0 = f(1)}. */
  private void activate() {
    for (int i = getGlobalId(); i < size0; i = i + getGlobalSize()) {
      write0(i, activated(read1(i)));
    }
  }

  /** {@code 0 = 2 * f'(1)}. */
  private void activateBackward() {
    for (int i = getGlobalId(); i < size0; i = i + getGlobalSize()) {
      write0(i, read2(i) * slope(read1(i)));
    }
  }

  /** {@code 0 [_, size1] = silu(gate) * up}, 1 [_, gate | up]. */
  private void swiGlu() {
    for (int i = getGlobalId(); i < size0; i = i + getGlobalSize()) {
      int row = i / size1;
      int at = i + row * size1;
      write0(i, activated(read1(at)) * read1(at + size1));
    }
  }

  /** Gradient of {@link #swiGlu}: 0 [_, gate | up] from 1 [_, gate | up] and 2 [_, size1]. */
  private void swiGluBackward() {
    for (int i = getGlobalId(); i < size0; i = i + getGlobalSize()) {
      int row = i / size1;
      int at = i + row * size1;
      float gate = read1(at);
      float gradient = read2(i);
      write0(at, gradient * read1(at + size1) * slope(gate));
      write0(at + size1, gradient * activated(gate));
    }
  }

  private float activated(float x) {
    float y = x;
    if (activation == SIGMOID_GATED) {
      y = x / (1f + sigmoidOdds(x));
    } else if (activation == NORMAL_GATED) {
      y = x * normalCdf(x);
    }
    return y;
  }

  private float slope(float x) {
    float d = 1f;
    if (activation == SIGMOID_GATED) {
      float odds = sigmoidOdds(x);
      float sigmoid = 1f / (1f + odds);
      d = sigmoid + x * (linear + 3f * cubic * x * x) * (odds * sigmoid) * sigmoid;
    } else if (activation == NORMAL_GATED) {
      d = normalCdf(x) + x * 0.3989423f * exp(max(-87f, -0.5f * x * x));
    }
    return d;
  }

  /** {@code e^-z}, {@code z = x (linear + cubic x^2)} as if within +-87. */
  private float sigmoidOdds(float x) {
    return exp(-max(-87f, min(87f, x * (linear + cubic * x * x))));
  }

  /** As {@code cpu.Transcendentals#normalCdf}, with its polynomial. */
  private float normalCdf(float x) {
    float w = 1f / (1f + 0.25f * abs(x));
    float p = 0.03394666f;
    p = fma(p, w, -0.19617699f);
    p = fma(p, w, 0.3950007f);
    p = fma(p, w, -0.3334683f);
    p = fma(p, w, 0.3044861f);
    p = fma(p, w, -0.020383645f);
    p = fma(p, w, 0.1215678f);
    p = fma(p, w, 0.09482028f);
    p = fma(p, w, 0.100228995f);
    p = fma(p, w, -2.1599913e-05f);
    float tail = p * exp(max(-87f, -0.5f * x * x));
    float cdf = tail;
    if (x > 0f) {
      cdf = 1f - tail;
    }
    return cdf;
  }

  /**
   * {@code 0 = factor0 * 1} where the stream of {@code random.Philox} of the key (size1, size2) is
   * at least size3 / 2^24, else 0. An item computes a block of four.
   */
  private void dropout() {
    int blocks = (size0 + 3) / 4;
    for (int block = getGlobalId(); block < blocks; block = block + getGlobalSize()) {
      int k0 = size1;
      int k1 = size2;
      int c0 = block;
      int c1 = 0;
      int c2 = 0;
      int c3 = 0;
      for (int round = 0; round < 10; round++) {
        long p0 = 0xD2511F53L * (c0 & 0xFFFFFFFFL);
        long p1 = 0xCD9E8D57L * (c2 & 0xFFFFFFFFL);
        int n0 = (int) (p1 >> 32) ^ c1 ^ k0;
        int n2 = (int) (p0 >> 32) ^ c3 ^ k1;
        c1 = (int) p1;
        c3 = (int) p0;
        c0 = n0;
        c2 = n2;
        k0 = k0 + 0x9E3779B9;
        k1 = k1 + 0xBB67AE85;
      }
      dropOrKeep(4 * block, c0);
      dropOrKeep(4 * block + 1, c1);
      dropOrKeep(4 * block + 2, c2);
      dropOrKeep(4 * block + 3, c3);
    }
  }

  private void dropOrKeep(int i, int word) {
    if (i < size0) {
      float value = 0f;
      if (((word >> 8) & 0xFFFFFF) >= size3) {
        value = factor0 * read1(i);
      }
      write0(i, value);
    }
  }

  // ---- reductions

  /**
   * Sums of size2 rows at a time: {@code 0 [blocks, size1] = sum of rows of 1 [size0, size1]}. An
   * item makes a sum.
   */
  private void sumRows() {
    int blocks = (size0 + size2 - 1) / size2;
    for (int i = getGlobalId(); i < blocks * size1; i = i + getGlobalSize()) {
      int block = i / size1;
      int column = i - block * size1;
      int end = min(size0, (block + 1) * size2);
      float sum = 0f;
      for (int row = block * size2; row < end; row++) {
        sum = sum + read1(row * size1 + column);
      }
      put0(i, sum);
    }
  }

  /** {@code 0 [groups] = sum of each size1 of the size0 elements of 1}. */
  private void sumBlocks() {
    int item = getLocalId();
    float sum = 0f;
    for (int part = 0; part < size1; part = part + GROUP) {
      int i = getGroupId() * size1 + part + item;
      if (part + item < size1 && i < size0) {
        sum = sum + read1(i);
      }
    }
    float total = groupSum(sum);
    if (item == 0) {
      write0(getGroupId(), total);
    }
  }

  /**
   * Sums of squares of each size1 of the size0 elements of 1, in nearly double precision: {@code 0
   * [groups, 2]} has a sum and its rounding error, which the host adds.
   */
  private void sumSquares() {
    int item = getLocalId();
    float high = 0f;
    float low = 0f;
    for (int first = 0; first < size1; first = first + GROUP) {
      int i = getGroupId() * size1 + first + item;
      float x = 0f;
      if (first + item < size1 && i < size0) {
        x = read1(i);
      }
      float square = fma(x, x, 0f);
      float sum = high + square;
      float part = sum - high;
      low = low + ((high - (sum - part)) + (square - part)) + fma(x, x, -square);
      high = sum;
    }
    shared[item] = high;
    shared[GROUP + item] = low;
    localBarrier();
    for (int span = GROUP / 2; span > 0; span = span / 2) {
      if (item < span) {
        float a = shared[item];
        float b = shared[item + span];
        float sum = a + b;
        float part = sum - a;
        float lost = (a - (sum - part)) + (b - part);
        shared[item] = sum;
        shared[GROUP + item] = shared[GROUP + item] + shared[GROUP + item + span] + lost;
      }
      localBarrier();
    }
    if (item == 0) {
      write0(2 * getGroupId(), shared[0]);
      write0(2 * getGroupId() + 1, shared[GROUP]);
    }
  }

  // ---- products

  /**
   * {@code 0 [M, N] (+)= f(1 * 2 + bias)}: M = size0, N = size1, inner size2; element (m, k) of 1
   * is at {@code m size3 + k size4}, element (k, n) of 2 at {@code k size5 + n size6}, and one
   * matrix of a batch follows the other after size7 and size8 elements. 3: bias [N], added last; 4:
   * receives the sums before f. 0's rows are size9 apart, those of 4 N.
   *
   * <p>A group computes {@value #TILE} x {@value #TILE} results; an item 4 x 4 of them, in
   * variables, which compilers keep in registers more reliably than arrays. Each is one chain of
   * fma over k in ascending order, in all three kinds of matmul, so that all are bit-identical.
   */
  private void product() {
    int item = getLocalId();
    int across = 4 * (item % 16);
    int down = 4 * (item / 16);
    int batch = tileBatch(TILE);
    int firstRow = tileRow(TILE);
    int firstColumn = tileColumn(TILE);
    int leftAt = offset1 + batch * size7 + firstRow * size3;
    int rightAt = offset2 + batch * size8 + firstColumn * size6;
    int rightTile = TILE_DEPTH * (TILE + TILE_GAP);
    float c00 = 0f;
    float c01 = 0f;
    float c02 = 0f;
    float c03 = 0f;
    float c10 = 0f;
    float c11 = 0f;
    float c12 = 0f;
    float c13 = 0f;
    float c20 = 0f;
    float c21 = 0f;
    float c22 = 0f;
    float c23 = 0f;
    float c30 = 0f;
    float c31 = 0f;
    float c32 = 0f;
    float c33 = 0f;
    for (int depth = 0; depth < size2; depth = depth + TILE_DEPTH) {
      int left = size2 - depth;
      stage(
          TILE,
          TILE_DEPTH,
          0,
          arena1,
          leftAt + depth * size4,
          size3,
          size4,
          size0 - firstRow,
          left);
      stage(
          TILE,
          TILE_DEPTH,
          rightTile,
          arena2,
          rightAt + depth * size5,
          size6,
          size5,
          size1 - firstColumn,
          left);
      localBarrier();
      for (int k = 0; k < TILE_DEPTH; k++) {
        int a = k * (TILE + TILE_GAP) + down;
        int b = rightTile + k * (TILE + TILE_GAP) + across;
        float b0 = shared[b];
        float b1 = shared[b + 1];
        float b2 = shared[b + 2];
        float b3 = shared[b + 3];
        float a0 = shared[a];
        float a1 = shared[a + 1];
        float a2 = shared[a + 2];
        float a3 = shared[a + 3];
        c00 = fma(a0, b0, c00);
        c01 = fma(a0, b1, c01);
        c02 = fma(a0, b2, c02);
        c03 = fma(a0, b3, c03);
        c10 = fma(a1, b0, c10);
        c11 = fma(a1, b1, c11);
        c12 = fma(a1, b2, c12);
        c13 = fma(a1, b3, c13);
        c20 = fma(a2, b0, c20);
        c21 = fma(a2, b1, c21);
        c22 = fma(a2, b2, c22);
        c23 = fma(a2, b3, c23);
        c30 = fma(a3, b0, c30);
        c31 = fma(a3, b1, c31);
        c32 = fma(a3, b2, c32);
        c33 = fma(a3, b3, c33);
      }
      localBarrier();
    }
    int row = firstRow + down;
    int column = firstColumn + across;
    finishFour(batch, row, column, c00, c01, c02, c03);
    finishFour(batch, row + 1, column, c10, c11, c12, c13);
    finishFour(batch, row + 2, column, c20, c21, c22, c23);
    finishFour(batch, row + 3, column, c30, c31, c32, c33);
  }

  /**
   * As {@link #product} with tiles of {@value #SMALL_TILE} x {@value #SMALL_TILE} and 2 x 2 results
   * per item: more groups for a small result.
   */
  private void smallProduct() {
    int item = getLocalId();
    int across = 2 * (item % 16);
    int down = 2 * (item / 16);
    int batch = tileBatch(SMALL_TILE);
    int firstRow = tileRow(SMALL_TILE);
    int firstColumn = tileColumn(SMALL_TILE);
    int leftAt = offset1 + batch * size7 + firstRow * size3;
    int rightAt = offset2 + batch * size8 + firstColumn * size6;
    int rightTile = TILE_DEPTH * (SMALL_TILE + TILE_GAP);
    float c00 = 0f;
    float c01 = 0f;
    float c10 = 0f;
    float c11 = 0f;
    for (int depth = 0; depth < size2; depth = depth + TILE_DEPTH) {
      int left = size2 - depth;
      stage(
          SMALL_TILE,
          TILE_DEPTH,
          0,
          arena1,
          leftAt + depth * size4,
          size3,
          size4,
          size0 - firstRow,
          left);
      stage(
          SMALL_TILE,
          TILE_DEPTH,
          rightTile,
          arena2,
          rightAt + depth * size5,
          size6,
          size5,
          size1 - firstColumn,
          left);
      localBarrier();
      for (int k = 0; k < TILE_DEPTH; k++) {
        int a = k * (SMALL_TILE + TILE_GAP) + down;
        int b = rightTile + k * (SMALL_TILE + TILE_GAP) + across;
        float b0 = shared[b];
        float b1 = shared[b + 1];
        float a0 = shared[a];
        float a1 = shared[a + 1];
        c00 = fma(a0, b0, c00);
        c01 = fma(a0, b1, c01);
        c10 = fma(a1, b0, c10);
        c11 = fma(a1, b1, c11);
      }
      localBarrier();
    }
    int row = firstRow + down;
    int column = firstColumn + across;
    finish(batch, row, column, c00);
    finish(batch, row, column + 1, c01);
    finish(batch, row + 1, column, c10);
    finish(batch, row + 1, column + 1, c11);
  }

  /**
   * As {@link #product} with tiles of {@value #LARGE_TILE} x {@value #LARGE_TILE} and 8 x 8 results
   * per item, in groups of four half a tile apart: the most arithmetic per read of local memory.
   */
  private void largeProduct() {
    int item = getLocalId();
    int across = 4 * (item % 16);
    int down = 4 * (item / 16);
    int batch = tileBatch(LARGE_TILE);
    int firstRow = tileRow(LARGE_TILE);
    int firstColumn = tileColumn(LARGE_TILE);
    int leftAt = offset1 + batch * size7 + firstRow * size3;
    int rightAt = offset2 + batch * size8 + firstColumn * size6;
    int rightTile = LARGE_TILE_DEPTH * (LARGE_TILE + TILE_GAP);
    float c00 = 0f;
    float c01 = 0f;
    float c02 = 0f;
    float c03 = 0f;
    float c04 = 0f;
    float c05 = 0f;
    float c06 = 0f;
    float c07 = 0f;
    float c10 = 0f;
    float c11 = 0f;
    float c12 = 0f;
    float c13 = 0f;
    float c14 = 0f;
    float c15 = 0f;
    float c16 = 0f;
    float c17 = 0f;
    float c20 = 0f;
    float c21 = 0f;
    float c22 = 0f;
    float c23 = 0f;
    float c24 = 0f;
    float c25 = 0f;
    float c26 = 0f;
    float c27 = 0f;
    float c30 = 0f;
    float c31 = 0f;
    float c32 = 0f;
    float c33 = 0f;
    float c34 = 0f;
    float c35 = 0f;
    float c36 = 0f;
    float c37 = 0f;
    float c40 = 0f;
    float c41 = 0f;
    float c42 = 0f;
    float c43 = 0f;
    float c44 = 0f;
    float c45 = 0f;
    float c46 = 0f;
    float c47 = 0f;
    float c50 = 0f;
    float c51 = 0f;
    float c52 = 0f;
    float c53 = 0f;
    float c54 = 0f;
    float c55 = 0f;
    float c56 = 0f;
    float c57 = 0f;
    float c60 = 0f;
    float c61 = 0f;
    float c62 = 0f;
    float c63 = 0f;
    float c64 = 0f;
    float c65 = 0f;
    float c66 = 0f;
    float c67 = 0f;
    float c70 = 0f;
    float c71 = 0f;
    float c72 = 0f;
    float c73 = 0f;
    float c74 = 0f;
    float c75 = 0f;
    float c76 = 0f;
    float c77 = 0f;
    for (int depth = 0; depth < size2; depth = depth + LARGE_TILE_DEPTH) {
      int left = size2 - depth;
      stage(
          LARGE_TILE,
          LARGE_TILE_DEPTH,
          0,
          arena1,
          leftAt + depth * size4,
          size3,
          size4,
          size0 - firstRow,
          left);
      stage(
          LARGE_TILE,
          LARGE_TILE_DEPTH,
          rightTile,
          arena2,
          rightAt + depth * size5,
          size6,
          size5,
          size1 - firstColumn,
          left);
      localBarrier();
      for (int k = 0; k < LARGE_TILE_DEPTH; k++) {
        int a = k * (LARGE_TILE + TILE_GAP) + down;
        int b = rightTile + k * (LARGE_TILE + TILE_GAP) + across;
        float b0 = shared[b];
        float b1 = shared[b + 1];
        float b2 = shared[b + 2];
        float b3 = shared[b + 3];
        float b4 = shared[b + LARGE_TILE / 2];
        float b5 = shared[b + LARGE_TILE / 2 + 1];
        float b6 = shared[b + LARGE_TILE / 2 + 2];
        float b7 = shared[b + LARGE_TILE / 2 + 3];
        float a0 = shared[a];
        float a1 = shared[a + 1];
        float a2 = shared[a + 2];
        float a3 = shared[a + 3];
        float a4 = shared[a + LARGE_TILE / 2];
        float a5 = shared[a + LARGE_TILE / 2 + 1];
        float a6 = shared[a + LARGE_TILE / 2 + 2];
        float a7 = shared[a + LARGE_TILE / 2 + 3];
        c00 = fma(a0, b0, c00);
        c01 = fma(a0, b1, c01);
        c02 = fma(a0, b2, c02);
        c03 = fma(a0, b3, c03);
        c04 = fma(a0, b4, c04);
        c05 = fma(a0, b5, c05);
        c06 = fma(a0, b6, c06);
        c07 = fma(a0, b7, c07);
        c10 = fma(a1, b0, c10);
        c11 = fma(a1, b1, c11);
        c12 = fma(a1, b2, c12);
        c13 = fma(a1, b3, c13);
        c14 = fma(a1, b4, c14);
        c15 = fma(a1, b5, c15);
        c16 = fma(a1, b6, c16);
        c17 = fma(a1, b7, c17);
        c20 = fma(a2, b0, c20);
        c21 = fma(a2, b1, c21);
        c22 = fma(a2, b2, c22);
        c23 = fma(a2, b3, c23);
        c24 = fma(a2, b4, c24);
        c25 = fma(a2, b5, c25);
        c26 = fma(a2, b6, c26);
        c27 = fma(a2, b7, c27);
        c30 = fma(a3, b0, c30);
        c31 = fma(a3, b1, c31);
        c32 = fma(a3, b2, c32);
        c33 = fma(a3, b3, c33);
        c34 = fma(a3, b4, c34);
        c35 = fma(a3, b5, c35);
        c36 = fma(a3, b6, c36);
        c37 = fma(a3, b7, c37);
        c40 = fma(a4, b0, c40);
        c41 = fma(a4, b1, c41);
        c42 = fma(a4, b2, c42);
        c43 = fma(a4, b3, c43);
        c44 = fma(a4, b4, c44);
        c45 = fma(a4, b5, c45);
        c46 = fma(a4, b6, c46);
        c47 = fma(a4, b7, c47);
        c50 = fma(a5, b0, c50);
        c51 = fma(a5, b1, c51);
        c52 = fma(a5, b2, c52);
        c53 = fma(a5, b3, c53);
        c54 = fma(a5, b4, c54);
        c55 = fma(a5, b5, c55);
        c56 = fma(a5, b6, c56);
        c57 = fma(a5, b7, c57);
        c60 = fma(a6, b0, c60);
        c61 = fma(a6, b1, c61);
        c62 = fma(a6, b2, c62);
        c63 = fma(a6, b3, c63);
        c64 = fma(a6, b4, c64);
        c65 = fma(a6, b5, c65);
        c66 = fma(a6, b6, c66);
        c67 = fma(a6, b7, c67);
        c70 = fma(a7, b0, c70);
        c71 = fma(a7, b1, c71);
        c72 = fma(a7, b2, c72);
        c73 = fma(a7, b3, c73);
        c74 = fma(a7, b4, c74);
        c75 = fma(a7, b5, c75);
        c76 = fma(a7, b6, c76);
        c77 = fma(a7, b7, c77);
      }
      localBarrier();
    }
    int row = firstRow + down;
    int column = firstColumn + across;
    finishEight(batch, row, column, c00, c01, c02, c03, c04, c05, c06, c07);
    finishEight(batch, row + 1, column, c10, c11, c12, c13, c14, c15, c16, c17);
    finishEight(batch, row + 2, column, c20, c21, c22, c23, c24, c25, c26, c27);
    finishEight(batch, row + 3, column, c30, c31, c32, c33, c34, c35, c36, c37);
    finishEight(batch, row + LARGE_TILE / 2, column, c40, c41, c42, c43, c44, c45, c46, c47);
    finishEight(batch, row + LARGE_TILE / 2 + 1, column, c50, c51, c52, c53, c54, c55, c56, c57);
    finishEight(batch, row + LARGE_TILE / 2 + 2, column, c60, c61, c62, c63, c64, c65, c66, c67);
    finishEight(batch, row + LARGE_TILE / 2 + 3, column, c70, c71, c72, c73, c74, c75, c76, c77);
  }

  private int tiles(int size, int tile) {
    return (size + tile - 1) / tile;
  }

  /** The index in the batch that this group computes. */
  private int tileBatch(int tile) {
    return getGroupId() / (tiles(size0, tile) * tiles(size1, tile));
  }

  /** The first row of this group's tile. */
  private int tileRow(int tile) {
    int across = tiles(size1, tile);
    return getGroupId() % (tiles(size0, tile) * across) / across * tile;
  }

  private int tileColumn(int tile) {
    return getGroupId() % tiles(size1, tile) * tile;
  }

  /**
   * A tile of an operand, {@code tile} lines by {@code depth} of the inner dimension, to local
   * memory from {@code to} on, the lines side by side; zeros beyond the lines and the depth that
   * are left.
   */
  private void stage(
      int tile,
      int depth,
      int to,
      int arena,
      int from,
      int lineStep,
      int depthStep,
      int linesLeft,
      int depthLeft) {
    for (int part = 0; part < tile * depth; part = part + GROUP) {
      int e = part + getLocalId();
      // Neighbouring items read neighbouring addresses.
      int line = e / depth;
      int k = e % depth;
      if (depthStep != 1) {
        line = e % tile;
        k = e / tile;
      }
      float value = 0f;
      if (line < linesLeft && k < depthLeft) {
        value = load(arena, from + line * lineStep + k * depthStep);
      }
      shared[to + k * (tile + TILE_GAP) + line] = value;
    }
  }

  /**
   * Results of an item of {@link #largeProduct}: a loop, because compilers would otherwise unroll
   * it 64 times.
   */
  private void finishEight(
      int batch,
      int row,
      int column,
      float sum0,
      float sum1,
      float sum2,
      float sum3,
      float sum4,
      float sum5,
      float sum6,
      float sum7) {
    laneSums[0] = sum0;
    laneSums[1] = sum1;
    laneSums[2] = sum2;
    laneSums[3] = sum3;
    laneSums[4] = sum4;
    laneSums[5] = sum5;
    laneSums[6] = sum6;
    laneSums[7] = sum7;
    for (int n = 0; n < 8; n++) {
      finish(batch, row, column + n / 4 * (LARGE_TILE / 2) + n % 4, laneSums[n]);
    }
  }

  private void finishFour(
      int batch, int row, int column, float sum0, float sum1, float sum2, float sum3) {
    finish(batch, row, column, sum0);
    finish(batch, row, column + 1, sum1);
    finish(batch, row, column + 2, sum2);
    finish(batch, row, column + 3, sum3);
  }

  private void finish(int batch, int row, int column, float product) {
    if (row < size0 && column < size1) {
      // -0 becomes 0: whether a chain ends with zeros beyond the depth depends on the tile.
      float sum = product + 0f;
      if (arena3 >= 0) {
        sum = sum + read3(column);
      }
      if (arena4 >= 0) {
        write4(row * size1 + column, sum);
      }
      put0((batch * size0 + row) * size9 + column, activated(sum));
    }
  }

  /**
   * Arithmetic alone, size0 turns: {@value #CHAIN_STEPS} times a turn each of an item's {@value
   * #CHAINS} values, none of which waits for another, becomes {@code factor0 * value + factor1}.
   * Their sum goes to 0 [items], so that no compiler leaves them out.
   */
  private void multiplyAdds() {
    float a = factor0;
    float b = factor1;
    float start = getLocalId();
    float x00 = start + 0f;
    float x01 = start + 1f;
    float x02 = start + 2f;
    float x03 = start + 3f;
    float x04 = start + 4f;
    float x05 = start + 5f;
    float x06 = start + 6f;
    float x07 = start + 7f;
    float x08 = start + 8f;
    float x09 = start + 9f;
    float x10 = start + 10f;
    float x11 = start + 11f;
    float x12 = start + 12f;
    float x13 = start + 13f;
    float x14 = start + 14f;
    float x15 = start + 15f;
    float x16 = start + 16f;
    float x17 = start + 17f;
    float x18 = start + 18f;
    float x19 = start + 19f;
    float x20 = start + 20f;
    float x21 = start + 21f;
    float x22 = start + 22f;
    float x23 = start + 23f;
    float x24 = start + 24f;
    float x25 = start + 25f;
    float x26 = start + 26f;
    float x27 = start + 27f;
    float x28 = start + 28f;
    float x29 = start + 29f;
    float x30 = start + 30f;
    float x31 = start + 31f;
    for (int turn = 0; turn < size0; turn++) {
      x00 = chain(a, b, x00);
      x01 = chain(a, b, x01);
      x02 = chain(a, b, x02);
      x03 = chain(a, b, x03);
      x04 = chain(a, b, x04);
      x05 = chain(a, b, x05);
      x06 = chain(a, b, x06);
      x07 = chain(a, b, x07);
      x08 = chain(a, b, x08);
      x09 = chain(a, b, x09);
      x10 = chain(a, b, x10);
      x11 = chain(a, b, x11);
      x12 = chain(a, b, x12);
      x13 = chain(a, b, x13);
      x14 = chain(a, b, x14);
      x15 = chain(a, b, x15);
      x16 = chain(a, b, x16);
      x17 = chain(a, b, x17);
      x18 = chain(a, b, x18);
      x19 = chain(a, b, x19);
      x20 = chain(a, b, x20);
      x21 = chain(a, b, x21);
      x22 = chain(a, b, x22);
      x23 = chain(a, b, x23);
      x24 = chain(a, b, x24);
      x25 = chain(a, b, x25);
      x26 = chain(a, b, x26);
      x27 = chain(a, b, x27);
      x28 = chain(a, b, x28);
      x29 = chain(a, b, x29);
      x30 = chain(a, b, x30);
      x31 = chain(a, b, x31);
    }
    float sum = x00;
    sum = sum + x01;
    sum = sum + x02;
    sum = sum + x03;
    sum = sum + x04;
    sum = sum + x05;
    sum = sum + x06;
    sum = sum + x07;
    sum = sum + x08;
    sum = sum + x09;
    sum = sum + x10;
    sum = sum + x11;
    sum = sum + x12;
    sum = sum + x13;
    sum = sum + x14;
    sum = sum + x15;
    sum = sum + x16;
    sum = sum + x17;
    sum = sum + x18;
    sum = sum + x19;
    sum = sum + x20;
    sum = sum + x21;
    sum = sum + x22;
    sum = sum + x23;
    sum = sum + x24;
    sum = sum + x25;
    sum = sum + x26;
    sum = sum + x27;
    sum = sum + x28;
    sum = sum + x29;
    sum = sum + x30;
    sum = sum + x31;
    write0(getGlobalId(), sum);
  }

  /** {@value #CHAIN_STEPS} steps, written out for compilers that keep nothing from turn to turn. */
  private float chain(float a, float b, float x) {
    float y = fma(a, x, b);
    y = fma(a, y, b);
    y = fma(a, y, b);
    y = fma(a, y, b);
    y = fma(a, y, b);
    y = fma(a, y, b);
    y = fma(a, y, b);
    y = fma(a, y, b);
    y = fma(a, y, b);
    y = fma(a, y, b);
    y = fma(a, y, b);
    y = fma(a, y, b);
    y = fma(a, y, b);
    y = fma(a, y, b);
    y = fma(a, y, b);
    y = fma(a, y, b);
    return y;
  }

  // ---- embedding

  /** {@code 0 [_, size1] = 1 [integers[size2 + i], size1]}. */
  private void embedding() {
    for (int i = getGlobalId(); i < size0; i = i + getGlobalSize()) {
      int row = i / size1;
      write0(i, read1(integers[size2 + row] * size1 + i - row * size1));
    }
  }

  /**
   * {@code 0 [id, size1] += the rows of 1 with that id}, in order. The host has sorted them: from
   * size2 on, for each of size3 ids: the id and where its positions begin, with one end more; from
   * size4 on the positions.
   */
  private void embeddingBackward() {
    for (int i = getGlobalId(); i < size0; i = i + getGlobalSize()) {
      int entry = i / size1;
      int column = i - entry * size1;
      int at = integers[size2 + 2 * entry] * size1 + column;
      int end = integers[size2 + 2 * entry + 3];
      float sum = read0(at);
      for (int n = integers[size2 + 2 * entry + 1]; n < end; n++) {
        sum = sum + read1(integers[size4 + n] * size1 + column);
      }
      write0(at, sum);
    }
  }

  // ---- norms: a group a row of size1

  /**
   * {@code 0 = (1 - mean) * rstd * 2 + 3}; 4 [rows] receives rstd, 5 the mean. Without 5 nothing is
   * subtracted (RMSNorm), without 3 nothing added. factor0: epsilon.
   */
  private void norm() {
    int item = getLocalId();
    int start = getGroupId() * size1;
    float mean = 0f;
    if (arena5 >= 0) {
      float sum = 0f;
      for (int first = 0; first < size1; first = first + GROUP) {
        int i = first + item;
        if (i < size1) {
          sum = sum + read1(start + i);
        }
      }
      mean = groupSum(sum) / size1;
    }
    float squares = 0f;
    for (int first = 0; first < size1; first = first + GROUP) {
      int i = first + item;
      if (i < size1) {
        float centred = read1(start + i) - mean;
        squares = fma(centred, centred, squares);
      }
    }
    float rstd = 1f / sqrt(groupSum(squares) / size1 + factor0);
    if (item == 0) {
      write4(getGroupId(), rstd);
      if (arena5 >= 0) {
        store(arena5, offset5 + getGroupId(), mean);
      }
    }
    for (int first = 0; first < size1; first = first + GROUP) {
      int i = first + item;
      if (i < size1) {
        float value = (read1(start + i) - mean) * rstd * read2(i);
        if (arena3 >= 0) {
          value = value + read3(i);
        }
        write0(start + i, value);
      }
    }
  }

  /** 0 (dx) from 1 (x), 2 (weight), 3 (dy), 4 (rstd) and, for LayerNorm, 5 (mean). */
  private void normBackward() {
    int item = getLocalId();
    int start = getGroupId() * size1;
    float rstd = read4(getGroupId());
    float mean = 0f;
    if (arena5 >= 0) {
      mean = read5(getGroupId());
    }
    float sum = 0f;
    float dot = 0f;
    for (int first = 0; first < size1; first = first + GROUP) {
      int i = first + item;
      if (i < size1) {
        float g = read3(start + i) * read2(i);
        sum = sum + g;
        dot = fma(g, (read1(start + i) - mean) * rstd, dot);
      }
    }
    if (arena5 >= 0) {
      sum = groupSum(sum) / size1;
    } else {
      sum = 0f;
    }
    dot = groupSum(dot) / size1;
    for (int first = 0; first < size1; first = first + GROUP) {
      int i = first + item;
      if (i < size1) {
        float normal = (read1(start + i) - mean) * rstd;
        // Rounded as in the sum: a compiler may join a plain product with the difference.
        float g = fma(read3(start + i), read2(i), 0f);
        put0(start + i, rstd * (g - sum - normal * dot));
      }
    }
  }

  /**
   * Partial gradients of the weight, size2 rows at a time: {@code 0 [blocks, size1] = sum of 3 * (1
   * - 5) * 4} over the rows of [size0, size1]. An item makes a sum.
   */
  private void normGainBackward() {
    int blocks = (size0 + size2 - 1) / size2;
    for (int i = getGlobalId(); i < blocks * size1; i = i + getGlobalSize()) {
      int block = i / size1;
      int column = i - block * size1;
      int end = min(size0, (block + 1) * size2);
      float sum = 0f;
      for (int row = block * size2; row < end; row++) {
        float mean = 0f;
        if (arena5 >= 0) {
          mean = read5(row);
        }
        int at = row * size1 + column;
        sum = fma(read3(at), (read1(at) - mean) * read4(row), sum);
      }
      write0(i, sum);
    }
  }

  // ---- attention

  /** {@code 0 = softmax(1)}, a group a row of size1. */
  private void softmax() {
    int start = getGroupId() * size1;
    float largest = rowMax(start);
    float sum = rowExpSum(start, largest);
    for (int first = 0; first < size1; first = first + GROUP) {
      int i = first + getLocalId();
      if (i < size1) {
        write0(start + i, exp(read1(start + i) - largest) / sum);
      }
    }
  }

  private float rowMax(int start) {
    float largest = MASKED;
    for (int first = 0; first < size1; first = first + GROUP) {
      int i = first + getLocalId();
      if (i < size1) {
        largest = max(largest, read1(start + i));
      }
    }
    return groupMax(largest);
  }

  private float rowExpSum(int start, float largest) {
    float sum = 0f;
    for (int first = 0; first < size1; first = first + GROUP) {
      int i = first + getLocalId();
      if (i < size1) {
        sum = sum + exp(read1(start + i) - largest);
      }
    }
    return groupSum(sum);
  }

  /** {@code 0 = 1 * (2 - sum(2 * 1))}, a group a row of size1. */
  private void softmaxBackward() {
    int start = getGroupId() * size1;
    float dot = 0f;
    for (int first = 0; first < size1; first = first + GROUP) {
      int i = first + getLocalId();
      if (i < size1) {
        dot = fma(read1(start + i), read2(start + i), dot);
      }
    }
    dot = groupSum(dot);
    for (int first = 0; first < size1; first = first + GROUP) {
      int i = first + getLocalId();
      if (i < size1) {
        write0(start + i, read1(start + i) * (read2(start + i) - dot));
      }
    }
  }

  /**
   * Rotates size1 heads of width size2 in rows of 1 [_, size4 tokens, size3] to 0. 2 [positions,
   * size2]: cosines, then sines, of a position's pairs. flag: 1 for the interleaved layout; size5:
   * where the positions of the tokens are, or negative for those from 0 on in each sequence;
   * factor0: -1 to rotate back. An item computes a pair, or copies one of the columns after the
   * heads; size0 of them.
   */
  private void rope() {
    int span = size2 / 2;
    int pairs = size1 * span;
    int units = pairs + size3 - size1 * size2;
    for (int i = getGlobalId(); i < size0; i = i + getGlobalSize()) {
      int row = i / units;
      int unit = i - row * units;
      int at = row * size3;
      if (unit < pairs) {
        int head = unit / span;
        int pair = unit - head * span;
        int position = row % size4;
        if (size5 >= 0) {
          position = integers[size5 + row];
        }
        float direction = factor0;
        if (position < 0) {
          position = -position;
          direction = -direction;
        }
        float cosine = read2(position * size2 + pair);
        float sine = direction * read2(position * size2 + span + pair);
        int first = at + head * size2 + pair;
        int second = first + span;
        if (flag == 1) {
          first = first + pair;
          second = first + 1;
        }
        float x1 = read1(first);
        float x2 = read1(second);
        write0(first, x1 * cosine - x2 * sine);
        write0(second, x1 * sine + x2 * cosine);
      } else {
        int column = at + size1 * size2 + unit - pairs;
        write0(column, read1(column));
      }
    }
  }

  /**
   * Columns of new tokens to a cache: size1 columns of 1 [B, size2 tokens, size3] to 0 [B, size4,
   * size1]. size5: where the sequences' positions are.
   */
  private void append() {
    for (int i = getGlobalId(); i < size0; i = i + getGlobalSize()) {
      int row = i / size1;
      int column = i - row * size1;
      int batch = row / size2;
      int slot = integers[size5 + batch] + row - batch * size2;
      write0((batch * size4 + slot) * size1 + column, read1(row * size3 + column));
    }
  }

  /**
   * Products of {@value #ATTENTION_ROWS} rows with {@value #ATTENTION_COLUMNS} others, over {@code
   * width} elements: {@code dots[i]} is that of the item's row with row {@code lane + 16 i} of the
   * others. Rows from a count on count as zeros.
   */
  private void rowDots(
      int arena,
      int at,
      int stride,
      int count,
      int otherArena,
      int otherAt,
      int otherStride,
      int otherCount,
      int width) {
    int item = getLocalId();
    int row = item / LANES;
    int lane = item % LANES;
    for (int i = 0; i < 4; i++) {
      dots[i] = 0f;
    }
    for (int chunk = 0; chunk < width; chunk = chunk + HEAD_CHUNK) {
      for (int part = 0; part < ATTENTION_ROWS * HEAD_CHUNK; part = part + GROUP) {
        int e = part + item;
        int r = e / HEAD_CHUNK;
        int c = e % HEAD_CHUNK;
        float value = 0f;
        if (r < count && chunk + c < width) {
          value = load(arena, at + r * stride + chunk + c);
        }
        shared[r * CHUNK_STRIDE + c] = value;
      }
      for (int part = 0; part < ATTENTION_COLUMNS * HEAD_CHUNK; part = part + GROUP) {
        int e = part + item;
        int r = e / HEAD_CHUNK;
        int c = e % HEAD_CHUNK;
        float value = 0f;
        if (r < otherCount && chunk + c < width) {
          value = load(otherArena, otherAt + r * otherStride + chunk + c);
        }
        shared[COLUMN_CHUNKS_AT + r * CHUNK_STRIDE + c] = value;
      }
      localBarrier();
      for (int c = 0; c < HEAD_CHUNK; c++) {
        float x = shared[row * CHUNK_STRIDE + c];
        for (int i = 0; i < 4; i++) {
          int other = COLUMN_CHUNKS_AT + (lane + LANES * i) * CHUNK_STRIDE + c;
          dots[i] = fma(x, shared[other], dots[i]);
        }
      }
      localBarrier();
    }
  }

  /**
   * Adds to the item's {@code laneSums[first + j]}, element {@code lane + 16 j} of its row's sum:
   * the row's scores times {@code count} rows of a matrix. A score of zero leaves the sum as it is,
   * even if the matrix has infinities there.
   */
  private void addWeighted(int first, int arena, int at, int stride, int count, int width) {
    int item = getLocalId();
    int row = item / LANES;
    int lane = item % LANES;
    for (int s = 0; s < count; s++) {
      float weight = shared[SCORES_AT + row * SCORES_STRIDE + s];
      for (int j = 0; LANES * j < width; j++) {
        if (weight != 0f && lane + LANES * j < width) {
          float value = load(arena, at + s * stride + lane + LANES * j);
          laneSums[first + j] = fma(weight, value, laneSums[first + j]);
        }
      }
    }
  }

  /** The first key of a query's range, before the window cuts it; queries count over the batch. */
  private int rangeBegin(int query) {
    return integers[size8 + 2 * query];
  }

  private int rangeEnd(int query) {
    return integers[size8 + 2 * query + 1];
  }

  /** The first key that a query sees: that of its range, or of its window of size9 keys. */
  private int firstKey(int query) {
    int first = rangeBegin(query);
    int end = rangeEnd(query);
    if (size9 < end) {
      first = max(first, end - size9);
    }
    return first;
  }

  /** The smallest begin of a range after another, among some queries; the largest int for none. */
  private int rangeBeginAfter(int before, int query, int queries) {
    int next = Integer.MAX_VALUE;
    for (int i = 0; i < queries; i++) {
      int begin = rangeBegin(query + i);
      if (begin > before) {
        next = min(next, begin);
      }
    }
    return next;
  }

  /**
   * The first key that some queries see, only of those whose range begins at {@code begin} if that
   * is not negative.
   */
  private int firstSeen(int begin, int query, int queries) {
    int first = Integer.MAX_VALUE;
    for (int i = 0; i < queries; i++) {
      if (begin < 0 || rangeBegin(query + i) == begin) {
        first = min(first, firstKey(query + i));
      }
    }
    return first;
  }

  /** The end of the keys that these queries see, see {@link #firstSeen}. */
  private int endSeen(int begin, int query, int queries) {
    int end = 0;
    for (int i = 0; i < queries; i++) {
      if (begin < 0 || rangeBegin(query + i) == begin) {
        end = max(end, rangeEnd(query + i));
      }
    }
    return end;
  }

  /** A score of the product of a query and a key, with the bias 5 at an index if there is one. */
  private float scoreOf(float product, int biasAt) {
    float bias = 0f;
    if (arena5 >= 0) {
      bias = read5(biasAt);
    }
    return fma(factor0, product, bias);
  }

  /**
   * Attention. 1: queries [B, Tq, size5]; 2: keys [B, Tk, size6] and 3: values [B, Tk, size7], each
   * from the first column of its heads; 5 [H, Tq, Tk]: bias, if there is one. Tq = size0, H =
   * size1, G = size2, K = size3, Tk = size4. size8: where the queries' ranges of keys are; size9:
   * window; factor0: scale. 0 [B, Tq, H K]: out; 4 [B, H, Tq]: log-sum-exp, if there is one. A
   * group takes {@value #ATTENTION_ROWS} queries of one head.
   *
   * <p>Tiles of keys are counted from where a query's range begins, so that its running sums are
   * rounded alike wherever that is. Queries of a group with different begins take different tiles,
   * one begin after the other (causal attention has one): in the tiles of another begin a query
   * sees no key, keeps its maximum, multiplies its sums by exp(0) = 1 and adds zeros.
   */
  private void attention() {
    int item = getLocalId();
    int row = item / LANES;
    int lane = item % LANES;
    int blocks = (size0 + ATTENTION_ROWS - 1) / ATTENTION_ROWS;
    int headAndBatch = getGroupId() / blocks;
    int firstQuery = getGroupId() % blocks * ATTENTION_ROWS;
    int head = headAndBatch % size1;
    int batch = headAndBatch / size1;
    int queries = min(ATTENTION_ROWS, size0 - firstQuery);
    int query = batch * size0 + firstQuery;
    int keyColumn = head / (size1 / size2) * size3;
    int queryAt = offset1 + query * size5 + head * size3;
    int keysAt = offset2 + batch * size4 * size6 + keyColumn;
    int valuesAt = offset3 + batch * size4 * size7 + keyColumn;
    int biasAt = (head * size0 + firstQuery + row) * size4;
    int rowBegin = -1;
    int rowFirst = 0;
    int rowEnd = 0;
    if (row < queries) {
      rowBegin = rangeBegin(query + row);
      rowFirst = firstKey(query + row);
      rowEnd = rangeEnd(query + row);
    }
    float largest = MASKED;
    float sum = 0f;
    for (int j = 0; j < LANE_SUMS; j++) {
      laneSums[j] = 0f;
    }
    for (int begin = rangeBeginAfter(-1, query, queries);
        begin < size4;
        begin = rangeBeginAfter(begin, query, queries)) {
      int skipped = (firstSeen(begin, query, queries) - begin) / ATTENTION_COLUMNS;
      int keys = endSeen(begin, query, queries);
      int end = 0;
      if (rowBegin == begin) {
        end = rowEnd;
      }
      for (int first = begin + skipped * ATTENTION_COLUMNS;
          first < keys;
          first = first + ATTENTION_COLUMNS) {
        int count = min(ATTENTION_COLUMNS, keys - first);
        int keyAt = keysAt + first * size6;
        rowDots(arena1, queryAt, size5, queries, arena2, keyAt, size6, count, size3);
        for (int i = 0; i < 4; i++) {
          int key = first + lane + LANES * i;
          float score = MASKED;
          if (key >= rowFirst && key < end) {
            score = scoreOf(dots[i], biasAt + key);
          }
          dots[i] = score;
          shared[SCORES_AT + row * SCORES_STRIDE + lane + LANES * i] = score;
        }
        localBarrier();
        float before = largest;
        for (int s = 0; s < ATTENTION_COLUMNS; s++) {
          largest = max(largest, shared[SCORES_AT + row * SCORES_STRIDE + s]);
        }
        localBarrier();
        for (int i = 0; i < 4; i++) {
          int key = first + lane + LANES * i;
          float probability = 0f;
          if (key >= rowFirst && key < end) {
            probability = exp(dots[i] - largest);
          }
          shared[SCORES_AT + row * SCORES_STRIDE + lane + LANES * i] = probability;
        }
        localBarrier();
        float shrink = exp(before - largest);
        sum = sum * shrink;
        for (int s = 0; s < ATTENTION_COLUMNS; s++) {
          sum = sum + shared[SCORES_AT + row * SCORES_STRIDE + s];
        }
        for (int j = 0; j < LANE_SUMS; j++) {
          laneSums[j] = laneSums[j] * shrink;
        }
        addWeighted(0, arena3, valuesAt + first * size7, size7, count, size3);
        localBarrier();
      }
    }
    int outAt = (query + row) * size1 * size3 + head * size3;
    for (int j = 0; LANES * j < size3; j++) {
      if (row < queries && lane + LANES * j < size3) {
        write0(outAt + lane + LANES * j, laneSums[j] / sum);
      }
    }
    if (row < queries && lane == 0 && arena4 >= 0) {
      write4(headAndBatch * size0 + firstQuery + row, largest + log(sum));
    }
  }

  /**
   * What the other steps of the gradient need of each query and of each block of {@value
   * #ATTENTION_ROWS} keys, as parts of 0: {@code sum over a head of 1 * 2}, of [B, Tq, H K] each,
   * as [B, H, Tq]; the log-sum-exp 3 [B, H, Tq]; and, for each sequence and block, the first query
   * that sees one of its keys, and the end of these queries. Sizes as in {@link #attention};
   * size12: B H Tq.
   */
  private void attentionBackwardStart() {
    for (int i = getGlobalId(); i < size12; i = i + getGlobalSize()) {
      int t = i % size0;
      int head = i / size0 % size1;
      int batch = i / size0 / size1;
      int at = ((batch * size0 + t) * size1 + head) * size3;
      float sum = 0f;
      for (int c = 0; c < size3; c++) {
        sum = fma(read1(at + c), read2(at + c), sum);
      }
      write0(i, sum);
      write0(size12 + i, read3(i));
    }
    int blocks = (size4 + ATTENTION_ROWS - 1) / ATTENTION_ROWS;
    int batches = size12 / (size1 * size0);
    for (int i = getGlobalId(); i < batches * blocks; i = i + getGlobalSize()) {
      int batch = i / blocks;
      int key = i % blocks * ATTENTION_ROWS;
      int first = size0;
      int end = 0;
      for (int t = 0; t < size0; t++) {
        int query = batch * size0 + t;
        if (firstKey(query) < key + ATTENTION_ROWS && rangeEnd(query) > key) {
          first = min(first, t);
          end = t + 1;
        }
      }
      write0(2 * (size12 + i), (float) first);
      write0(2 * (size12 + i) + 1, (float) end);
    }
  }

  /**
   * Gradient of the queries, 0 [B, Tq, size10] from the first column of its heads. 1 to 3, 5 and
   * sizes as in {@link #attention}; 4: dOut [B, Tq, H K]; 6: the result of {@link
   * #attentionBackwardStart}; size12: B H Tq. A group takes {@value #ATTENTION_ROWS} queries of one
   * head.
   */
  private void attentionBackwardQueries() {
    int item = getLocalId();
    int row = item / LANES;
    int lane = item % LANES;
    int blocks = (size0 + ATTENTION_ROWS - 1) / ATTENTION_ROWS;
    int headAndBatch = getGroupId() / blocks;
    int firstQuery = getGroupId() % blocks * ATTENTION_ROWS;
    int head = headAndBatch % size1;
    int batch = headAndBatch / size1;
    int queries = min(ATTENTION_ROWS, size0 - firstQuery);
    int query = batch * size0 + firstQuery;
    int keyColumn = head / (size1 / size2) * size3;
    int queryAt = offset1 + query * size5 + head * size3;
    int keysAt = offset2 + batch * size4 * size6 + keyColumn;
    int valuesAt = offset3 + batch * size4 * size7 + keyColumn;
    int biasAt = (head * size0 + firstQuery + row) * size4;
    int outStride = size1 * size3;
    int outAt = offset4 + query * outStride + head * size3;
    int rowFirst = 0;
    int rowEnd = 0;
    float logSumExp = 0f;
    float dot = 0f;
    if (row < queries) {
      int at = headAndBatch * size0 + firstQuery + row;
      rowFirst = firstKey(query + row);
      rowEnd = rangeEnd(query + row);
      dot = read6(at);
      logSumExp = read6(size12 + at);
    }
    for (int j = 0; j < LANE_SUMS; j++) {
      laneSums[j] = 0f;
    }
    int keys = endSeen(-1, query, queries);
    for (int first = firstSeen(-1, query, queries);
        first < keys;
        first = first + ATTENTION_COLUMNS) {
      int count = min(ATTENTION_COLUMNS, keys - first);
      int keyAt = keysAt + first * size6;
      rowDots(arena1, queryAt, size5, queries, arena2, keyAt, size6, count, size3);
      for (int i = 0; i < 4; i++) {
        dots2[i] = dots[i];
      }
      int valueAt = valuesAt + first * size7;
      rowDots(arena4, outAt, outStride, queries, arena3, valueAt, size7, count, size3);
      for (int i = 0; i < 4; i++) {
        int key = first + lane + LANES * i;
        float gradient = 0f;
        if (key >= rowFirst && key < rowEnd) {
          float probability = exp(scoreOf(dots2[i], biasAt + key) - logSumExp);
          gradient = factor0 * probability * (dots[i] - dot);
        }
        shared[SCORES_AT + row * SCORES_STRIDE + lane + LANES * i] = gradient;
      }
      localBarrier();
      addWeighted(0, arena2, keyAt, size6, count, size3);
      localBarrier();
    }
    int resultAt = (query + row) * size10 + head * size3;
    for (int j = 0; LANES * j < size3; j++) {
      if (row < queries && lane + LANES * j < size3) {
        write0(resultAt + lane + LANES * j, laneSums[j]);
      }
    }
  }

  /**
   * Gradients of the keys, 0 [B, Tk, size10], and of the values, 7 [B, Tk, size11], with the
   * operands of {@link #attentionBackwardQueries}. A group takes {@value #ATTENTION_ROWS} keys of
   * one key-value head, and all query heads of it in order.
   */
  private void attentionBackwardKeys() {
    int item = getLocalId();
    int row = item / LANES;
    int lane = item % LANES;
    int blocks = (size4 + ATTENTION_ROWS - 1) / ATTENTION_ROWS;
    int headAndBatch = getGroupId() / blocks;
    int block = getGroupId() % blocks;
    int firstOfBlock = block * ATTENTION_ROWS;
    int keyHead = headAndBatch % size2;
    int batch = headAndBatch / size2;
    int heads = size1 / size2;
    int keys = min(ATTENTION_ROWS, size4 - firstOfBlock);
    int key = firstOfBlock + row;
    int token = batch * size4 + firstOfBlock;
    int keyAt = offset2 + token * size6 + keyHead * size3;
    int valueAt = offset3 + token * size7 + keyHead * size3;
    int outStride = size1 * size3;
    int seenAt = 2 * (size12 + batch * blocks + block);
    int firstQuery = (int) read6(seenAt);
    int endQuery = (int) read6(seenAt + 1);
    for (int j = 0; j < 2 * LANE_SUMS; j++) {
      laneSums[j] = 0f;
    }
    for (int head = keyHead * heads; head < (keyHead + 1) * heads; head++) {
      int tokensAt = (batch * size1 + head) * size0;
      for (int first = firstQuery; first < endQuery; first = first + ATTENTION_COLUMNS) {
        int count = min(ATTENTION_COLUMNS, endQuery - first);
        int queryAt = offset1 + (batch * size0 + first) * size5 + head * size3;
        int outAt = offset4 + (batch * size0 + first) * outStride + head * size3;
        rowDots(arena2, keyAt, size6, keys, arena1, queryAt, size5, count, size3);
        for (int i = 0; i < 4; i++) {
          int t = first + lane + LANES * i;
          float probability = 0f;
          if (t < endQuery && row < keys) {
            if (key >= firstKey(batch * size0 + t) && key < rangeEnd(batch * size0 + t)) {
              float score = scoreOf(dots[i], (head * size0 + t) * size4 + key);
              probability = exp(score - read6(size12 + tokensAt + t));
            }
          }
          dots2[i] = probability;
          shared[SCORES_AT + row * SCORES_STRIDE + lane + LANES * i] = probability;
        }
        localBarrier();
        addWeighted(LANE_SUMS, arena4, outAt, outStride, count, size3);
        rowDots(arena3, valueAt, size7, keys, arena4, outAt, outStride, count, size3);
        for (int i = 0; i < 4; i++) {
          float gradient = 0f;
          if (dots2[i] != 0f) {
            float dot = read6(tokensAt + first + lane + LANES * i);
            gradient = factor0 * dots2[i] * (dots[i] - dot);
          }
          shared[SCORES_AT + row * SCORES_STRIDE + lane + LANES * i] = gradient;
        }
        localBarrier();
        addWeighted(0, arena1, queryAt, size5, count, size3);
        localBarrier();
      }
    }
    int keyResultAt = (token + row) * size10 + keyHead * size3;
    int valueResultAt = (token + row) * size11 + keyHead * size3;
    for (int j = 0; LANES * j < size3; j++) {
      if (row < keys && lane + LANES * j < size3) {
        write0(keyResultAt + lane + LANES * j, laneSums[j]);
        write7(valueResultAt + lane + LANES * j, laneSums[LANE_SUMS + j]);
      }
    }
  }

  /**
   * Gradient of the bias, 0 [H, Tq, Tk], with the operands of {@link #attentionBackwardQueries}. A
   * group takes {@value #ATTENTION_ROWS} queries and {@value #ATTENTION_COLUMNS} keys of one head,
   * and all sequences in order.
   */
  private void attentionBackwardBias() {
    int item = getLocalId();
    int row = item / LANES;
    int lane = item % LANES;
    int blocks = (size0 + ATTENTION_ROWS - 1) / ATTENTION_ROWS;
    int tiles = (size4 + ATTENTION_COLUMNS - 1) / ATTENTION_COLUMNS;
    int first = getGroupId() % tiles * ATTENTION_COLUMNS;
    int firstQuery = getGroupId() / tiles % blocks * ATTENTION_ROWS;
    int head = getGroupId() / tiles / blocks;
    int queries = min(ATTENTION_ROWS, size0 - firstQuery);
    int count = min(ATTENTION_COLUMNS, size4 - first);
    int batches = size12 / (size1 * size0);
    int keyColumn = head / (size1 / size2) * size3;
    int biasAt = (head * size0 + firstQuery + row) * size4;
    int outStride = size1 * size3;
    for (int i = 0; i < 4; i++) {
      laneSums[i] = 0f;
    }
    for (int batch = sequenceThatSees(0, batches, firstQuery, queries, first);
        batch < batches;
        batch = sequenceThatSees(batch + 1, batches, firstQuery, queries, first)) {
      int query = batch * size0 + firstQuery;
      int queryAt = offset1 + query * size5 + head * size3;
      int keyAt = offset2 + (batch * size4 + first) * size6 + keyColumn;
      rowDots(arena1, queryAt, size5, queries, arena2, keyAt, size6, count, size3);
      for (int i = 0; i < 4; i++) {
        dots2[i] = dots[i];
      }
      int outAt = offset4 + query * outStride + head * size3;
      int valueAt = offset3 + (batch * size4 + first) * size7 + keyColumn;
      rowDots(arena4, outAt, outStride, queries, arena3, valueAt, size7, count, size3);
      for (int i = 0; i < 4; i++) {
        int key = first + lane + LANES * i;
        if (row < queries) {
          if (key >= firstKey(query + row) && key < rangeEnd(query + row)) {
            int at = (batch * size1 + head) * size0 + firstQuery + row;
            float probability = exp(scoreOf(dots2[i], biasAt + key) - read6(size12 + at));
            laneSums[i] = fma(probability, dots[i] - read6(at), laneSums[i]);
          }
        }
      }
    }
    for (int i = 0; i < 4; i++) {
      if (row < queries && lane + LANES * i < count) {
        write0(biasAt + first + lane + LANES * i, laneSums[i]);
      }
    }
  }

  /**
   * The next sequence, from one on, in which some of the queries see a key of a tile; {@code
   * batches} for none.
   */
  private int sequenceThatSees(
      int from, int batches, int firstQuery, int queries, int firstOfTile) {
    int next = batches;
    for (int batch = from; batch < next; batch++) {
      for (int i = 0; i < queries; i++) {
        int query = batch * size0 + firstQuery + i;
        if (firstKey(query) < firstOfTile + ATTENTION_COLUMNS && rangeEnd(query) > firstOfTile) {
          next = batch;
        }
      }
    }
    return next;
  }

  // ---- loss

  /**
   * Losses of logits 1, a group a row of size1: 0 [rows] receives them, 2 [rows] log-sum-exp and 4
   * [rows] entropies, if present; all are 0 for an ignored row. Row r's target is at {@code
   * integers[size2 + r]}. With 3, as large as 1 and maybe the same, the gradients of {@code factor0
   * * loss}.
   */
  private void crossEntropy() {
    int item = getLocalId();
    int start = getGroupId() * size1;
    int target = integers[size2 + getGroupId()];
    float largest = rowMax(start);
    float logSumExp = largest + log(rowExpSum(start, largest));
    float entropy = 0f;
    if (arena4 >= 0) {
      entropy = rowEntropy(start, logSumExp);
    }
    if (item == 0) {
      float loss = 0f;
      float kept = 0f;
      if (target >= 0) {
        loss = logSumExp - read1(start + target);
        kept = logSumExp;
      } else {
        entropy = 0f;
      }
      write0(getGroupId(), loss);
      if (arena2 >= 0) {
        write2(getGroupId(), kept);
      }
      if (arena4 >= 0) {
        write4(getGroupId(), entropy);
      }
    }
    // The gradients may overwrite the logits, which item 0 has just read.
    localGlobalBarrier();
    if (arena3 >= 0) {
      for (int first = 0; first < size1; first = first + GROUP) {
        int i = first + item;
        if (i < size1) {
          write3(start + i, lossGradient(read1(start + i) - logSumExp, i, target) * factor0);
        }
      }
    }
  }

  /** {@code -sum p log p} of a row of 1. */
  private float rowEntropy(int start, float logSumExp) {
    float sum = 0f;
    for (int first = 0; first < size1; first = first + GROUP) {
      int i = first + getLocalId();
      if (i < size1) {
        float logProbability = read1(start + i) - logSumExp;
        sum = sum - exp(logProbability) * logProbability;
      }
    }
    return groupSum(sum);
  }

  /**
   * {@code 0 = factor0 * dLosses * (softmax - [target])} of 1 (logits), 2 (log-sum-exp), 3
   * (dLosses); with 4 (entropies) and 5 (dEntropies) minus {@code factor0 * dEntropies * p * (log p
   * + entropy)}. 0 and 1 may be the same.
   */
  private void crossEntropyBackward() {
    for (int i = getGlobalId(); i < size0; i = i + getGlobalSize()) {
      int row = i / size1;
      int target = integers[size2 + row];
      float logProbability = read1(i) - read2(row);
      float gradient = read3(row) * lossGradient(logProbability, i - row * size1, target);
      if (arena5 >= 0 && target >= 0) {
        float fromEntropy = exp(logProbability) * (logProbability + read4(row));
        gradient = gradient - read5(row) * fromEntropy;
      }
      write0(i, factor0 * gradient);
    }
  }

  private float lossGradient(float logProbability, int column, int target) {
    float gradient = 0f;
    if (target >= 0) {
      gradient = exp(logProbability);
      if (column == target) {
        gradient = gradient - 1f;
      }
    }
    return gradient;
  }

  // ---- optimizer

  /**
   * AdamW: 0 weights, 1 gradients, 2 and 3 moments. factor0 and 1: the betas; 2 and 3: {@code 1 -
   * beta}; 4: gradient scale; 5: learning rate / first correction; 6: learning rate * decay;
   * linear: 1 / second correction; cubic: epsilon.
   */
  private void adamW() {
    for (int i = getGlobalId(); i < size0; i = i + getGlobalSize()) {
      float g = factor4 * read1(i);
      float m = fma(factor0, read2(i), factor2 * g);
      float v = fma(factor1, read3(i), factor3 * g * g);
      float w = read0(i);
      write2(i, m);
      write3(i, v);
      write0(i, w - factor6 * w - factor5 * m / (sqrt(v * linear) + cubic));
    }
  }

  /**
   * Lion: 0 weights, 1 gradients, 2 momentum. factor0 and 1: the betas; 2 and 3: {@code 1 - beta};
   * 4: gradient scale; 5: learning rate; 6: learning rate * decay.
   */
  private void lion() {
    for (int i = getGlobalId(); i < size0; i = i + getGlobalSize()) {
      float g = factor4 * read1(i);
      float m = read2(i);
      float c = fma(factor0, m, factor2 * g);
      float w = read0(i);
      float step = 0f;
      if (c > 0f) {
        step = factor5;
      }
      if (c < 0f) {
        step = -factor5;
      }
      write2(i, fma(factor1, m, factor3 * g));
      write0(i, w - factor6 * w - step);
    }
  }

  /** {@code 0 [size0] = sums of squares of the rows of 1 [size0, size1]}, a group each. */
  private void rowSquares() {
    int item = getLocalId();
    float sum = 0f;
    for (int first = 0; first < size1; first = first + GROUP) {
      int i = first + item;
      if (i < size1) {
        float x = read1(getGroupId() * size1 + i);
        sum = fma(x, x, sum);
      }
    }
    float total = groupSum(sum);
    if (item == 0) {
      write0(getGroupId(), total);
    }
  }

  /** As {@link #sumRows}, of squares. */
  private void columnSquares() {
    int blocks = (size0 + size2 - 1) / size2;
    for (int i = getGlobalId(); i < blocks * size1; i = i + getGlobalSize()) {
      int block = i / size1;
      int column = i - block * size1;
      int end = min(size0, (block + 1) * size2);
      float sum = 0f;
      for (int row = block * size2; row < end; row++) {
        float x = read1(row * size1 + column);
        sum = fma(x, x, sum);
      }
      write0(i, sum);
    }
  }

  /** {@code 0 [_, size1] = 0 * 2 [size1] * 1 [_]}. */
  private void scaleRowsAndColumns() {
    for (int i = getGlobalId(); i < size0; i = i + getGlobalSize()) {
      int row = i / size1;
      write0(i, read0(i) * read2(i - row * size1) * read1(row));
    }
  }

  // ---- host and back

  /** {@code 0 = staging}. */
  private void fromStaging() {
    for (int i = getGlobalId(); i < size0; i = i + getGlobalSize()) {
      write0(i, staging[i]);
    }
  }

  /**
   * {@code staging = 0}; behind its size0 elements the first float of each of size1 arenas, by
   * which the host verifies that they are still the same.
   */
  private void toStaging() {
    for (int i = getGlobalId(); i < size0; i = i + getGlobalSize()) {
      staging[i] = read0(i);
    }
    if (getGlobalId() < size1) {
      staging[size0 + getGlobalId()] = load(getGlobalId(), 0);
    }
  }

  // ---- the host's side, not translated

  /** Sets operand n; a negative arena for none. */
  void operand(int n, int arena, int offset) {
    switch (n) {
      case 0 -> {
        arena0 = arena;
        offset0 = offset;
      }
      case 1 -> {
        arena1 = arena;
        offset1 = offset;
      }
      case 2 -> {
        arena2 = arena;
        offset2 = offset;
      }
      case 3 -> {
        arena3 = arena;
        offset3 = offset;
      }
      case 4 -> {
        arena4 = arena;
        offset4 = offset;
      }
      case 5 -> {
        arena5 = arena;
        offset5 = offset;
      }
      case 6 -> {
        arena6 = arena;
        offset6 = offset;
      }
      default -> {
        arena7 = arena;
        offset7 = offset;
      }
    }
  }

  /** Sets an array as arena n. */
  void arena(int n, float[] array) {
    switch (n) {
      case 0 -> floats0 = array;
      case 1 -> floats1 = array;
      case 2 -> floats2 = array;
      case 3 -> floats3 = array;
      case 4 -> floats4 = array;
      case 5 -> floats5 = array;
      case 6 -> floats6 = array;
      default -> floats7 = array;
    }
  }
}
