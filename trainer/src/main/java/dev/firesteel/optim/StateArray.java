package dev.firesteel.optim;

import dev.firesteel.array.ArrayMemory;
import dev.firesteel.array.NdArray;
import dev.firesteel.nn.SegmentRange;
import java.util.List;

/**
 * One array of an optimizer's state, or this rank's part of it.
 *
 * @param name such as {@code first_moments}
 * @param part number, from 1, among the arrays of this name, of which there are several where one
 *     cannot hold all elements
 * @param ranges the elements that {@code array} holds, concatenated, of all ranks' elements
 *     together: for a state with one number per weight, ranges of a segment
 * @param replicated whether every rank holds all elements, so that one of them saves them
 * @param array one-dimensional
 * @param memory memory that contains the array
 */
public record StateArray(
    String name,
    int part,
    List<SegmentRange> ranges,
    boolean replicated,
    NdArray array,
    ArrayMemory memory) {
  public StateArray {
    ranges = List.copyOf(ranges);
  }

  /** The name of the tensor in a checkpoint: {@code first_moments}, {@code first_moments.2}. */
  public String tensor() {
    return part == 1 ? name : name + "." + part;
  }

  /** The name of the array that a tensor of a checkpoint is a part of. */
  public static String nameOf(String tensor) {
    return tensor.replaceFirst("\\.\\d+$", "");
  }

  /** The same part of the state in another array. */
  public StateArray with(NdArray copy, ArrayMemory in) {
    return new StateArray(name, part, ranges, replicated, copy, in);
  }
}
