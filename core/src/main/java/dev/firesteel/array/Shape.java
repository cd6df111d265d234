package dev.firesteel.array;

import java.util.Arrays;

/** The extents of an n-d array, outermost first; elements are in row-major order. Immutable. */
public final class Shape {
  private static final Shape SCALAR = new Shape(new int[0]);

  private final int[] dims;
  private final long size;

  private Shape(int[] dims) {
    long product = 1;
    for (int dim : dims) {
      if (dim < 0) {
        throw new IllegalArgumentException(
            "Shape: extents must be >= 0, got " + Arrays.toString(dims));
      }
      product = Math.multiplyExact(product, dim);
    }
    this.dims = dims;
    this.size = product;
  }

  public static Shape of(int... dims) {
    return dims.length == 0 ? SCALAR : new Shape(dims.clone());
  }

  public static Shape scalar() {
    return SCALAR;
  }

  public int rank() {
    return dims.length;
  }

  /** The extent of {@code axis}; negative axes count from the end: {@code dim(-1)} is the last. */
  public int dim(int axis) {
    return dims[axis < 0 ? dims.length + axis : axis];
  }

  /** The innermost extent; 1 for a scalar. */
  public int last() {
    return dims.length == 0 ? 1 : dims[dims.length - 1];
  }

  /** The number of rows of {@link #last()} elements: the product of all other extents. */
  public int rows() {
    long rows = 1;
    for (int i = 0; i < dims.length - 1; i++) {
      rows *= dims[i];
    }
    return Math.toIntExact(rows);
  }

  /** The number of elements. */
  public long size() {
    return size;
  }

  /** This shape with its innermost extent replaced. */
  public Shape withLast(int last) {
    int[] copy = dims.clone();
    copy[copy.length - 1] = last;
    return new Shape(copy);
  }

  /** This shape with the extent of {@code axis} replaced; negative axes count from the end. */
  public Shape withDim(int axis, int extent) {
    int[] copy = dims.clone();
    copy[axis < 0 ? dims.length + axis : axis] = extent;
    return new Shape(copy);
  }

  public int[] toArray() {
    return dims.clone();
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Shape shape && Arrays.equals(dims, shape.dims);
  }

  @Override
  public int hashCode() {
    return Arrays.hashCode(dims);
  }

  @Override
  public String toString() {
    return Arrays.toString(dims);
  }
}
