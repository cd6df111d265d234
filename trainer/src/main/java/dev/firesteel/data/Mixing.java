package dev.firesteel.data;

/** A hash of two longs, every bit of which depends on every bit of both. */
final class Mixing {
  /** 2^64 over the golden ratio: the step of SplitMix64 (Steele, Lea and Flood 2014). */
  private static final long GOLDEN = 0x9e3779b97f4a7c15L;

  private Mixing() {}

  static long key(long seed, long value) {
    return mix(mix(seed + GOLDEN) ^ (value * GOLDEN + GOLDEN));
  }

  /** SplitMix64's finaliser, Stafford's variant 13. */
  private static long mix(long value) {
    long z = (value ^ (value >>> 30)) * 0xbf58476d1ce4e5b9L;
    z = (z ^ (z >>> 27)) * 0x94d049bb133111ebL;
    return z ^ (z >>> 31);
  }
}
