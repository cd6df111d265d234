package dev.firesteel.optim;

import dev.firesteel.array.ArrayMemory;
import dev.firesteel.array.NdArray;
import dev.firesteel.nn.SegmentRange;
import java.util.List;

/**
 * One array of an optimizer's state, or this rank's part of it.
 *
 * @param name such as {@code first_moments}: the tensor in a checkpoint
 * @param ranges the elements that {@code array} holds, concatenated, of all ranks' elements
 *     together: for a state with one number per weight, ranges of a segment
 * @param replicated whether every rank holds all elements, so that one of them saves them
 * @param array one-dimensional
 * @param memory memory that contains the array
 */
public record StateArray(
    String name, List<SegmentRange> ranges, boolean replicated, NdArray array, ArrayMemory memory) {
  public StateArray {
    ranges = List.copyOf(ranges);
  }

  /** The same part of the state in another array. */
  public StateArray with(NdArray copy, ArrayMemory in) {
    return new StateArray(name, ranges, replicated, copy, in);
  }
}
