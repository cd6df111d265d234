package dev.firesteel.spark;

import dev.firesteel.train.RankStep;

/**
 * What a rank measured, on its way to the driver as a line of JSON.
 *
 * @param executor id that Spark gave the process, by which its logs are found in Spark's UI
 * @param measured by the rank
 */
record RankReport(String executor, RankStep measured) {
  String line() {
    return JsonLines.write(this);
  }

  static RankReport of(String line) {
    return JsonLines.read(line, RankReport.class, "a rank's report");
  }
}
