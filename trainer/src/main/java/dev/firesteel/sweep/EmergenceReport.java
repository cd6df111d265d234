package dev.firesteel.sweep;

import dev.firesteel.chart.ChartFiles;
import dev.firesteel.chart.Theme;
import dev.firesteel.chart.XyChart;
import dev.firesteel.chart.XyChart.Point;
import dev.firesteel.run.RunDirectory;
import dev.firesteel.skills.Skill;
import dev.firesteel.skills.SkillScores.Score;
import dev.firesteel.train.HtmlPage;
import dev.firesteel.train.HtmlPage.Cell;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.function.ToDoubleFunction;
import java.util.stream.Collectors;
import org.apache.hadoop.conf.Configuration;

/**
 * {@code emergence.html} of a sweep: the {@linkplain Skill skills} over the size of the model, by
 * the share of exact answers, which jumps, and by the log-likelihood of the answers' tokens, which
 * does not (Schaeffer et al. 2023, arXiv:2304.15004).
 */
public final class EmergenceReport {
  /** Name of the page. */
  public static final String FILE = "emergence.html";

  private static final String PARAMETERS = "parameters N";

  /** A run with its scores. */
  private record Row(SweepRun run, Map<Skill, Score> scores) {
    double parameters() {
      return run.size().parameters();
    }
  }

  private final List<Row> rows;

  private EmergenceReport(List<Row> rows) {
    this.rows = rows;
  }

  /**
   * Writes the page and its charts into the sweep's folder, if skills of a run were measured.
   *
   * @param notices receives a line if a part could not be written
   * @return whether there is a page
   */
  public static boolean write(SweepPlan plan, Configuration hadoop, Consumer<String> notices) {
    List<Row> rows = new ArrayList<>();
    for (SweepRun run : plan.runs()) {
      Map<Skill, Score> scores = SkillFile.scores(RunDirectory.of(run.config(), hadoop));
      if (run.state() == SweepRun.State.FINISHED && !scores.isEmpty()) {
        rows.add(new Row(run, scores));
      }
    }
    if (rows.isEmpty()) {
      return false;
    }
    rows.sort(Comparator.comparingDouble(Row::parameters));
    RunDirectory folder = plan.folder(hadoop);
    EmergenceReport report = new EmergenceReport(rows);
    Map<String, XyChart> charts = report.charts();
    ChartFiles.of(charts, notices).forEach(folder::replace);
    folder.replace(FILE, report.page(plan.sweep().config().name(), charts).bytes());
    return true;
  }

  private Map<String, XyChart> charts() {
    Map<String, XyChart> charts = new LinkedHashMap<>();
    XyChart likelihood =
        XyChart.semiLogarithmic(
            "Smooth: log-likelihood of the right tokens", PARAMETERS, "mean log p, nats per token");
    XyChart exact =
        XyChart.semiLogarithmic(
                "Sharp: whole answers right (dashed: their p)", PARAMETERS, "share of the problems")
            .yFrom(0, 1);
    XyChart jump =
        XyChart.linear(
                "The jump is the metric's: one over the other",
                "mean log p, nats per token",
                "share of the problems that are right")
            .yFrom(0, 1);
    Skill[] skills = Skill.values();
    for (int i = 0; i < skills.length; i++) {
      Skill skill = skills[i];
      String color = XyChart.ramp((double) i / (skills.length - 1));
      String label = label(skill);
      likelihood
          .points("", color, 0.6, points(skill, Row::parameters, Score::logLikelihood))
          .line(label, color, medians(skill, Score::logLikelihood));
      exact
          .points("", color, 0.6, points(skill, Row::parameters, Score::exactMatch))
          .dashes("", color, medians(skill, Score::expectedMatch))
          .line(label, color, medians(skill, Score::exactMatch));
      jump.points(
          label,
          color,
          0.9,
          points(skill, row -> row.scores().get(skill).logLikelihood(), Score::exactMatch));
    }
    charts.put("emergence-likelihood", likelihood);
    charts.put("emergence-exact", exact);
    charts.put("emergence-jump", jump);
    charts.values().removeIf(XyChart::isEmpty);
    return charts;
  }

  private static String label(Skill skill) {
    return skill.name().toLowerCase(Locale.ROOT);
  }

  private List<Point> points(Skill skill, ToDoubleFunction<Row> x, ToDoubleFunction<Score> y) {
    return rows.stream()
        .map(row -> new Point(x.applyAsDouble(row), y.applyAsDouble(row.scores().get(skill))))
        .toList();
  }

  /** The median of each size. */
  private List<Point> medians(Skill skill, ToDoubleFunction<Score> y) {
    Map<Double, List<Double>> bySize =
        rows.stream()
            .collect(
                Collectors.groupingBy(
                    Row::parameters,
                    TreeMap::new,
                    Collectors.mapping(
                        row -> y.applyAsDouble(row.scores().get(skill)), Collectors.toList())));
    List<Point> medians = new ArrayList<>();
    bySize.forEach((size, values) -> medians.add(new Point(size, median(values))));
    return medians;
  }

  private static double median(List<Double> values) {
    List<Double> sorted = values.stream().sorted().toList();
    int middle = sorted.size() / 2;
    return sorted.size() % 2 == 1
        ? sorted.get(middle)
        : (sorted.get(middle - 1) + sorted.get(middle)) / 2;
  }

  private HtmlPage page(String name, Map<String, XyChart> charts) {
    HtmlPage page = new HtmlPage("Emergence in the sweep " + name);
    page.paragraph(
        "An answer of L tokens is right only if all of them are. If each is right with probability"
            + " p, the answer is with about p to the power of L: p may rise steadily with the size of"
            + " the model while the share of right answers stays near 0 and then jumps. The first two"
            + " charts show the same models on the same problems; the third has one measure over the"
            + " other, without the size.");
    charts.values().forEach(chart -> page.chart(chart.html(Theme.PAPER)));
    page.heading("Numbers");
    List<String> header = new ArrayList<>(List.of("run", PARAMETERS, "tokens D"));
    for (Skill skill : Skill.values()) {
      header.add(label(skill) + ": exact");
      header.add("p of the answer");
      header.add("log p of a token");
    }
    page.table(header, rows.stream().map(EmergenceReport::cells).toList());
    return page;
  }

  private static List<Cell> cells(Row row) {
    List<Cell> cells = new ArrayList<>();
    cells.add(Cell.text(row.run().name()));
    cells.add(Cell.text("%,d".formatted(row.run().size().parameters())));
    cells.add(Cell.text("%,d".formatted(row.run().tokens())));
    for (Skill skill : Skill.values()) {
      Score score = row.scores().get(skill);
      cells.add(number(score.exactMatch()));
      cells.add(number(score.expectedMatch()));
      cells.add(number(score.logLikelihood()));
    }
    return cells;
  }

  private static Cell number(double value) {
    return Cell.text(String.format(Locale.ROOT, "%.3f", value));
  }
}
