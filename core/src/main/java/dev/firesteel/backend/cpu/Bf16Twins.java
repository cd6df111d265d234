package dev.firesteel.backend.cpu;

import dev.firesteel.array.DType;
import dev.firesteel.array.NdArray;
import dev.firesteel.array.Storage;
import java.lang.ref.WeakReference;
import java.util.ArrayList;
import java.util.List;

/**
 * The bf16 copies of arrays, by their source, so that an array is converted once regardless of how
 * many matmuls read it: a weight once per optimizer step, an activation once for the forward matmul
 * and the weight's gradient, an output gradient once for both gradients of its matmul.
 *
 * <p>A copy is valid until its storage is written or released ({@link Storage#version()}); invalid
 * copies return to the pool when the next copy is made. A copy that should outlive its source is
 * {@linkplain #detach detached} from it.
 */
final class Bf16Twins implements AutoCloseable {
  /**
   * Zeros after a copy's last element: an instruction that multiplies up to 32 elements of a row
   * may read beyond its end and multiplies what it finds with 0, which must not be a NaN.
   */
  static final int PADDING = 32;

  private final NativePool pool;
  private final List<Twin> twins = new ArrayList<>();

  Bf16Twins(NativePool pool) {
    this.pool = pool;
  }

  /** The valid copy of exactly {@code array}'s elements, or null. */
  NativeBlock find(NdArray array) {
    return find(array, false);
  }

  /** The valid packed copy of exactly {@code array}'s elements, or null. */
  NativeBlock findPacked(NdArray array) {
    return find(array, true);
  }

  private NativeBlock find(NdArray array, boolean packed) {
    for (Twin twin : twins) {
      if (twin.packed == packed && twin.isOf(array)) {
        return twin.block;
      }
    }
    return null;
  }

  /**
   * Allocates memory for a copy of {@code array} as it is now; the caller fills it, including the
   * padding.
   */
  NativeBlock create(NdArray array) {
    return create(array, false, (array.size() + PADDING) * Short.BYTES);
  }

  /**
   * Allocates memory for a copy of the matrix {@code array} as it is now in another order, beside
   * the plain copy; the caller fills it.
   */
  NativeBlock createPacked(NdArray array, long bytes) {
    return create(array, true, bytes);
  }

  private NativeBlock create(NdArray array, boolean packed, long bytes) {
    sweep();
    NativeBlock block = pool.take(bytes);
    twins.add(
        new Twin(
            new WeakReference<>(array.storage()),
            array.storage().version(),
            array.offset(),
            array.size(),
            packed,
            block));
    return block;
  }

  /**
   * Separates the valid copy of {@code array} from it: the copy is from now on that of the array
   * returned, which has the same shape, no other content, and the copy's lifetime.
   */
  NdArray detach(NdArray array) {
    for (int i = 0; i < twins.size(); i++) {
      Twin twin = twins.get(i);
      if (!twin.packed && twin.isOf(array)) {
        Storage copyOnly = new CopyOnly(array.dtype(), array.size());
        twins.set(
            i,
            new Twin(
                new WeakReference<>(copyOnly),
                copyOnly.version(),
                0,
                array.size(),
                false,
                twin.block));
        return new NdArray(copyOnly, 0, array.shape());
      }
    }
    throw new IllegalStateException("there is no valid bf16 copy of " + array);
  }

  /** Releases the copies that are no longer valid. */
  void sweep() {
    int kept = 0;
    for (int i = 0; i < twins.size(); i++) {
      Twin twin = twins.get(i);
      Storage storage = twin.source.get();
      if (storage != null && storage.version() == twin.version) {
        twins.set(kept++, twin);
      } else {
        pool.giveBack(twin.block);
      }
    }
    twins.subList(kept, twins.size()).clear();
  }

  /** Number of copies held, including invalid ones not yet released. */
  int size() {
    return twins.size();
  }

  @Override
  public void close() {
    twins.forEach(twin -> pool.giveBack(twin.block));
    twins.clear();
  }

  /** A copy and its source; the storage is referenced weakly, so that it can be collected. */
  private static final class Twin {
    private final WeakReference<Storage> source;
    private final long version;
    private final long offset;
    private final long size;
    private final boolean packed;
    private final NativeBlock block;

    Twin(
        WeakReference<Storage> source,
        long version,
        long offset,
        long size,
        boolean packed,
        NativeBlock block) {
      this.source = source;
      this.version = version;
      this.offset = offset;
      this.size = size;
      this.packed = packed;
      this.block = block;
    }

    /** Whether this is a valid copy of exactly {@code array}'s elements. */
    boolean isOf(NdArray array) {
      Storage storage = array.storage();
      return source.refersTo(storage)
          && version == storage.version()
          && offset == array.offset()
          && size == array.size();
    }
  }

  /** The storage of an array of which only the copy exists. */
  private static final class CopyOnly extends Storage {
    CopyOnly(DType dtype, long size) {
      super(dtype, size);
    }
  }
}
