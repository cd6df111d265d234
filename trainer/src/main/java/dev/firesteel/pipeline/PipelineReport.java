package dev.firesteel.pipeline;

import dev.firesteel.chart.BarChart;
import dev.firesteel.chart.Theme;
import dev.firesteel.config.Pipeline;
import dev.firesteel.run.RunDirectory;
import dev.firesteel.stage.ScoredAnswer;
import dev.firesteel.train.HtmlPage;
import dev.firesteel.train.HtmlPage.Cell;
import dev.firesteel.train.RunReport;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * Writes {@code <runs_folder>/<name>/report.html}: the gold score of each stage's model, the stages
 * with links to their own reports, and the answers of all models to the same prompts beside each
 * other.
 */
public final class PipelineReport {
  /** Prompts of which the answers are shown. */
  private static final int SHOWN = 8;

  private static final String NONE = "–";

  private final Pipeline pipeline;
  private final PipelinePlan plan;
  private final PipelineRecord record;

  private PipelineReport(Pipeline pipeline, PipelinePlan plan, PipelineRecord record) {
    this.pipeline = pipeline;
    this.plan = plan;
    this.record = record;
  }

  /**
   * Writes the report, replacing an earlier one.
   *
   * @return its path
   */
  public static String write(Pipeline pipeline, PipelinePlan plan, PipelineRecord record) {
    RunDirectory folder = record.folder();
    folder.replace(RunReport.FILE_NAME, new PipelineReport(pipeline, plan, record).page().bytes());
    return folder + "/" + RunReport.FILE_NAME;
  }

  private HtmlPage page() {
    HtmlPage page = new HtmlPage(pipeline.config().name());
    Optional<Comparison> comparison = Comparison.find(record.folder());
    comparison.ifPresent(found -> gold(page, found));
    stages(page);
    comparison.ifPresent(found -> answers(page, found));
    return page;
  }

  /** The models with answers, in the order of the stages. */
  private List<Comparison.Model> models(Comparison comparison) {
    return plan.stages().stream()
        .flatMap(stage -> comparison.model(stage.name()).stream())
        .toList();
  }

  private void gold(HtmlPage page, Comparison comparison) {
    List<Comparison.Model> models = models(comparison);
    if (models.isEmpty()) {
      return;
    }
    int samples = comparison.samples();
    page.heading("Gold score");
    page.paragraph(
        "The mean score (%s) of the answers to %d held-out prompts of %s, %d to each, sampled with the same random numbers. Intervals are of 95 %%, over prompts. The difference is that to the stage that a model was trained from, on the same prompts: an interval without 0 is a change that is not chance."
            .formatted(
                pipeline.config().evaluation().gold(),
                models.get(0).answers().size() / samples,
                pipeline.config().evaluation().prompts(),
                samples));
    List<List<Cell>> rows = new ArrayList<>();
    List<BarChart.Bar> bars = new ArrayList<>();
    for (Comparison.Model model : models) {
      Interval gold = comparison.gold(model);
      bars.add(new BarChart.Bar(model.stage(), gold.mean(), gold.low(), gold.high()));
      String from = plan.stage(model.stage()).of().settings().from();
      rows.add(
          List.of(
              Cell.text(model.stage()),
              Cell.text(number(gold.mean())),
              Cell.text(range(gold)),
              Cell.text(
                  comparison
                      .model(from)
                      .map(other -> difference(comparison.difference(model, other)))
                      .orElse(NONE)),
              Cell.text(String.format(Locale.ROOT, "%.1f", model.meanTokens())),
              Cell.text(String.format(Locale.ROOT, "%.0f %%", 100 * model.ended())),
              Cell.text(duration(model.seconds()))));
    }
    page.table(
        List.of(
            "stage",
            "gold",
            "95 % interval",
            "difference",
            "mean tokens",
            "ended",
            "time to answer"),
        rows);
    page.chart(new BarChart("Gold score", bars).html(Theme.PAPER));
  }

  private void stages(HtmlPage page) {
    page.heading("Stages");
    List<List<Cell>> rows = new ArrayList<>();
    double all = 0;
    for (PipelinePlan.Stage stage : plan.stages()) {
      String run = pipeline.config().run(stage.name());
      double seconds = record.stage(stage.name()).map(PipelineRecord.Stage::seconds).orElse(0.0);
      all += seconds;
      rows.add(
          List.of(
              Cell.text(stage.name()),
              Cell.text(stage.config().stage()),
              Cell.text(stage.sources().isEmpty() ? NONE : String.join(", ", stage.sources())),
              Cell.text(stage.length()),
              Cell.text(stage.progress()),
              Cell.text(seconds == 0 ? NONE : duration(seconds)),
              stage.last().isPresent()
                  ? Cell.link("../" + run + "/" + RunReport.FILE_NAME, run)
                  : Cell.text(run)));
    }
    page.table(
        List.of("stage", "kind", "from", "length", "state", "time", "report of the run"), rows);
    page.paragraph("Time of all stages: " + duration(all));
  }

  private void answers(HtmlPage page, Comparison comparison) {
    List<Comparison.Model> models = models(comparison);
    if (models.isEmpty()) {
      return;
    }
    page.heading("Answers");
    page.paragraph(
        "The first answer of each model to the first prompts, with its gold score. All of them are in %s."
            .formatted(Comparison.FILE));
    int samples = comparison.samples();
    int prompts = Math.min(SHOWN, models.get(0).answers().size() / samples);
    for (int prompt = 0; prompt < prompts; prompt++) {
      int at = prompt * samples;
      page.subheading(models.get(0).answers().get(at).prompt());
      page.sideBySide(
          models.stream().map(Comparison.Model::stage).toList(),
          List.of(models.stream().map(model -> shown(model.answers().get(at))).toList()));
    }
  }

  private static String shown(ScoredAnswer answer) {
    return answer.answer().strip()
        + (answer.ended() ? "" : " […]")
        + "\n\ngold "
        + number(answer.gold());
  }

  private static String number(double value) {
    return String.format(Locale.ROOT, "%.3f", value);
  }

  private static String range(Interval interval) {
    return number(interval.low()) + " to " + number(interval.high());
  }

  private static String difference(Interval interval) {
    return String.format(Locale.ROOT, "%+.3f ± %.3f", interval.mean(), interval.half());
  }

  private static String duration(double seconds) {
    long whole = Math.round(seconds);
    return whole < 60
        ? whole + " s"
        : whole < 3600
            ? "%d min %d s".formatted(whole / 60, whole % 60)
            : "%d h %d min".formatted(whole / 3600, whole % 3600 / 60);
  }
}
