package dev.firesteel.nn;

/** Elements {@code [begin, end)} of a {@link Segment}. */
public record SegmentRange(long begin, long end) {
  public SegmentRange {
    if (begin < 0 || end < begin) {
      throw new IllegalArgumentException(
          "a range must not end before it begins, got " + begin + " to " + end);
    }
  }

  /** The number of elements. */
  public long size() {
    return end - begin;
  }
}
