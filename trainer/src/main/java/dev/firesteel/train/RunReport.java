package dev.firesteel.train;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import dev.firesteel.chart.CalibrationChart;
import dev.firesteel.chart.Curve.Point;
import dev.firesteel.chart.LineChart;
import dev.firesteel.chart.PngImage;
import dev.firesteel.chart.Theme;
import dev.firesteel.checkpoint.CheckpointManifest;
import dev.firesteel.config.ConfigLoader;
import dev.firesteel.config.TrainingConfig;
import dev.firesteel.error.UserException;
import dev.firesteel.metrics.Metric;
import dev.firesteel.metrics.Metrics;
import dev.firesteel.run.RunDirectory;
import dev.firesteel.run.RunWriter;
import dev.firesteel.run.StepRows;
import dev.firesteel.train.HtmlPage.Cell;
import dev.firesteel.train.HtmlPage.Fact;
import java.awt.AWTError;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;

/**
 * Writes a run's {@code report.html}, a self-contained file with the run's key facts, the curves of
 * all metrics in {@code metrics.jsonl}, the {@linkplain RunDiagnosis diagnosis}, samples over the
 * steps and the configuration; and the chart of the stage's headline as {@code loss.svg} and {@code
 * loss.png}. Labels and units are those declared in {@code run.json}. It is generated from the
 * other files of the run directory, so it can be regenerated at any time.
 */
public final class RunReport {
  public static final String FILE_NAME = "report.html";

  /** The chart of the stage's headline. */
  public static final String CHART = "loss.svg";

  /**
   * Bins of a reward model's last evaluation: {@code {"bins": [{pairs, confidence, accuracy}]}}.
   */
  public static final String CALIBRATION = "calibration.json";

  /** Between the answers of one sample. */
  public static final String SAMPLE_SEPARATOR = "\n---\n";

  private static final int SAMPLES = 4;
  private static final int PNG_SCALE = 2;

  /** Numbers of a row that are not metrics. */
  private static final Set<String> COUNTS = Set.of("step", "tokens");

  private RunReport() {}

  /**
   * Writes the report of a run, replacing an earlier one.
   *
   * @return why {@code loss.png} could not be drawn; empty if it was. It is drawn last because it
   *     needs fonts
   */
  public static Optional<String> write(RunDirectory run) {
    JsonNode facts = run.run();
    List<JsonNode> rows = rows(run, RunDirectory.METRICS);
    Map<String, Metric> metrics = metrics(rows, facts);
    String headline = headline(metrics, facts);
    List<LineChart> charts = LineChart.of(series(rows, metrics), headline);
    run.replace(FILE_NAME, page(run, facts, rows, metrics, charts));
    Optional<String> svg =
        charts.stream()
            .filter(chart -> chart.has(headline))
            .findFirst()
            .map(chart -> chart.file(Theme.PAPER));
    if (svg.isEmpty()) {
      return Optional.empty();
    }
    run.replace(CHART, bytes(svg.get()));
    byte[] png;
    try {
      png = PngImage.of(svg.get(), PNG_SCALE);
    } catch (RuntimeException | LinkageError | InternalError | AWTError e) { // No fonts, no AWT.
      return Optional.of(e.toString());
    }
    run.replace("loss.png", png);
    return Optional.empty();
  }

  /**
   * The metrics with a value in any row, in order of first appearance.
   *
   * @param facts {@code run.json}, which declares them
   */
  public static Map<String, Metric> metrics(List<JsonNode> rows, JsonNode facts) {
    Map<String, Metric> declared = new HashMap<>();
    for (JsonNode metric : facts.path("metrics")) {
      try {
        declared.put(
            metric.path("key").asText(), CheckpointManifest.JSON.treeToValue(metric, Metric.class));
      } catch (JsonProcessingException e) {
        // Declared by a later version: shown by its key alone.
      }
    }
    Map<String, Metric> metrics = new LinkedHashMap<>();
    for (JsonNode row : rows) {
      for (Map.Entry<String, JsonNode> field : row.properties()) {
        String key = field.getKey();
        if (field.getValue().isNumber() && !COUNTS.contains(key)) {
          metrics.computeIfAbsent(
              key, same -> declared.containsKey(key) ? declared.get(key) : Metrics.of(key));
        }
      }
    }
    return metrics;
  }

  private static String headline(Map<String, Metric> metrics, JsonNode facts) {
    return Stream.of(
            facts.at("/headline/metric/key").asText(),
            Metrics.VALIDATION_LOSS.key(),
            Metrics.LOSS.key())
        .filter(metrics::containsKey)
        .findFirst()
        .orElse("");
  }

  private static List<LineChart.Series> series(List<JsonNode> rows, Map<String, Metric> metrics) {
    Map<String, List<Point>> points = new HashMap<>();
    for (JsonNode row : rows) {
      long step = row.path("step").asLong();
      for (String key : metrics.keySet()) {
        if (row.path(key).isNumber()) {
          points
              .computeIfAbsent(key, same -> new ArrayList<>())
              .add(new Point(step, row.get(key).asDouble()));
        }
      }
    }
    return metrics.entrySet().stream()
        .map(metric -> new LineChart.Series(metric.getValue(), points.get(metric.getKey())))
        .toList();
  }

  private static byte[] page(
      RunDirectory run,
      JsonNode facts,
      List<JsonNode> rows,
      Map<String, Metric> metrics,
      List<LineChart> charts) {
    HtmlPage page = new HtmlPage(run.path().getName());
    diagnosis(page, RunDiagnosis.of(rows));
    page.heading("Numbers");
    page.facts(facts(rows, metrics, facts.path("sessions")));
    finalLoss(run, rows).ifPresent(page::paragraph);
    charts.forEach(chart -> page.chart(chart.html(Theme.PAPER)));
    calibration(run).ifPresent(chart -> page.chart(chart.html(Theme.PAPER)));
    samples(page, rows(run, RunDirectory.SAMPLES));
    run.read(RunDirectory.CONFIG)
        .ifPresent(
            yaml ->
                page.heading("Configuration").verbatim(new String(yaml, StandardCharsets.UTF_8)));
    return page.bytes();
  }

  /** Where the validation loss of a run that has not ended is heading. */
  private static Optional<String> finalLoss(RunDirectory run, List<JsonNode> rows) {
    Optional<TrainingConfig> training;
    try {
      training =
          run.read(RunDirectory.CONFIG)
              .flatMap(
                  yaml ->
                      ConfigLoader.parseSection(
                          TrainingConfig.class,
                          "training",
                          new String(yaml, StandardCharsets.UTF_8),
                          RunDirectory.CONFIG));
    } catch (UserException e) { // Of another version: the report shows it as it is.
      return Optional.empty();
    }
    return training
        .flatMap(config -> FinalLoss.of(rows, config.steps()))
        .map(
            loss ->
                "Expected validation loss at the end: "
                    + loss
                    + ". As long as the learning rate is still to decay, this is an upper bound.");
  }

  /** What the numbers say, the worst first, in full where it is not good. */
  private static void diagnosis(HtmlPage page, List<RunDiagnosis.Finding> findings) {
    if (findings.isEmpty()) {
      return;
    }
    page.heading("Diagnosis");
    List<List<Cell>> good = new ArrayList<>();
    for (RunDiagnosis.Finding finding : findings) {
      if (finding.severity() == RunDiagnosis.Severity.GOOD) {
        good.add(
            List.of(
                Cell.text(finding.title()),
                Cell.text(finding.found()),
                Cell.text(finding.healthy() + " (" + finding.source() + ")")));
        continue;
      }
      String severity = finding.severity().name().toLowerCase(Locale.ROOT);
      page.box(
          severity,
          capitalized(severity) + ": " + finding.title(),
          List.of(
              capitalized(finding.found()) + ".",
              "Healthy: %s (%s).".formatted(finding.healthy(), finding.source()),
              finding.advice()));
    }
    if (!good.isEmpty()) {
      page.table(List.of("healthy", "found", "range"), good);
    }
  }

  /** The last calibration of a reward model. */
  private static Optional<CalibrationChart> calibration(RunDirectory run) {
    List<CalibrationChart.Bin> bins = new ArrayList<>();
    Optional<byte[]> json = run.read(CALIBRATION);
    if (json.isPresent()) {
      try {
        for (JsonNode bin : CheckpointManifest.JSON.readTree(json.get()).path("bins")) {
          if (bin.path("pairs").asLong() > 0) {
            bins.add(
                new CalibrationChart.Bin(
                    bin.path("pairs").asLong(),
                    bin.path("confidence").asDouble(),
                    bin.path("accuracy").asDouble()));
          }
        }
      } catch (IOException e) {
        throw UserException.failure(
            "%s/%s must be JSON as Firesteel writes it, got something else: delete it"
                .formatted(run, CALIBRATION),
            e);
      }
    }
    return bins.isEmpty()
        ? Optional.empty()
        : Optional.of(new CalibrationChart("Calibration on held-out pairs", bins));
  }

  /**
   * The text of samples beside each other, from the first to the last. Answers to several prompts
   * are a row each, if all samples have as many.
   */
  private static void samples(HtmlPage page, List<JsonNode> samples) {
    if (samples.isEmpty()) {
      return;
    }
    List<JsonNode> shown = spread(samples);
    page.heading(
        shown.size() == 1
            ? "Sample at step " + shown.get(0).get("step").asLong()
            : "Samples at the same prompts");
    List<List<String>> parts =
        shown.stream()
            .map(sample -> List.of(sample.path("text").asText().split(SAMPLE_SEPARATOR, -1)))
            .toList();
    if (shown.size() == 1) {
      parts.get(0).forEach(page::verbatim);
      return;
    }
    int rows = parts.get(0).size();
    boolean alike = parts.stream().allMatch(texts -> texts.size() == rows);
    List<List<String>> table = new ArrayList<>();
    for (int i = 0; i < (alike ? rows : 1); i++) {
      int row = i;
      table.add(
          alike
              ? parts.stream().map(texts -> texts.get(row)).toList()
              : shown.stream().map(sample -> sample.path("text").asText()).toList());
    }
    page.sideBySide(
        shown.stream()
            .map(sample -> String.format(Locale.ROOT, "step %,d", sample.get("step").asLong()))
            .toList(),
        table);
  }

  /** At most {@link #SAMPLES}, the first and the last among them. */
  private static List<JsonNode> spread(List<JsonNode> samples) {
    if (samples.size() <= SAMPLES) {
      return samples;
    }
    List<JsonNode> some = new ArrayList<>();
    for (int i = 0; i < SAMPLES; i++) {
      some.add(samples.get((int) ((long) i * (samples.size() - 1) / (SAMPLES - 1))));
    }
    return some;
  }

  /**
   * A listener that writes the report when the run has ended. Without fonts there is no {@code
   * loss.png}, and if the file system hangs there is no report; either causes a notice, but the
   * completed run does not fail.
   *
   * @param limit time after which writing the report is abandoned ({@code
   *     checkpoint.timeout_seconds})
   */
  public static TrainingListener atEndOf(
      RunDirectory run, TrainingListener notices, Duration limit) {
    return event -> {
      if (event instanceof TrainingEvent.Ended) {
        writeAtEnd(run, notices, limit);
      }
    };
  }

  private static void writeAtEnd(RunDirectory run, TrainingListener notices, Duration limit) {
    AtomicReference<Optional<String>> undrawn = new AtomicReference<>(Optional.empty());
    try (RunWriter writer = new RunWriter(limit)) {
      writer.submit("writing the report", () -> undrawn.set(write(run)));
      writer.submit("looking at the metrics", () -> severe(run, notices));
      writer.finish();
      undrawn
          .get()
          .ifPresent(
              why ->
                  notices.notice(
                      "loss.png of "
                          + run
                          + " could not be drawn; loss.svg and the report were written: "
                          + why));
    } catch (RuntimeException | LinkageError | InternalError | AWTError e) {
      notices.notice("The report of " + run + " could not be written: " + e);
    }
  }

  /** What a user should know without opening the report. */
  private static void severe(RunDirectory run, TrainingListener notices) {
    RunDiagnosis.of(rows(run, RunDirectory.METRICS)).stream()
        .filter(finding -> finding.severity() == RunDiagnosis.Severity.SEVERE)
        .forEach(finding -> notices.notice("Diagnosis: " + finding.line()));
  }

  private static List<Fact> facts(
      List<JsonNode> rows, Map<String, Metric> metrics, JsonNode sessions) {
    List<Fact> facts = new ArrayList<>();
    if (!rows.isEmpty()) {
      JsonNode last = rows.get(rows.size() - 1);
      facts.add(new Fact("Steps", String.format(Locale.ROOT, "%,d", last.path("step").asLong())));
      facts.add(
          new Fact("Tokens", String.format(Locale.ROOT, "%,d", last.path("tokens").asLong())));
    }
    metrics.forEach(
        (key, metric) -> facts.add(new Fact(capitalized(metric.label()), last(rows, metric))));
    if (!sessions.isEmpty()) {
      JsonNode last = sessions.get(sessions.size() - 1);
      facts.add(new Fact("Sessions", Integer.toString(sessions.size())));
      facts.add(new Fact("Started", sessions.get(0).path("started").asText()));
      facts.add(new Fact("Host", last.path("host").asText() + ", " + last.path("os").asText()));
      facts.add(new Fact("Java", last.path("java").asText()));
      facts.add(new Fact("Firesteel", last.path("firesteel").asText()));
      facts.add(new Fact("Backend", last.path("backend").asText()));
      facts.add(new Fact("Seed", last.path("seed").asText()));
      facts.add(new Fact("Configuration, SHA-256", last.path("config_sha256").asText()));
      facts.add(new Fact("Data, SHA-256", last.path("data_sha256").asText()));
      facts.add(new Fact("Tokenizer, SHA-256", last.path("tokenizer_sha256").asText()));
    }
    return facts;
  }

  /** The last value of a metric, and its step. */
  private static String last(List<JsonNode> rows, Metric metric) {
    JsonNode row =
        rows.stream()
            .filter(each -> each.path(metric.key()).isNumber())
            .reduce((earlier, later) -> later)
            .orElseThrow();
    return String.format(
        Locale.ROOT,
        "%s, at step %,d",
        metric.unit().text(row.get(metric.key()).asDouble()),
        row.path("step").asLong());
  }

  private static String capitalized(String label) {
    return label.substring(0, 1).toUpperCase(Locale.ROOT) + label.substring(1);
  }

  private static List<JsonNode> rows(RunDirectory run, String name) {
    return run.read(name)
        .map(content -> StepRows.parse(content, run.path() + "/" + name))
        .orElse(List.of());
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }
}
