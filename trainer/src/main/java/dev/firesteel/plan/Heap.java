package dev.firesteel.plan;

/**
 * How much heap an array occupies. G1, the default collector, places an array of half a region or
 * more in whole regions of its own. The region size is 1 MiB, or a larger power of two such that
 * the average of the initial and the maximum heap has about 2048 regions.
 */
final class Heap {
  private static final long MIB = 1 << 20;
  private static final long HEADER_BYTES = 16;
  private static final int REGIONS = 2048;
  private static final long LARGEST_REGION = 32 * MIB;

  /** Spark refuses to start with less. */
  private static final long LEAST_BYTES = 512 * MIB;

  /** Young generation, fragments between arrays of whole regions, garbage not yet collected. */
  private static final double MARGIN = 1.15;

  private static final long FIXED_MARGIN = 96 * MIB;
  private static final long STEP = 64 * MIB;

  private final long regionBytes;

  private Heap(long regionBytes) {
    this.regionBytes = regionBytes;
  }

  /** The heap of a JVM started with this {@code -Xmx}. */
  static Heap of(long largestBytes) {
    long region = MIB;
    while (region < LARGEST_REGION && largestBytes / 2 / REGIONS >= 2 * region) {
      region *= 2;
    }
    return new Heap(region);
  }

  /**
   * Heap bytes occupied by an array with {@code bytes} of elements. Because of its header, an array
   * that would exactly fill its regions needs one more.
   */
  long arrayBytes(long bytes) {
    long size = bytes + HEADER_BYTES;
    return size < regionBytes / 2 ? size : (size + regionBytes - 1) / regionBytes * regionBytes;
  }

  /** The {@code -Xmx} recommended for this much live data. */
  static long recommended(long liveBytes) {
    long wanted = (long) (liveBytes * MARGIN) + FIXED_MARGIN;
    return Math.max(LEAST_BYTES, (wanted + STEP - 1) / STEP * STEP);
  }
}
