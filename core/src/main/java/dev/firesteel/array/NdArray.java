package dev.firesteel.array;

/**
 * A shape over a contiguous, row-major range of a {@link Storage}. Views share storage: {@link
 * #reshape} and {@link #slice} copy nothing. Has no gradient; see {@code tensor.Tensor} for that.
 *
 * <p>All arrays are contiguous. Kernels with strided access (attention over packed q, k, v; columns
 * of a matrix) take the stride from the layout in their contract, which lets a backend keep arrays
 * in an arena and identify them by offset alone.
 */
public final class NdArray {
  private final Storage storage;
  private final long lease;
  private final long offset;
  private final Shape shape;
  private Object derived;

  public NdArray(Storage storage, long offset, Shape shape) {
    if (offset < 0 || offset + shape.size() > storage.size()) {
      throw new IllegalArgumentException(
          "NdArray: "
              + shape
              + " at offset "
              + offset
              + " must lie within the storage of "
              + storage.size()
              + " elements");
    }
    this.storage = storage;
    this.lease = storage.lease();
    this.offset = offset;
    this.shape = shape;
  }

  /** The underlying block; throws when the scope that owned it has closed. */
  public Storage storage() {
    if (lease != storage.lease()) {
      throw new IllegalStateException(
          "array " + shape + " is used after its scope closed; promote() what must outlive it");
    }
    return storage;
  }

  /** Index of the first element in the storage. */
  public long offset() {
    return offset;
  }

  public Shape shape() {
    return shape;
  }

  public DType dtype() {
    return storage.dtype();
  }

  /** The number of elements. */
  public long size() {
    return shape.size();
  }

  /** The same elements with another shape of the same size. */
  public NdArray reshape(Shape to) {
    if (to.size() != shape.size()) {
      throw new ShapeException("reshape", "sizes must match", shape, to);
    }
    return new NdArray(storage(), offset, to);
  }

  /** Rows {@code [start, end)} along the outermost axis, as a view. */
  public NdArray slice(int start, int end) {
    if (shape.rank() == 0 || start < 0 || end < start || end > shape.dim(0)) {
      throw new IllegalArgumentException(
          "slice: [" + start + ", " + end + ") must lie within axis 0 of " + shape);
    }
    long inner = shape.dim(0) == 0 ? 0 : shape.size() / shape.dim(0);
    return new NdArray(storage(), offset + start * inner, shape.withDim(0, end - start));
  }

  /**
   * The form that a backend derived from the content (a packed weight, a bf16 copy) and attached,
   * or null. Before using it, compare {@link Storage#version()} with the version it was derived
   * from.
   */
  public Object derived() {
    return derived;
  }

  /** Attaches a backend's derived form; the previous one, if any, is dropped. */
  public void derive(Object form) {
    derived = form;
  }

  @Override
  public String toString() {
    return dtype() + shape.toString();
  }
}
