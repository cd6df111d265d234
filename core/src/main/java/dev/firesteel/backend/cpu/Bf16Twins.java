package dev.firesteel.backend.cpu;

import dev.firesteel.array.NdArray;
import dev.firesteel.array.Storage;
import java.lang.ref.WeakReference;
import java.util.ArrayList;
import java.util.List;

/**
 * The bf16 copies of arrays, by what they were made of, so that an array is converted once however
 * many products read it: a weight once for each optimizer step, an activation once for the forward
 * product and the weight's gradient, an output gradient once for both gradients of its product.
 *
 * <p>A copy is good as long as its storage counts no write and no end of lease ({@link
 * Storage#version()}); what is no longer good goes back to the pool when the next copy is made.
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

  /** The good copy of exactly {@code array}'s elements, or null. */
  NativeBlock find(NdArray array) {
    Storage storage = array.storage();
    for (Twin twin : twins) {
      if (twin.source.refersTo(storage)
          && twin.version == storage.version()
          && twin.offset == array.offset()
          && twin.size == array.size()) {
        return twin.block;
      }
    }
    return null;
  }

  /** Memory for the copy of {@code array} as it is now; the caller fills it, padding included. */
  NativeBlock create(NdArray array) {
    sweep();
    NativeBlock block = pool.take((array.size() + PADDING) * Short.BYTES);
    twins.add(
        new Twin(
            new WeakReference<>(array.storage()),
            array.storage().version(),
            array.offset(),
            array.size(),
            block));
    return block;
  }

  /** Gives back the copies that are no longer good. */
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

  /** How many copies are held, good or not yet swept. */
  int size() {
    return twins.size();
  }

  @Override
  public void close() {
    twins.forEach(twin -> pool.giveBack(twin.block));
    twins.clear();
  }

  /** A copy and what it is a copy of; the storage is held weakly, so that it can be collected. */
  private static final class Twin {
    private final WeakReference<Storage> source;
    private final long version;
    private final long offset;
    private final long size;
    private final NativeBlock block;

    Twin(WeakReference<Storage> source, long version, long offset, long size, NativeBlock block) {
      this.source = source;
      this.version = version;
      this.offset = offset;
      this.size = size;
      this.block = block;
    }
  }
}
