package dev.firesteel.stage;

import dev.firesteel.loss.LossMetrics;
import dev.firesteel.metrics.Measure;
import dev.firesteel.metrics.Measures;
import dev.firesteel.metrics.Metric;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.DoubleStream;

/** What the updates of a step report: means over the updates, and extremes of extremes. */
final class UpdateMeans {
  private final Map<Metric, List<Double>> values = new LinkedHashMap<>();
  private boolean lastSkipped;

  /** Adds the measures of an update. */
  void add(Measures measures, boolean skipped) {
    lastSkipped = skipped;
    for (Measure measure : measures) {
      values.computeIfAbsent(measure.metric(), key -> new ArrayList<>()).add(measure.value());
    }
  }

  /** Whether the update added last was skipped. */
  boolean lastSkipped() {
    return lastSkipped;
  }

  /** The measures of the step. */
  Measures measures() {
    Measures measures = Measures.none();
    for (Map.Entry<Metric, List<Double>> entry : values.entrySet()) {
      measures = measures.with(entry.getKey(), combined(entry.getKey(), entry.getValue()));
    }
    return measures;
  }

  private static double combined(Metric metric, List<Double> numbers) {
    if (metric.equals(LossMetrics.RATIO_MIN)) {
      return ofSome(numbers).min().orElse(Double.NaN);
    }
    if (metric.equals(LossMetrics.RATIO_MAX)) {
      return ofSome(numbers).max().orElse(Double.NaN);
    }
    double sum = 0;
    for (double number : numbers) {
      sum += number;
    }
    return sum / numbers.size();
  }

  /** Without the extremes of minibatches that had nothing in their loss. */
  private static DoubleStream ofSome(List<Double> numbers) {
    return numbers.stream()
        .mapToDouble(Double::doubleValue)
        .filter(number -> !Double.isNaN(number));
  }
}
