package dev.firesteel.array;

/**
 * A block of elements in the memory of one backend: a Java array on the heap, or a range of a
 * device arena. A backend creates its own subclass and casts back to it; no other code looks
 * inside.
 *
 * <p>A storage counts its writes ({@link #version()}), so that data derived from its content (a
 * packed or bf16 copy of a weight) can be checked for being up to date; and its leases ({@link
 * #lease()}), so that use of an array after its scope has closed is detected.
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

  /** Number of elements in the block; an array on it may use fewer. */
  public final long size() {
    return size;
  }

  /** How often the content has been written, as recorded by {@link #markWritten()}. */
  public final long version() {
    return version;
  }

  /** Called by a backend's kernel after writing to any part of this block. */
  public final void markWritten() {
    version++;
  }

  final long lease() {
    return lease;
  }

  /** Ends the current owner's lease: every array created before now becomes unusable. */
  final void endLease() {
    lease++;
    version++;
  }
}
