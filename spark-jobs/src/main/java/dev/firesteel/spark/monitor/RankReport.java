package dev.firesteel.spark.monitor;

import dev.firesteel.train.RankStep;

/**
 * A rank's measurements, as reported to the driver.
 *
 * @param executor Spark's executor id of the process, for finding its logs in Spark's UI
 * @param measured measurements of the rank
 */
public record RankReport(String executor, RankStep measured) {}
