package dev.firesteel.optim;

import dev.firesteel.config.OptimizerConfig;
import dev.firesteel.config.ParameterGroup;
import dev.firesteel.error.UserException;
import dev.firesteel.nn.Parameter;
import dev.firesteel.nn.ParameterSet;
import dev.firesteel.nn.SegmentRange;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;

/**
 * The learning rate and weight decay of each parameter. By default all have the same learning rate,
 * and weight decay applies to parameters of rank 2 and higher, embeddings included, not to norm
 * weights and biases; {@code optimizer.groups} changes both by name.
 */
final class ParameterGroups {
  private final ParameterSet parameters;
  private final OptimizerConfig config;
  private final List<ParameterGroup> groups;

  /**
   * The groups of a configuration.
   *
   * @throws UserException if a pattern matches no parameter
   */
  ParameterGroups(OptimizerConfig config, ParameterSet parameters) {
    this.config = config;
    this.parameters = parameters;
    groups = config.parameterGroups();
    List<String> names = parameters.trained().stream().map(Parameter::name).toList();
    for (int i = 0; i < groups.size(); i++) {
      if (names.stream().noneMatch(groups.get(i)::matches)) {
        throw UserException.usage(
            "optimizer.groups[%d] must match the name of a parameter, got \"%s\": the names are %s"
                .formatted(i, groups.get(i).text(), String.join(", ", names)));
      }
    }
  }

  /** How a parameter is updated, over its elements with the padding that follows them. */
  UpdateRun of(Parameter parameter) {
    int next = parameter.index() + 1;
    long end =
        next < parameters.trained().size()
            ? parameters.trained().get(next).offset()
            : parameters.trainedSize();
    SegmentRange range = new SegmentRange(parameter.offset(), end);
    double decay = parameter.decayed() ? config.weightDecay() : 0;
    for (ParameterGroup group : groups) {
      if (group.matches(parameter.name())) {
        return new UpdateRun(
            range,
            group.learningRateFactor(),
            group.weightDecay() == null ? decay : group.weightDecay());
      }
    }
    return new UpdateRun(range, 1, decay);
  }

  /**
   * The weights of some parameters in some ranges, in their order, in as few runs as possible, each
   * in one array of a segment.
   *
   * @param owned in order, none overlapping another
   */
  List<UpdateRun> runs(List<SegmentRange> owned, Predicate<Parameter> included) {
    List<UpdateRun> runs = new ArrayList<>();
    for (Parameter parameter : parameters.trained()) {
      if (!included.test(parameter)) {
        continue;
      }
      UpdateRun whole = of(parameter);
      for (SegmentRange range : owned) {
        long begin = Math.max(range.begin(), whole.range().begin());
        long end = Math.min(range.end(), whole.range().end());
        if (begin < end) {
          add(
              runs,
              new UpdateRun(
                  new SegmentRange(begin, end), whole.learningRateFactor(), whole.weightDecay()));
        }
      }
    }
    return runs;
  }

  private void add(List<UpdateRun> runs, UpdateRun next) {
    int last = runs.size() - 1;
    if (last >= 0 && runs.get(last).isContinuedBy(next)) {
      UpdateRun both = runs.get(last).until(next.range().end());
      if (parameters.pieces(both.range()).size() > 1) {
        runs.add(next);
      } else {
        runs.set(last, both);
      }
    } else {
      runs.add(next);
    }
  }
}
