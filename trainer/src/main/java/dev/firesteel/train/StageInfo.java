package dev.firesteel.train;

import dev.firesteel.metrics.Headline;
import dev.firesteel.metrics.Metric;
import java.util.List;

/**
 * The fixed properties of a stage.
 *
 * @param name name of the stage, such as {@code pretrain}
 * @param data opened data that it trains on
 * @param metrics metrics that its steps and evaluations report, in order
 * @param headline metric of an evaluation by which it compares models
 */
public record StageInfo(String name, StageData data, List<Metric> metrics, Headline headline) {
  public StageInfo {
    metrics = List.copyOf(metrics);
  }
}
