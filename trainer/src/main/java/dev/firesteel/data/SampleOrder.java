package dev.firesteel.data;

import dev.firesteel.config.DataConfig;
import dev.firesteel.error.UserException;

/**
 * Which tokens a training sample takes: a function of the sample's number alone, counted from the
 * start of the run over all steps, micro-batches and ranks. It needs no state and no memory, so a
 * run can resume anywhere, and any number of ranks sees the same samples: the data cursor is one
 * long.
 */
public sealed interface SampleOrder {
  /** The first token of sample {@code index}; it takes that one and the {@code length} after it. */
  long start(long index);

  /** The number of samples per epoch. */
  long samplesPerEpoch();

  /**
   * The order given by a configuration.
   *
   * @param tokens of the text
   * @param length of a sequence, without the extra token needed for its last target
   * @throws UserException if the text is shorter than one sequence
   */
  static SampleOrder of(DataConfig.Sampling sampling, long seed, long tokens, int length) {
    if (tokens < length + 1L) {
      throw UserException.usage(
          "the training text must have at least training.sequence_length + 1 = %d tokens, got %d: provide more text or lower training.sequence_length"
              .formatted(length + 1L, tokens));
    }
    return switch (sampling) {
      case SHUFFLED_WINDOWS -> new ShuffledWindows(seed, (tokens - 1) / length, length);
      case RANDOM_OFFSETS -> new RandomOffsets(seed, tokens, length);
    };
  }

  /**
   * The text is split into windows of {@code length} tokens; an epoch takes each once. The order is
   * a keyed bijection of the window's number: a balanced Feistel network over the next even number
   * of bits, iterated while the result is out of range (cycle walking; Black and Rogaway 2002,
   * section 3). The epoch is part of the key.
   */
  record ShuffledWindows(long seed, long windows, int length) implements SampleOrder {
    /** Luby and Rackoff's four would do for large domains; small ones mix worse. */
    private static final int ROUNDS = 8;

    @Override
    public long start(long index) {
      return window(index) * length;
    }

    @Override
    public long samplesPerEpoch() {
      return windows;
    }

    /** The window that sample {@code index} takes. */
    long window(long index) {
      long key = Mixing.key(seed, index / windows);
      long value = index % windows;
      int halfBits = (Long.SIZE - Long.numberOfLeadingZeros(windows - 1) + 1) / 2;
      do {
        value = permute(value, halfBits, key);
      } while (value >= windows);
      return value;
    }

    private static long permute(long value, int halfBits, long key) {
      long mask = (1L << halfBits) - 1;
      long left = value >>> halfBits;
      long right = value & mask;
      for (int round = 0; round < ROUNDS; round++) {
        long mixed = left ^ (Mixing.key(key + round, right) & mask);
        left = right;
        right = mixed;
      }
      return left << halfBits | right;
    }
  }

  /**
   * Each sample's start is drawn uniformly from all starts, as in nanoGPT's {@code get_batch}; the
   * draw is a hash of the seed and the sample's number.
   */
  record RandomOffsets(long seed, long tokens, int length) implements SampleOrder {
    @Override
    public long start(long index) {
      // The high half of a 64 x 64 bit product: uniform up to 1 in 2^64 / starts (Lemire 2019).
      return Math.multiplyHigh(Mixing.key(seed, index) >>> 1, (tokens - length) << 1);
    }

    @Override
    public long samplesPerEpoch() {
      return (tokens - 1) / length;
    }
  }
}
