package dev.firesteel.checkpoint.state;

import dev.firesteel.array.ArrayMemory;
import dev.firesteel.array.NdArray;
import dev.firesteel.nn.ParameterSet;
import dev.firesteel.nn.SegmentRange;
import dev.firesteel.optim.AdamW;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * One rank's moments: those of an optimizer, or a copy of them.
 *
 * @param parameters that they belong to
 * @param owned the ranges of a segment that they are of, one after the other
 * @param memory in which they are
 */
record OptimizerState(
    ParameterSet parameters,
    List<SegmentRange> owned,
    NdArray firstMoments,
    NdArray secondMoments,
    ArrayMemory memory) {

  static OptimizerState of(AdamW optimizer) {
    return new OptimizerState(
        optimizer.parameters(),
        optimizer.owned(),
        optimizer.firstMoments(),
        optimizer.secondMoments(),
        optimizer.parameters().backend());
  }

  /** By their names in files. */
  Map<String, NdArray> moments() {
    Map<String, NdArray> moments = new LinkedHashMap<>();
    moments.put("first_moments", firstMoments);
    moments.put("second_moments", secondMoments);
    return moments;
  }
}
