package dev.firesteel.train;

import com.fasterxml.jackson.databind.JsonNode;
import dev.firesteel.run.RunDirectory;
import dev.firesteel.run.RunWriter;
import dev.firesteel.run.StepRows;
import java.awt.AWTError;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.knowm.xchart.XYChart;

/**
 * {@code report.html} of a run, one file that needs no other: the facts, the loss and other curves,
 * the last texts and the configuration; and the loss curve as {@code loss.svg} and {@code
 * loss.png}. Made of the run directory's other files, so it can be made again at any time.
 */
public final class RunReport {
  public static final String FILE_NAME = "report.html";
  private static final int SAMPLES = 3;

  private RunReport() {}

  /** Writes the report of a run, over an earlier one. */
  public static void write(RunDirectory run) {
    List<JsonNode> metrics = rows(run, RunDirectory.METRICS);
    RunCharts charts = new RunCharts(metrics);
    XYChart loss = charts.loss();
    if (!loss.getSeriesMap().isEmpty()) {
      run.replace("loss.svg", bytes(RunCharts.svg(loss)));
      run.replace("loss.png", RunCharts.png(loss));
    }
    StringBuilder page = new StringBuilder();
    String title = escape(run.path().getName());
    page.append(
        """
        <!DOCTYPE html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <title>%s</title>
        <style>
        body { font: 15px/1.5 sans-serif; max-width: 780px; margin: 2em auto; padding: 0 1em; color: #222; }
        h1 { font-size: 1.5em; } h2 { font-size: 1.15em; margin-top: 2em; }
        table { border-collapse: collapse; } th { text-align: left; padding-right: 1.5em; font-weight: normal; color: #666; vertical-align: top; }
        pre { background: #f6f6f6; padding: 1em; overflow-x: auto; white-space: pre-wrap; }
        img { width: 100%%; height: auto; }
        </style>
        </head>
        <body>
        <h1>%s</h1>
        """
            .formatted(title, title));
    facts(page, metrics, run.run().path("sessions"));
    for (XYChart chart :
        List.of(loss, charts.learningRate(), charts.gradientNorm(), charts.throughput())) {
      if (!chart.getSeriesMap().isEmpty()) {
        // As images, since ids within one chart would be taken for those of another.
        page.append("<img alt=\"")
            .append(escape(chart.getTitle()))
            .append("\" src=\"data:image/svg+xml;base64,")
            .append(Base64.getEncoder().encodeToString(bytes(RunCharts.svg(chart))))
            .append("\">\n");
      }
    }
    List<JsonNode> samples = rows(run, RunDirectory.SAMPLES);
    for (JsonNode sample : samples.subList(Math.max(0, samples.size() - SAMPLES), samples.size())) {
      page.append("<h2>Sample at step ")
          .append(sample.get("step").asLong())
          .append("</h2>\n<pre>")
          .append(escape(sample.path("text").asText()))
          .append("</pre>\n");
    }
    run.read(RunDirectory.CONFIG)
        .ifPresent(
            yaml ->
                page.append("<h2>Configuration</h2>\n<pre>")
                    .append(escape(new String(yaml, StandardCharsets.UTF_8)))
                    .append("</pre>\n"));
    page.append("</body>\n</html>\n");
    run.replace(FILE_NAME, bytes(page.toString()));
  }

  /**
   * A listener that writes the report when the run has ended. A machine that cannot draw (no fonts)
   * or a file system that hangs costs the report, and a notice, but not a run that is done.
   *
   * @param limit after which the report is given up ({@code checkpoint.timeout_seconds})
   */
  public static TrainingListener atEndOf(
      RunDirectory run, TrainingListener notices, Duration limit) {
    return new TrainingListener() {
      @Override
      public void onEnd(TrainingOutcome outcome, long step) {
        try (RunWriter writer = new RunWriter(limit)) {
          writer.submit("writing the report", () -> write(run));
          writer.finish();
        } catch (RuntimeException | LinkageError | InternalError | AWTError e) {
          notices.onNotice("The report of " + run + " was not written: " + e);
        }
      }
    };
  }

  private static void facts(StringBuilder page, List<JsonNode> metrics, JsonNode sessions) {
    Map<String, String> facts = new LinkedHashMap<>();
    if (!metrics.isEmpty()) {
      JsonNode last = metrics.get(metrics.size() - 1);
      facts.put("Steps", String.format(Locale.ROOT, "%,d", last.path("step").asLong()));
      facts.put("Tokens", String.format(Locale.ROOT, "%,d", last.path("tokens").asLong()));
    }
    metrics.stream()
        .filter(row -> row.has("val_loss"))
        .reduce((earlier, later) -> later)
        .ifPresent(
            row ->
                facts.put(
                    "Validation loss",
                    String.format(
                        Locale.ROOT,
                        "%.4f nats per token, %.4f bits per byte, at step %,d",
                        row.get("val_loss").asDouble(),
                        row.get("val_bpb").asDouble(),
                        row.get("step").asLong())));
    metrics.stream()
        .filter(row -> row.has("allocated_bytes_per_step"))
        .reduce((earlier, later) -> later)
        .ifPresent(
            row ->
                facts.put(
                    "Java heap, a step",
                    String.format(
                        Locale.ROOT,
                        "%,.0f bytes allocated, %.1f ms of collecting garbage, at step %,d",
                        row.get("allocated_bytes_per_step").asDouble(),
                        row.path("gc_ms").asDouble(),
                        row.get("step").asLong())));
    if (!sessions.isEmpty()) {
      JsonNode last = sessions.get(sessions.size() - 1);
      facts.put("Sessions", Integer.toString(sessions.size()));
      facts.put("Started", sessions.get(0).path("started").asText());
      facts.put("Host", last.path("host").asText() + ", " + last.path("os").asText());
      facts.put("Java", last.path("java").asText());
      facts.put("Firesteel", last.path("firesteel").asText());
      facts.put("Backend", last.path("backend").asText());
      facts.put("Seed", last.path("seed").asText());
      facts.put("Configuration, SHA-256", last.path("config_sha256").asText());
      facts.put("Data, SHA-256", last.path("data_sha256").asText());
      facts.put("Tokenizer, SHA-256", last.path("tokenizer_sha256").asText());
    }
    page.append("<table>\n");
    facts.forEach(
        (name, value) ->
            page.append("<tr><th>")
                .append(escape(name))
                .append("</th><td>")
                .append(escape(value))
                .append("</td></tr>\n"));
    page.append("</table>\n");
  }

  private static List<JsonNode> rows(RunDirectory run, String name) {
    return run.read(name)
        .map(content -> StepRows.parse(content, run.path() + "/" + name))
        .orElse(List.of());
  }

  private static String escape(String text) {
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;");
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }
}
