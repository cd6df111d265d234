package dev.firesteel.backend.cpu;

import java.nio.FloatBuffer;
import java.nio.ShortBuffer;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.ShortPointer;

/** A 64-byte aligned range of native memory, allocated from a {@link NativePool}. */
final class NativeBlock {
  /** A cache line, and the width of the widest vector load. */
  static final int ALIGNMENT = 64;

  private final Pointer allocation; // null where there is no memory
  private final long address;
  private final long bytes;
  private ShortBuffer shorts;
  private FloatBuffer floats;

  NativeBlock(long bytes) {
    // malloc rather than a typed Pointer: those are freed only when the garbage collector permits
    // it, and count against a limit derived from the Java heap.
    this.allocation = Pointer.malloc(bytes + ALIGNMENT);
    if (allocation == null || allocation.isNull()) {
      throw new OutOfMemoryError("Cannot allocate " + bytes + " bytes of native memory for bf16");
    }
    this.address = (allocation.address() + ALIGNMENT - 1) & -ALIGNMENT;
    this.bytes = bytes;
  }

  private NativeBlock(Pointer allocation, long address, long bytes) {
    this.allocation = allocation;
    this.address = address;
    this.bytes = bytes;
  }

  /** A block for planning, with a size but no memory. */
  static NativeBlock unbacked(long bytes) {
    return new NativeBlock(null, 0, bytes);
  }

  long address() {
    return address;
  }

  long bytes() {
    return bytes;
  }

  /** The block as 16-bit elements; bulk puts to it run at the speed of memcpy. */
  ShortBuffer shorts() {
    if (shorts == null) {
      shorts = new ShortPointer(at(address)).capacity(bytes / Short.BYTES).asBuffer();
    }
    return shorts;
  }

  /** The block as 32-bit floats. */
  FloatBuffer floats() {
    if (floats == null) {
      floats = new FloatPointer(at(address)).capacity(bytes / Float.BYTES).asBuffer();
    }
    return floats;
  }

  void free() {
    if (allocation != null) {
      Pointer.free(allocation);
    }
  }

  private static Address at(long address) {
    Address pointer = new Address();
    pointer.moveTo(address);
    return pointer;
  }

  /** A pointer that can be moved, so that re-pointing a oneDNN memory allocates nothing. */
  static final class Address extends Pointer {
    Address() {
      super((Pointer) null);
    }

    Address moveTo(long to) {
      address = to;
      return this;
    }
  }
}
