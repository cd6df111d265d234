package dev.firesteel.plan;

/**
 * How much of a heap an array takes. G1, the default collector, gives an array of half a region or
 * more whole regions of its own, and makes regions of 1 MiB or, the average of the initial and the
 * largest heap allowing 2048 of them, of the next power of two.
 */
final class Heap {
  private static final long MIB = 1 << 20;
  private static final long HEADER_BYTES = 16;
  private static final int REGIONS = 2048;
  private static final long LARGEST_REGION = 32 * MIB;

  /** Below it Spark refuses to start. */
  private static final long LEAST_BYTES = 512 * MIB;

  /** Young generation, fragments between arrays of whole regions, garbage not yet collected. */
  private static final double MARGIN = 1.15;

  private static final long FIXED_MARGIN = 96 * MIB;
  private static final long STEP = 64 * MIB;

  private final long regionBytes;

  private Heap(long regionBytes) {
    this.regionBytes = regionBytes;
  }

  /** The heap of a JVM that was started with {@code -Xmx} of so much. */
  static Heap of(long largestBytes) {
    long region = MIB;
    while (region < LARGEST_REGION && largestBytes / 2 / REGIONS >= 2 * region) {
      region *= 2;
    }
    return new Heap(region);
  }

  /**
   * What an array takes whose elements take {@code bytes}. Its header makes an array of just some
   * regions need one more.
   */
  long arrayBytes(long bytes) {
    long size = bytes + HEADER_BYTES;
    return size < regionBytes / 2 ? size : (size + regionBytes - 1) / regionBytes * regionBytes;
  }

  /** The {@code -Xmx} for so much live data. */
  static long recommended(long liveBytes) {
    long wanted = (long) (liveBytes * MARGIN) + FIXED_MARGIN;
    return Math.max(LEAST_BYTES, (wanted + STEP - 1) / STEP * STEP);
  }
}
