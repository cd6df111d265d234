package dev.firesteel.array;

/**
 * A block of elements in the memory of one backend: a Java array on the heap, or a range of a
 * device arena. A backend makes its own kind and casts back to it; nobody else looks inside.
 *
 * <p>A storage counts its writes ({@link #version()}), so that what is derived from its content (a
 * packed or bf16 copy of a weight) can tell whether it is still true; and its leases ({@link
 * #lease()}), so that an array used after its scope has closed is found out.
 */
public abstract class Storage {
  private final DType dtype;
  private final long size;
  private long version;
  private long lease;

  protected Storage(DType dtype, long size) {
    this.dtype = dtype;
    this.size = size;
  }

  public final DType dtype() {
    return dtype;
  }

  /** Elements in the block; an array on it may use fewer. */
  public final long size() {
    return size;
  }

  /** How often the content has been written, as far as {@link #markWritten()} was told. */
  public final long version() {
    return version;
  }

  /** Called by a backend's kernel after it has written to any part of this block. */
  public final void markWritten() {
    version++;
  }

  final long lease() {
    return lease;
  }

  /** Ends the current owner's claim: every array made before now refuses use. */
  final void endLease() {
    lease++;
    version++;
  }
}
