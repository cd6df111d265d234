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
 * One rank's moments: an optimizer's own or a copy.
 *
 * @param parameters parameters that they belong to
 * @param owned ranges of a segment that they cover, in order
 * @param memory memory that contains them
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

  /** The moments by their names in files. */
  Map<String, NdArray> moments() {
    Map<String, NdArray> moments = new LinkedHashMap<>();
    moments.put("first_moments", firstMoments);
    moments.put("second_moments", secondMoments);
    return moments;
  }
}
