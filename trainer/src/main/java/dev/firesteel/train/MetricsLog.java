package dev.firesteel.train;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.firesteel.run.RunDirectory;
import dev.firesteel.run.RunWriter;
import dev.firesteel.run.StepRows;

/**
 * Writes {@code metrics.jsonl} and {@code samples.jsonl}. A number that is not finite, or not
 * there, has no key: JSON has none for it.
 *
 * <p>All is written by the thread of a {@link RunWriter}, which throws what fails and closes the
 * files.
 */
final class MetricsLog implements TrainingListener {
  private final RunWriter writer;
  private final String writingMetrics;
  private final String writingSamples;

  /** Both belong to the thread that writes. */
  private StepRows metrics;

  private StepRows samples;

  private MetricsLog(RunWriter writer, RunDirectory run) {
    this.writer = writer;
    this.writingMetrics = "writing " + run + "/" + RunDirectory.METRICS;
    this.writingSamples = "writing " + run + "/" + RunDirectory.SAMPLES;
  }

  /** Goes on after {@code step}; -1 before the first. */
  static MetricsLog open(RunWriter writer, RunDirectory run, long step) {
    MetricsLog log = new MetricsLog(writer, run);
    writer.atEnd(log::close);
    writer.submit(log.writingMetrics, () -> log.metrics = run.openRows(RunDirectory.METRICS, step));
    writer.submit(log.writingSamples, () -> log.samples = run.openRows(RunDirectory.SAMPLES, step));
    return log;
  }

  @Override
  public void onStep(StepMetrics step) {
    ObjectNode row = JsonNodeFactory.instance.objectNode();
    row.put("step", step.step());
    row.put("tokens", step.tokens());
    put(row, "loss", step.loss());
    put(row, "lr", step.learningRate());
    put(row, "grad_norm", step.gradientNorm());
    put(row, "tokens_per_second", rounded(step.tokensPerSecond()));
    put(row, "step_ms", rounded(step.stepMillis()));
    put(row, "allocated_bytes_per_step", Math.rint(step.allocatedBytesPerStep()));
    put(row, "gc_ms", rounded(step.gcMillis()));
    if (step.skipped()) {
      row.put("skipped", true);
    }
    if (step.evaluation() != null) {
      put(row, "val_loss", step.evaluation().loss());
      put(row, "val_bpb", step.evaluation().bitsPerByte());
    }
    writer.submit(writingMetrics, () -> metrics.append(row));
  }

  @Override
  public void onSample(long step, String text) {
    ObjectNode row = JsonNodeFactory.instance.objectNode().put("step", step).put("text", text);
    writer.submit(writingSamples, () -> samples.append(row));
  }

  /** Has all written to where a resumed run will find it, once the writer is idle. */
  void sync() {
    writer.submit(writingMetrics, () -> metrics.sync());
    writer.submit(writingSamples, () -> samples.sync());
  }

  @SuppressWarnings("try") // They are closed, both whatever becomes of the other.
  private void close() {
    try (StepRows first = metrics;
        StepRows second = samples) {
      // Nothing else is held.
    }
  }

  private static void put(ObjectNode row, String key, double value) {
    if (Double.isFinite(value)) {
      row.put(key, value);
    }
  }

  /** Times need no 17 digits. */
  private static double rounded(double value) {
    return Double.isFinite(value) ? Math.round(value * 1000) / 1000.0 : value;
  }
}
