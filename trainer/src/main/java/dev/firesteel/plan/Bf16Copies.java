package dev.firesteel.plan;

import dev.firesteel.array.NdArray;
import dev.firesteel.array.Storage;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The native memory of bf16 products: a copy of each operand, kept while the operand lives, in
 * blocks that are kept for the next step. Follows the rules of {@code backend.cpu}'s own copies
 * without making any.
 */
final class Bf16Copies {
  private static final int PADDING = 32;
  private static final int SIZES_TO_AN_OCTAVE = 8;
  private static final long SMALLEST = 4096;

  private final List<Copy> copies = new ArrayList<>();
  private final Map<Long, Integer> free = new HashMap<>();
  private long lentBytes;
  private long peakLentBytes;
  private long freeBytes;
  private long peakBytes;

  private static final class Copy {
    private final Storage storage;
    private final long version;
    private final long offset;
    private final long size;
    private final long block;

    Copy(NdArray of, long block) {
      storage = of.storage();
      version = storage.version();
      offset = of.offset();
      size = of.size();
      this.block = block;
    }

    boolean isOf(NdArray array) {
      return array.storage() == storage && array.offset() == offset && array.size() == size;
    }

    boolean isGood() {
      return storage.version() == version;
    }
  }

  void need(NdArray operand) {
    if (copies.stream().anyMatch(copy -> copy.isGood() && copy.isOf(operand))) {
      return;
    }
    copies.removeIf(
        copy -> {
          if (!copy.isGood()) {
            giveBack(copy.block);
          }
          return !copy.isGood();
        });
    copies.add(new Copy(operand, take((operand.size() + PADDING) * Short.BYTES)));
  }

  private long take(long bytes) {
    long block = sizeClass(bytes);
    if (free.merge(block, -1, Integer::sum) < 0) {
      free.remove(block);
    } else {
      freeBytes -= block;
    }
    lentBytes += block;
    peakLentBytes = Math.max(peakLentBytes, lentBytes);
    peakBytes = Math.max(peakBytes, lentBytes + freeBytes);
    return block;
  }

  private void giveBack(long block) {
    lentBytes -= block;
    if (freeBytes + block <= peakLentBytes) {
      free.merge(block, 1, Integer::sum);
      freeBytes += block;
    }
  }

  /** The most bytes held, lent or free. */
  long peakBytes() {
    return peakBytes;
  }

  private static long sizeClass(long bytes) {
    if (bytes <= SMALLEST) {
      return SMALLEST;
    }
    long step = Math.max(1, Long.highestOneBit(bytes - 1) / SIZES_TO_AN_OCTAVE);
    return (bytes + step - 1) / step * step;
  }
}
