package dev.firesteel.array;

/**
 * Memory that arrays live in: the Java heap or a device's. It makes arrays, and copies their
 * content from and to Java arrays; nothing else crosses between the two.
 */
public interface ArrayMemory extends StorageAllocator {

  /** {@code out[i] = value}. */
  void fill(NdArray out, double value);

  /** Copies {@code source[offset, offset + size)} to an F32 (or, widened, F64) array. */
  void upload(float[] source, int offset, NdArray to);

  /** Copies {@code source[offset, offset + size)} to an F64 (or, rounded, F32) array. */
  void upload(double[] source, int offset, NdArray to);

  /** Copies {@code source[offset, offset + size)} to an I32 array. */
  void upload(int[] source, int offset, NdArray to);

  /** Copies an F32 (or, rounded, F64) array to {@code target} from {@code offset} on. */
  void download(NdArray from, float[] target, int offset);

  /** Copies an F32 or F64 array to {@code target} from {@code offset} on. */
  void download(NdArray from, double[] target, int offset);

  /** Copies an I32 array to {@code target} from {@code offset} on. */
  void download(NdArray from, int[] target, int offset);
}
