package dev.firesteel.train;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.firesteel.checkpoint.RunDirectory;
import dev.firesteel.checkpoint.StepRows;

/**
 * Writes {@code metrics.jsonl} and {@code samples.jsonl}. A number that is not finite, or not
 * there, has no key: JSON has none for it.
 */
final class MetricsLog implements TrainingListener, AutoCloseable {
  private final StepRows metrics;
  private final StepRows samples;

  private MetricsLog(StepRows metrics, StepRows samples) {
    this.metrics = metrics;
    this.samples = samples;
  }

  /** Goes on after {@code step}; -1 before the first. */
  static MetricsLog open(RunDirectory run, long step) {
    return new MetricsLog(
        run.openRows(RunDirectory.METRICS, step), run.openRows(RunDirectory.SAMPLES, step));
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
    if (step.skipped()) {
      row.put("skipped", true);
    }
    if (step.evaluation() != null) {
      put(row, "val_loss", step.evaluation().loss());
      put(row, "val_bpb", step.evaluation().bitsPerByte());
    }
    metrics.append(row);
  }

  @Override
  public void onSample(long step, String text) {
    samples.append(JsonNodeFactory.instance.objectNode().put("step", step).put("text", text));
  }

  /** Returns when all is where a resumed run will find it. */
  void sync() {
    metrics.sync();
    samples.sync();
  }

  @Override
  @SuppressWarnings("try") // They are closed, both whatever becomes of the other.
  public void close() {
    try (metrics;
        samples) {
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
