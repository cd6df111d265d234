package dev.firesteel.train;

import dev.firesteel.metrics.Headline;
import dev.firesteel.metrics.Metric;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * What a stage is, from the first step to the last.
 *
 * @param name of the stage, such as {@code pretrain}
 * @param data that it trains on, opened
 * @param metrics that its steps and evaluations report, in order
 * @param headline number of an evaluation that it is judged by
 */
public record StageInfo(String name, StageData data, List<Metric> metrics, Headline headline) {
  /** Keys of {@code metrics.jsonl} that are no metrics. */
  private static final Set<String> RESERVED = Set.of("step", "tokens", "skipped");

  /**
   * Checks the metrics.
   *
   * @throws IllegalArgumentException if two have one key, or one has the key of something else
   */
  public StageInfo {
    metrics = List.copyOf(metrics);
    Set<String> keys = new HashSet<>(RESERVED);
    for (Metric metric : metrics) {
      if (!keys.add(metric.key())) {
        throw new IllegalArgumentException(
            "each metric of the stage %s must have a key of its own, got %s twice, or it is one of %s"
                .formatted(name, metric.key(), RESERVED));
      }
    }
  }
}
