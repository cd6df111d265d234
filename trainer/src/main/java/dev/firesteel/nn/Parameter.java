package dev.firesteel.nn;

import dev.firesteel.array.Shape;
import java.util.Arrays;
import java.util.List;

/**
 * One trained tensor: its name, shape and offset in every {@link Segment} of its {@link
 * ParameterSet}. Holds no values; those are views of segments.
 */
public final class Parameter {
  private final String name;
  private final Shape shape;
  private final Initializer initializer;
  private int index = -1;
  private long offset = -1;
  private List<Integer> stacked;
  private boolean table;

  Parameter(String name, Shape shape, Initializer initializer) {
    this.name = name;
    this.shape = shape;
    this.initializer = initializer;
    stacked = shape.rank() == 2 ? List.of(shape.dim(0)) : List.of();
  }

  void place(int indexInSet, long offsetInSegment) {
    index = indexInSet;
    offset = offsetInSegment;
  }

  /** Dotted path, such as {@code blocks.0.attention.qkv.weight}; unique in its set. */
  public String name() {
    return name;
  }

  public Shape shape() {
    return shape;
  }

  /** The number of elements, without padding. */
  public long size() {
    return shape.size();
  }

  /** Whether weight decay applies: to matrices and embeddings, not norm weights and biases. */
  public boolean decayed() {
    return shape.rank() >= 2;
  }

  /**
   * Declares that this matrix holds several, one below the other, as queries, keys and values: an
   * optimizer that works on whole matrices treats each on its own.
   *
   * @param rows the number of rows of each
   */
  void stack(int... rows) {
    if (Arrays.stream(rows).sum() != shape.dim(0)) {
      throw new IllegalArgumentException(
          "the matrices stacked in %s must have all its rows, got %s"
              .formatted(this, Arrays.toString(rows)));
    }
    stacked = Arrays.stream(rows).boxed().toList();
  }

  /**
   * The number of rows of each matrix that this one holds, one below the other; a single one except
   * after {@link #stack}, and none if this is not a matrix.
   */
  public List<Integer> stackedRows() {
    return stacked;
  }

  /**
   * Declares that the rows of this matrix stand for tokens, positions or classes: an embedding or
   * an output head.
   */
  public Parameter asTable() {
    table = true;
    return this;
  }

  /** Whether this is a matrix between two hidden layers, and not {@linkplain #asTable a table}. */
  public boolean hidden() {
    return shape.rank() == 2 && !table;
  }

  /** Position in {@link ParameterSet#parameters()}. */
  public int index() {
    return index;
  }

  /** Offset of the first element in a segment. */
  public long offset() {
    return offset;
  }

  Initializer initializer() {
    return initializer;
  }

  @Override
  public String toString() {
    return name + shape;
  }
}
