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
 * Each is one array where that can hold all the numbers, and otherwise several.
 */
final class ElementwiseState implements AutoCloseable {
  private final ParameterSet parameters;
  private final List<Part> parts = new ArrayList<>();

  /** Runs and one array of each name for them. */
  private record Part(List<UpdateRun> runs, List<StateArray> arrays) {}

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
    for (List<UpdateRun> part : cut(runs, parameters.arrayLimit())) {
      List<StateArray> arrays = new ArrayList<>();
      for (String name : names) {
        arrays.add(zeros(name, parts.size() + 1, ranges(part)));
      }
      parts.add(new Part(part, arrays));
    }
  }

  /** As few parts as possible, at least one. */
  private static List<List<UpdateRun>> cut(List<UpdateRun> runs, long arrayLimit) {
    List<List<UpdateRun>> parts = new ArrayList<>();
    List<UpdateRun> part = new ArrayList<>();
    long size = 0;
    for (UpdateRun run : runs) {
      if (!part.isEmpty() && size + run.range().size() > arrayLimit) {
        parts.add(part);
        part = new ArrayList<>();
        size = 0;
      }
      part.add(run);
      size += run.range().size();
    }
    parts.add(part);
    return parts;
  }

  private StateArray zeros(String name, int part, List<SegmentRange> ranges) {
    Backend backend = parameters.backend();
    long size = ranges.stream().mapToLong(SegmentRange::size).sum();
    NdArray array =
        new NdArray(
            backend.allocate(parameters.weights().dtype(), size),
            0,
            Shape.of(Math.toIntExact(size)));
    backend.fill(array, 0);
    return new StateArray(name, part, ranges, false, array, backend);
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
    for (Part part : parts) {
      long at = 0;
      for (UpdateRun run : part.runs()) {
        int first = Math.toIntExact(at);
        int last = Math.toIntExact(at + run.range().size());
        update.apply(
            run,
            gradients.range(run.range().begin(), run.range().end()),
            parameters.weights().range(run.range().begin(), run.range().end()),
            part.arrays().stream()
                .map(each -> each.array().slice(first, last))
                .toArray(NdArray[]::new));
        at = last;
      }
    }
  }

  List<StateArray> arrays() {
    return parts.stream().flatMap(part -> part.arrays().stream()).toList();
  }

  @Override
  public void close() {
    arrays().forEach(each -> parameters.backend().free(each.array().storage()));
  }
}
