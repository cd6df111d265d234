package dev.firesteel.nn;

import dev.firesteel.array.Shape;
import java.util.List;

/**
 * One tensor of a model: its name, shape and offset in every {@link Segment} of its {@link
 * ParameterSet}. Holds no values; those are views of segments.
 */
public final class Parameter {
  private final String name;
  private final Shape shape;
  private final Initializer initializer;
  private final boolean decayed;
  private boolean trainable = true;
  private int index = -1;
  private long offset = -1;
  private final List<Integer> stacked;
  private boolean table;

  Parameter(String name, Shape shape, Initializer initializer, boolean decayed) {
    this.name = name;
    this.shape = shape;
    this.initializer = initializer;
    this.decayed = decayed;
    stacked = shape.rank() == 2 ? initializer.stackedRows(shape.dim(0)) : List.of();
  }

  void freeze() {
    trainable = false;
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

  /**
   * Whether weight decay applies: to matrices and embeddings, unless {@linkplain
   * ParameterSet.Builder#declareWithoutDecay declared otherwise}, not to norm weights and biases.
   */
  public boolean decayed() {
    return decayed;
  }

  /**
   * Whether training changes the values. A {@linkplain ParameterSet.Builder#freeze frozen}
   * parameter has weights, but neither a gradient nor moments.
   */
  public boolean trainable() {
    return trainable;
  }

  /**
   * The number of rows of each matrix that this one holds, one below the other; a single one unless
   * its {@link Initializer} packs several, as queries, keys and values, and none if this is not a
   * matrix. An optimizer that works on whole matrices treats each on its own.
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
