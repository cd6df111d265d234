package dev.firesteel.train;

import dev.firesteel.metrics.Headline;
import dev.firesteel.metrics.Metric;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * The fixed properties of a stage.
 *
 * @param name name of the stage, such as {@code pretrain}
 * @param data opened data that it trains on
 * @param metrics metrics that its steps and evaluations report, in order
 * @param headline metric of an evaluation by which it compares models
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
