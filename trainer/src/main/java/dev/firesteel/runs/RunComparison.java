package dev.firesteel.runs;

import com.fasterxml.jackson.databind.JsonNode;
import dev.firesteel.chart.Curve.Point;
import dev.firesteel.chart.LineChart;
import dev.firesteel.chart.Theme;
import dev.firesteel.chart.XyChart;
import dev.firesteel.error.UserException;
import dev.firesteel.metrics.Metric;
import dev.firesteel.metrics.Metrics;
import dev.firesteel.run.RunDirectory;
import dev.firesteel.train.HtmlPage;
import dev.firesteel.train.HtmlPage.Cell;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.function.Function;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;

/**
 * One page that compares runs: where they are, their last numbers, the keys in which their
 * configurations differ, and the curves of each metric over each other.
 */
public final class RunComparison {
  private static final int MOST = Theme.LINES.size(); // A colour each.
  private static final String ABSENT = "–";

  /** Keys that differ between any two runs. */
  private static final Set<String> NAMES = Set.of("name");

  private final List<Run> runs;

  /**
   * A run that is compared.
   *
   * @param label unique among them
   */
  private record Run(
      RunSummary summary, String label, List<JsonNode> rows, Map<String, Metric> metrics) {

    List<Point> points(String key) {
      return rows.stream()
          .filter(row -> row.path(key).isNumber())
          .map(row -> new Point(row.path("step").asLong(), row.path(key).asDouble()))
          .toList();
    }

    OptionalDouble last(String key) {
      return rows.stream()
          .filter(row -> row.path(key).isNumber())
          .mapToDouble(row -> row.path(key).asDouble())
          .reduce((earlier, later) -> later);
    }
  }

  private RunComparison(List<Run> runs) {
    this.runs = runs;
  }

  /**
   * Reads the runs to compare.
   *
   * @param paths of run directories, in the order of their columns
   * @throws UserException if one is no run directory, or there are fewer than two or too many
   */
  public static RunComparison of(List<Path> paths, Configuration hadoop) {
    if (paths.size() < 2 || paths.size() > MOST) {
      throw UserException.usage(
          "two to %d runs can be compared, got %d: name their directories"
              .formatted(MOST, paths.size()));
    }
    boolean unique =
        new HashSet<>(paths.stream().map(Path::getName).toList()).size() == paths.size();
    long now = System.currentTimeMillis();
    List<Run> runs = new ArrayList<>();
    for (Path path : paths) {
      RunFiles files = new RunFiles(RunDirectory.at(path, hadoop));
      if (!files.isReadable()) {
        throw UserException.usage(
            "%s must be a run directory, got none with a readable %s: name another one"
                .formatted(path, RunDirectory.RUN));
      }
      String label = unique ? path.getName() : path.toString();
      List<JsonNode> rows = files.rows(RunFiles.WHOLE);
      runs.add(new Run(RunSummary.of(files, label, now), label, rows, files.metrics(rows)));
    }
    return new RunComparison(runs);
  }

  /** The page, self-contained. */
  public byte[] page() {
    List<String> header = new ArrayList<>(List.of(""));
    runs.forEach(run -> header.add(run.label()));
    HtmlPage page = new HtmlPage(String.join(" · ", runs.stream().map(Run::label).toList()));
    page.heading("Runs").table(header, facts());
    Map<String, Metric> metrics = metrics();
    if (!metrics.isEmpty()) {
      page.heading("Last values").table(header, lastValues(metrics));
    }
    List<List<Cell>> differences = differences();
    page.heading("Configuration");
    if (differences.isEmpty()) {
      page.paragraph("All keys are equal.");
    } else {
      page.table(header, differences);
    }
    if (!metrics.isEmpty()) {
      page.heading("Curves");
      metrics.values().forEach(metric -> page.chart(chart(metric).html(theme(metric.key()))));
      others(page, metrics.values().iterator().next());
    }
    return page.bytes();
  }

  private List<List<Cell>> facts() {
    List<List<Cell>> rows = new ArrayList<>();
    List<Cell> swatches = new ArrayList<>(List.of(Cell.text("")));
    for (int i = 0; i < runs.size(); i++) {
      swatches.add(
          new Cell(
              "<span style=\"display: inline-block; width: 3em; height: 0.5em; background: %s\"></span>"
                  .formatted(Theme.LINES.get(i))));
    }
    rows.add(swatches);
    rows.add(row("stage", run -> run.summary().stage()));
    rows.add(row("state", run -> run.summary().state().title()));
    rows.add(row("step", run -> count(run.summary().step())));
    rows.add(row("tokens", run -> count(run.summary().tokens())));
    rows.add(row("started", run -> run.summary().started()));
    rows.add(row("backend", run -> run.summary().session().path("backend").asText("")));
    return rows;
  }

  private static String count(long number) {
    return String.format(Locale.ROOT, "%,d", number);
  }

  private List<Cell> row(String name, Function<Run, String> value) {
    List<Cell> cells = new ArrayList<>(List.of(Cell.text(name)));
    for (Run run : runs) {
      String text = value.apply(run);
      cells.add(Cell.text(text.isEmpty() ? ABSENT : text));
    }
    return cells;
  }

  /** All metrics, the headlines first, then the losses, then in the order of the runs. */
  private Map<String, Metric> metrics() {
    Map<String, Metric> all = new LinkedHashMap<>();
    for (Run run : runs) {
      Metric headline = run.metrics().get(run.summary().headline());
      if (headline != null) {
        all.putIfAbsent(headline.key(), headline);
      }
    }
    for (Run run : runs) {
      run.metrics().values().stream()
          .sorted(
              Comparator.comparing((Metric metric) -> !metric.key().equals(Metrics.LOSS.key()))
                  .thenComparing(metric -> !metric.onProgressLine()))
          .forEach(metric -> all.putIfAbsent(metric.key(), metric));
    }
    return all;
  }

  private List<List<Cell>> lastValues(Map<String, Metric> metrics) {
    List<List<Cell>> rows = new ArrayList<>();
    for (Metric metric : metrics.values()) {
      rows.add(
          row(
              metric.label(),
              run -> {
                OptionalDouble last = run.last(metric.key());
                return last.isPresent() ? metric.unit().text(last.getAsDouble()) : "";
              }));
    }
    return rows;
  }

  /** Keys whose values are not the same in all runs; one that a run lacks is marked. */
  private List<List<Cell>> differences() {
    Set<String> keys = new LinkedHashSet<>();
    runs.forEach(run -> keys.addAll(run.summary().config().keySet()));
    keys.removeAll(NAMES);
    List<List<Cell>> rows = new ArrayList<>();
    for (String key : keys) {
      List<String> values =
          runs.stream()
              .map(
                  run -> {
                    String value = run.summary().config().getOrDefault(key, ABSENT);
                    return value.isEmpty() ? "\"\"" : value;
                  })
              .toList();
      if (new HashSet<>(values).size() > 1) {
        List<Cell> cells = new ArrayList<>(List.of(Cell.text(key)));
        values.forEach(value -> cells.add(Cell.text(value)));
        rows.add(cells);
      }
    }
    return rows;
  }

  /** The curves of one metric, each named after its run. */
  private LineChart chart(Metric metric) {
    List<LineChart.Series> series = new ArrayList<>();
    for (int i = 0; i < runs.size(); i++) {
      Run run = runs.get(i);
      Metric named =
          new Metric(
              String.format(Locale.ROOT, "%02d", i), // Keys are the order of the colours.
              run.label(),
              metric.unit(),
              title(metric),
              metric.fromZero(),
              true);
      series.add(new LineChart.Series(named, run.points(metric.key())));
    }
    return LineChart.of(series, "").get(0);
  }

  private static String title(Metric metric) {
    return Character.toUpperCase(metric.label().charAt(0)) + metric.label().substring(1);
  }

  /** Each run's own colour, of the runs that have a metric. */
  private Theme theme(String key) {
    List<String> colors = new ArrayList<>();
    for (int i = 0; i < runs.size(); i++) {
      if (!runs.get(i).points(key).isEmpty()) {
        colors.add(Theme.LINES.get(i));
      }
    }
    return new Theme(Theme.PAPER.font(), Theme.PAPER.background(), Theme.PAPER.text(), colors);
  }

  /**
   * The first metric over tokens and over time: with other batches or on other machines, a step is
   * not a step.
   */
  private void others(HtmlPage page, Metric metric) {
    XyChart overTokens = XyChart.linear(title(metric) + " over tokens", "tokens", metric.label());
    XyChart overTime = XyChart.linear(title(metric) + " over time", "minutes", metric.label());
    for (int i = 0; i < runs.size(); i++) {
      Run run = runs.get(i);
      List<XyChart.Point> byTokens = new ArrayList<>();
      List<XyChart.Point> byTime = new ArrayList<>();
      double minutes = 0;
      long before = 0;
      for (JsonNode row : run.rows()) {
        long step = row.path("step").asLong();
        minutes += row.path(Metrics.STEP_MILLIS.key()).asDouble() * (step - before) / 60_000;
        before = step;
        if (row.path(metric.key()).isNumber()) {
          double value = row.path(metric.key()).asDouble();
          byTokens.add(new XyChart.Point(row.path("tokens").asDouble(), value));
          byTime.add(new XyChart.Point(minutes, value));
        }
      }
      overTokens.line(run.label(), Theme.LINES.get(i), byTokens);
      overTime.line(run.label(), Theme.LINES.get(i), byTime);
    }
    for (XyChart chart : List.of(overTokens, overTime)) {
      if (!chart.isEmpty()) {
        page.chart(chart.html(Theme.PAPER));
      }
    }
  }
}
