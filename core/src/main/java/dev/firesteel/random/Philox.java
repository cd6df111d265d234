package dev.firesteel.random;

/**
 * Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"): a bijection of
 * 128-bit counters under a 64-bit key whose outputs pass the usual statistical tests.
 *
 * <p>Element i of the stream of a key is word {@code i mod 4} of the block at counter {@code i /
 * 4}.
 */
public final class Philox {
  private static final int ROUNDS = 10;
  private static final long MULTIPLIER_0 = 0xD2511F53L;
  private static final long MULTIPLIER_1 = 0xCD9E8D57L;
  private static final int WEYL_0 = 0x9E3779B9;
  private static final int WEYL_1 = 0xBB67AE85;
  private static final long MASK = 0xFFFFFFFFL;

  private Philox() {}

  /** Writes the four words of block {@code counter} (upper 64 counter bits 0) to {@code out}. */
  public static void block(long key, long counter, int[] out, int offset) {
    block(key, counter, 0, out, offset);
  }

  /** Writes the four words of the block at the 128-bit counter {@code (high, low)}. */
  public static void block(long key, long low, long high, int[] out, int offset) {
    int k0 = (int) key;
    int k1 = (int) (key >>> 32);
    int c0 = (int) low;
    int c1 = (int) (low >>> 32);
    int c2 = (int) high;
    int c3 = (int) (high >>> 32);
    for (int round = 0; round < ROUNDS; round++) {
      long p0 = MULTIPLIER_0 * (c0 & MASK);
      long p1 = MULTIPLIER_1 * (c2 & MASK);
      int n0 = (int) (p1 >>> 32) ^ c1 ^ k0;
      int n2 = (int) (p0 >>> 32) ^ c3 ^ k1;
      c1 = (int) p1;
      c3 = (int) p0;
      c0 = n0;
      c2 = n2;
      k0 += WEYL_0;
      k1 += WEYL_1;
    }
    out[offset] = c0;
    out[offset + 1] = c1;
    out[offset + 2] = c2;
    out[offset + 3] = c3;
  }

  /** A word as a float in [0, 1): its upper 24 bits times 2^-24. */
  public static float toUniform(int word) {
    return (word >>> 8) * 0x1p-24f;
  }

  /** Element {@code index} of the stream of {@code key}, uniform in [0, 1). */
  public static float uniform(long key, long index) {
    int[] words = new int[4];
    block(key, index >> 2, words, 0);
    return toUniform(words[(int) (index & 3)]);
  }
}
