package dev.firesteel.spark;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.firesteel.train.RankStep;

/**
 * What a rank measured, on its way to the driver as a line of JSON.
 *
 * @param executor id that Spark gave the process, by which its logs are found in Spark's UI
 * @param measured by the rank
 */
record RankReport(String executor, RankStep measured) {
  private static final ObjectMapper JSON = new ObjectMapper();

  String line() {
    try {
      return JSON.writeValueAsString(this);
    } catch (JsonProcessingException e) {
      throw new AssertionError("records of plain values can be written", e);
    }
  }

  static RankReport of(String line) {
    try {
      return JSON.readValue(line, RankReport.class);
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException("not a rank's report: " + line, e);
    }
  }
}
