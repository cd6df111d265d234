package dev.firesteel.spark.monitor;

import dev.firesteel.train.RankStep;

/**
 * What a rank measured, as it reports it to the driver.
 *
 * @param executor id that Spark gave the process, by which its logs are found in Spark's UI
 * @param measured by the rank
 */
public record RankReport(String executor, RankStep measured) {}
