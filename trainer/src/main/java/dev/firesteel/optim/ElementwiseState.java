package dev.firesteel.optim;

import dev.firesteel.array.NdArray;
import dev.firesteel.array.Shape;
import dev.firesteel.backend.Backend;
import dev.firesteel.nn.ParameterSet;
import dev.firesteel.nn.Segment;
import dev.firesteel.nn.SegmentRange;
import java.util.ArrayList;
import java.util.List;

/**
 * Arrays with one number for each weight of some runs, initially 0, and the loop over these runs.
 */
final class ElementwiseState implements AutoCloseable {
  private final ParameterSet parameters;
  private final List<UpdateRun> runs;
  private final List<StateArray> arrays = new ArrayList<>();

  /** What an optimizer does with one run. */
  @FunctionalInterface
  interface Update {
    /**
     * Updates the weights and state of a run.
     *
     * @param state the run's part of each array, in the order of their names
     */
    void apply(UpdateRun run, NdArray gradients, NdArray weights, NdArray... state);
  }

  ElementwiseState(ParameterSet parameters, List<UpdateRun> runs, String... names) {
    this.parameters = parameters;
    this.runs = runs;
    Backend backend = parameters.backend();
    List<SegmentRange> ranges = ranges(runs);
    long size = ranges.stream().mapToLong(SegmentRange::size).sum();
    for (String name : names) {
      NdArray array =
          new NdArray(
              backend.allocate(parameters.weights().dtype(), size),
              0,
              Shape.of(Math.toIntExact(size)));
      backend.fill(array, 0);
      arrays.add(new StateArray(name, ranges, false, array, backend));
    }
  }

  private static List<SegmentRange> ranges(List<UpdateRun> runs) {
    List<SegmentRange> ranges = new ArrayList<>();
    for (UpdateRun run : runs) {
      int last = ranges.size() - 1;
      if (last >= 0 && ranges.get(last).end() == run.range().begin()) {
        ranges.set(last, new SegmentRange(ranges.get(last).begin(), run.range().end()));
      } else {
        ranges.add(run.range());
      }
    }
    return ranges;
  }

  /** Applies an update to all runs. */
  void update(Segment gradients, Update update) {
    long at = 0;
    for (UpdateRun run : runs) {
      int first = Math.toIntExact(at);
      int last = Math.toIntExact(at + run.range().size());
      update.apply(
          run,
          gradients.range(run.range().begin(), run.range().end()),
          parameters.weights().range(run.range().begin(), run.range().end()),
          arrays.stream().map(each -> each.array().slice(first, last)).toArray(NdArray[]::new));
      at = last;
    }
  }

  List<StateArray> arrays() {
    return List.copyOf(arrays);
  }

  @Override
  public void close() {
    arrays.forEach(each -> parameters.backend().free(each.array().storage()));
  }
}
