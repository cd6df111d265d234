package dev.firesteel.train;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.firesteel.metrics.Measure;
import dev.firesteel.metrics.Measures;
import dev.firesteel.run.RunDirectory;
import dev.firesteel.run.RunWriter;
import dev.firesteel.run.StepRows;

/**
 * Writes {@code metrics.jsonl} and {@code samples.jsonl}. A number that is missing or not finite is
 * omitted, because JSON cannot represent it.
 *
 * <p>Everything is written by the thread of a {@link RunWriter}, which reports failures and closes
 * the files.
 */
final class MetricsLog {
  private final RunWriter writer;
  private final String writingMetrics;
  private final String writingSamples;

  /** Both are used by the writer thread only. */
  private StepRows metrics;

  private StepRows samples;

  private MetricsLog(RunWriter writer, RunDirectory run) {
    this.writer = writer;
    this.writingMetrics = "writing " + run + "/" + RunDirectory.METRICS;
    this.writingSamples = "writing " + run + "/" + RunDirectory.SAMPLES;
  }

  /** Continues after {@code step}; -1 to start from the beginning. */
  static MetricsLog open(RunWriter writer, RunDirectory run, long step) {
    MetricsLog log = new MetricsLog(writer, run);
    writer.atEnd(log::close);
    writer.submit(log.writingMetrics, () -> log.metrics = run.openRows(RunDirectory.METRICS, step));
    writer.submit(log.writingSamples, () -> log.samples = run.openRows(RunDirectory.SAMPLES, step));
    return log;
  }

  /** Adds a row to {@code metrics.jsonl}. */
  void step(TrainingEvent.StepLogged step) {
    ObjectNode row = JsonNodeFactory.instance.objectNode();
    row.put("step", step.step());
    row.put("tokens", step.tokens());
    put(row, step.training());
    if (step.skipped()) {
      row.put("skipped", true);
    }
    put(row, step.evaluation());
    writer.submit(writingMetrics, () -> metrics.append(row));
  }

  /** Adds a row to {@code samples.jsonl}. */
  void sample(long step, String text) {
    ObjectNode row = JsonNodeFactory.instance.objectNode().put("step", step).put("text", text);
    writer.submit(writingSamples, () -> samples.append(row));
  }

  /** Flushes all rows to where a resumed run finds them, once the writer is idle. */
  void sync() {
    writer.submit(writingMetrics, () -> metrics.sync());
    writer.submit(writingSamples, () -> samples.sync());
  }

  @SuppressWarnings("try") // Both are closed, even if closing one fails.
  private void close() {
    try (StepRows first = metrics;
        StepRows second = samples) {
      // No other resources are held.
    }
  }

  private static void put(ObjectNode row, Measures measures) {
    for (Measure measure : measures) {
      double value = measure.metric().unit().rounded(measure.value());
      if (Double.isFinite(value)) {
        row.put(measure.metric().key(), value);
      }
    }
  }
}
