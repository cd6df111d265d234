package dev.firesteel.train;

import dev.firesteel.metrics.Headline;
import dev.firesteel.metrics.Metric;
import java.util.List;

/**
 * What a stage is, from the first step to the last.
 *
 * @param name of the stage, such as {@code pretrain}
 * @param data that it trains on, opened
 * @param metrics that its steps and evaluations report, in order
 * @param headline number of an evaluation that it is judged by
 */
public record StageInfo(String name, StageData data, List<Metric> metrics, Headline headline) {
  public StageInfo {
    metrics = List.copyOf(metrics);
  }
}
