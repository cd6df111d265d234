package dev.firesteel.optim;

import dev.firesteel.array.NdArray;
import dev.firesteel.array.Shape;
import dev.firesteel.backend.Backend;
import dev.firesteel.backend.ReductionKernels;
import dev.firesteel.nn.Segment;
import dev.firesteel.nn.SegmentRange;

/**
 * The sums of squares of a segment's blocks of {@value ReductionKernels#BLOCK} elements, counted
 * from its start: the same bits however the segment is cut into arrays.
 */
final class SumsOfSquares {
  private SumsOfSquares() {}

  /**
   * Writes the sum of each block i of a range to {@code sums[i]}.
   *
   * @param range begins with a block, and ends with one or with the segment
   */
  static void of(Segment segment, SegmentRange range, double[] sums) {
    long at = range.begin();
    for (SegmentRange piece : segment.parameters().pieces(range)) {
      if (at >= piece.end()) {
        continue;
      }
      long whole =
          piece.end() == range.end()
              ? piece.end()
              : piece.end() / ReductionKernels.BLOCK * ReductionKernels.BLOCK;
      if (at < whole) {
        sum(segment, segment.range(at, whole), sums, at);
        at = whole;
      }
      if (at < piece.end()) {
        long end = Math.min(at + ReductionKernels.BLOCK, range.end());
        sumOfSeveralArrays(segment, new SegmentRange(at, end), sums);
        at = end;
      }
    }
  }

  private static void sum(Segment segment, NdArray elements, double[] sums, long first) {
    segment
        .parameters()
        .backend()
        .reductions()
        .sumsOfSquares(elements, sums, Math.toIntExact(first / ReductionKernels.BLOCK));
  }

  /** A block that begins in one array and ends in another, copied into one. */
  private static void sumOfSeveralArrays(Segment segment, SegmentRange block, double[] sums) {
    Backend backend = segment.parameters().backend();
    int size = Math.toIntExact(block.size());
    NdArray copy = new NdArray(backend.allocate(segment.dtype(), size), 0, Shape.of(size));
    for (SegmentRange piece : segment.parameters().pieces(block)) {
      backend
          .elementwise()
          .copy(
              segment.range(piece.begin(), piece.end()),
              copy.slice(
                  (int) (piece.begin() - block.begin()), (int) (piece.end() - block.begin())));
    }
    sum(segment, copy, sums, block.begin());
    backend.free(copy.storage());
  }
}
