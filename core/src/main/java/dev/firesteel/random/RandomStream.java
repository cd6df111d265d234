package dev.firesteel.random;

import java.nio.charset.StandardCharsets;

/**
 * A stream of random numbers named by (run seed, purpose, indices), such as (1337, "dropout", step,
 * micro-batch, layer): the same name gives the same numbers on any machine, in any order of use.
 *
 * <p>Not thread-safe; create one where it is needed.
 */
public final class RandomStream {
  private final long key;
  private final int[] block = new int[4];
  private long next;

  private RandomStream(long key) {
    this.key = key;
  }

  /** The stream of a name. */
  public static RandomStream of(long seed, String purpose, long... indices) {
    return new RandomStream(key(seed, purpose, indices));
  }

  /** The Philox key of a name, for kernels that draw by index (dropout). */
  public static long key(long seed, String purpose, long... indices) {
    if (purpose.isEmpty()) {
      // Without a purpose in between, (seed, i) and (i, seed) would name the same stream.
      throw new IllegalArgumentException("RandomStream: the purpose must not be empty");
    }
    long hash = mix(seed);
    for (byte b : purpose.getBytes(StandardCharsets.UTF_8)) {
      hash = mix(hash ^ b);
    }
    for (long index : indices) {
      hash = mix(hash ^ mix(index));
    }
    return hash;
  }

  /** The next 32 random bits. */
  public int nextInt() {
    int word = (int) (next & 3);
    if (word == 0) {
      Philox.block(key, next >> 2, block, 0);
    }
    next++;
    return block[word];
  }

  /** Uniform in [0, bound), without bias (Lemire 2019). */
  public int nextInt(int bound) {
    if (bound < 1) {
      throw new IllegalArgumentException("nextInt: bound must be >= 1, got " + bound);
    }
    long product = (nextInt() & 0xFFFFFFFFL) * bound;
    long threshold = (1L << 32) % bound;
    while ((product & 0xFFFFFFFFL) < threshold) {
      product = (nextInt() & 0xFFFFFFFFL) * bound;
    }
    return (int) (product >>> 32);
  }

  /** The next 64 random bits. */
  public long nextLong() {
    return ((long) nextInt() << 32) | (nextInt() & 0xFFFFFFFFL);
  }

  /** Uniform in [0, 1) with 53 bits. */
  public double nextDouble() {
    return (nextLong() >>> 11) * 0x1p-53;
  }

  /** Standard normal to float32 accuracy, one word each: {@link NormalQuantile}. */
  public double nextGaussian() {
    return NormalQuantile.of(nextInt());
  }

  /** The finalizer of SplitMix64 (Steele et al. 2014) after a Weyl step. */
  private static long mix(long z) {
    z += 0x9E3779B97F4A7C15L;
    z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
    z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
    return z ^ (z >>> 31);
  }
}
