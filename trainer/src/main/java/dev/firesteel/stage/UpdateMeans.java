package dev.firesteel.stage;

import dev.firesteel.loss.LossMetrics;
import dev.firesteel.metrics.Measure;
import dev.firesteel.metrics.Measures;
import dev.firesteel.metrics.Metric;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

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

  /** A metric of the last update that reported it; 0 if none did. */
  double last(Metric metric) {
    List<Double> all = values.getOrDefault(metric, List.of());
    return all.isEmpty() ? 0 : all.get(all.size() - 1);
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
      return numbers.stream().mapToDouble(Double::doubleValue).min().orElseThrow();
    }
    if (metric.equals(LossMetrics.RATIO_MAX)) {
      return numbers.stream().mapToDouble(Double::doubleValue).max().orElseThrow();
    }
    double sum = 0;
    for (double number : numbers) {
      sum += number;
    }
    return sum / numbers.size();
  }
}
