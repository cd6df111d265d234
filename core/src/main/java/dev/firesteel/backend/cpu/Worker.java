package dev.firesteel.backend.cpu;

/** The private state of one thread of the pool: its SIMD primitives and its scratch memory. */
final class Worker {
  /** The purpose of a scratch array; a kernel uses each for one thing at a time. */
  enum Scratch {
    /** A block of the left operand of a matmul, in panels of rows. */
    LEFT_PANELS,
    /** The right operand of a matmul computed by one thread. */
    RIGHT_PANELS,
    /** A tile that extends beyond its matrix. */
    EDGE_TILE,
    /** Attention: scores and then probabilities of a block of queries. */
    SCORES,
    /** Attention: gradients of the scores of a block of queries. */
    SCORE_GRADIENTS,
    /** Attention: keys in panels. */
    KEYS,
    /** Attention: values in panels. */
    VALUES,
    /** Attention: sums of the gradients of keys, in panels. */
    KEY_GRADIENTS,
    /** Attention: sums of the gradients of values, in panels. */
    VALUE_GRADIENTS,
    /** Attention: a block of queries in panels. */
    QUERIES,
    /** Attention: a block of queries, scaled, a column each. */
    QUERIES_TRANSPOSED,
    /** Attention: gradients of a block's outputs in panels. */
    OUTPUT_GRADIENTS,
    /** Attention: gradients of a block's outputs, a column each. */
    OUTPUT_GRADIENTS_TRANSPOSED,
    /** Attention: a block of outputs or of the queries' gradients in panels. */
    RESULTS,
    /** Rows and blocks of elementwise kernels. */
    FIRST,
    SECOND
  }

  private Simd simd;

  /**
   * Indexed by the purpose's ordinal: kernels look this up so often that a map shows up in
   * profiles.
   */
  private final float[][] scratch = new float[Scratch.values().length][0];

  private final VisibleKeys visibleKeys = new VisibleKeys();
  private final int[] words = new int[4];
  private final double[] squares = new double[ElementwiseSimd.SQUARE_SUMS];

  Worker(Simd simd) {
    this.simd = simd;
  }

  Simd simd() {
    return simd;
  }

  /** Must be called between kernels. */
  void renew(Simd primitives) {
    simd = primitives;
  }

  /**
   * At least {@code size} floats with undefined content; a larger size than before allocates a new
   * array.
   */
  @SuppressWarnings("EnumOrdinal") // within one run, and no value is stored
  float[] scratch(Scratch purpose, int size) {
    float[] array = scratch[purpose.ordinal()];
    if (array.length < size) {
      // Half as much again, so that a size that grows step by step (generation) settles soon.
      array = new float[Math.max(size, (int) Math.min(1.5 * array.length, Integer.MAX_VALUE - 8))];
      scratch[purpose.ordinal()] = array;
    }
    return array;
  }

  /** The sums of {@link ElementwiseSimd#addSquares}, with undefined content. */
  double[] squares() {
    return squares;
  }

  /** What a block of queries sees, with undefined content. */
  VisibleKeys visibleKeys() {
    return visibleKeys;
  }

  /** Four words for {@link dev.firesteel.random.Philox#block}. */
  int[] words() {
    return words;
  }
}
