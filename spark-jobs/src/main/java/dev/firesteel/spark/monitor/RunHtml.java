package dev.firesteel.spark.monitor;

import dev.firesteel.chart.LineChart;
import dev.firesteel.chart.Theme;
import dev.firesteel.files.HadoopFiles;
import dev.firesteel.metrics.Unit;
import dev.firesteel.plan.Quantities;
import dev.firesteel.spark.monitor.RunSnapshot.Attempt;
import dev.firesteel.spark.monitor.RunSnapshot.Numbers;
import dev.firesteel.spark.monitor.RunSnapshot.RankState;
import dev.firesteel.spark.monitor.RunSnapshot.SavedCheckpoint;
import dev.firesteel.spark.monitor.RunSnapshot.Series;
import dev.firesteel.train.TrainingPlan;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.function.IntPredicate;
import org.apache.spark.ui.UIUtils;

/**
 * Renders a {@link RunSnapshot} as HTML, with the style sheets of Spark's UI. All external text is
 * escaped.
 */
final class RunHtml {
  /** Colours of text, links and backgrounds follow the reader's theme. */
  private static final Theme THEME = theme();

  private static final String UNKNOWN = "–";

  /** Number of newest checkpoints and notices shown; the JSON has more. */
  private static final int SHOWN = 10;

  private final RunSnapshot run;
  private final StringBuilder html = new StringBuilder();

  private RunHtml(RunSnapshot run) {
    this.run = run;
  }

  /** An element with the id {@code firesteel}. */
  static String of(RunSnapshot run) {
    return new RunHtml(run).page();
  }

  private String page() {
    html.append("<div id=\"firesteel\">\n");
    html.append("<p id=\"firesteel-taken\" class=\"text-muted\">As of ")
        .append(text(time(run.taken())))
        .append(". <a href=\"json/\">JSON</a></p>\n");
    if (run.plan() == null) {
      html.append("<p>No training has started in this application")
          .append(run.attempts().isEmpty() ? "." : " yet; its ranks are starting.")
          .append("</p>\n");
    } else {
      headline(run.plan(), run.now());
      charts(run.plan());
      facts(run.plan(), run.now());
    }
    ranks();
    attempts();
    checkpoints();
    notices();
    return html.append("</div>\n").toString();
  }

  private void headline(TrainingPlan plan, Numbers now) {
    double share = plan.steps() == 0 ? 100 : 100.0 * now.step() / plan.steps();
    html.append("<h4>").append(text(plan.run())).append(": ").append(state()).append("</h4>\n");
    html.append(
        format(
            "<div class=\"progress mb-2\" role=\"progressbar\" aria-label=\"steps done\""
                + " aria-valuenow=\"%.0f\" aria-valuemin=\"0\" aria-valuemax=\"100\">"
                + "<div class=\"progress-bar\" style=\"width: %.2f%%\"></div></div>%n",
            share, share));
    List<String> parts = new ArrayList<>();
    parts.add(format("step %,d of %,d (%.1f %%)", now.step(), plan.steps(), share));
    for (Series series : run.series()) {
      double value = now.metric(series.metric().key());
      if (series.metric().onProgressLine() && Double.isFinite(value)) {
        parts.add(series.metric().text(value));
      }
    }
    if (Double.isFinite(now.secondsLeft()) && run.state() == RunSnapshot.State.TRAINING) {
      parts.add(Quantities.duration(now.secondsLeft()) + " left");
    }
    html.append("<p><b>").append(text(String.join(" · ", parts))).append("</b></p>\n");
  }

  private String state() {
    return switch (run.state()) {
      case PREPARING -> "preparing";
      case TRAINING -> "training";
      case STOPPED -> "between two attempts";
      case COMPLETED -> "completed";
      case INTERRUPTED -> "interrupted";
    };
  }

  private static Theme theme() {
    List<String> lines = new ArrayList<>(Theme.LINES);
    lines.set(0, "var(--bs-link-color)");
    return new Theme("inherit", "", "currentColor", lines);
  }

  private void charts(TrainingPlan plan) {
    List<LineChart> charts =
        LineChart.of(
            run.series().stream()
                .map(series -> new LineChart.Series(series.metric(), series.points()))
                .toList(),
            plan.headline().metric().key());
    if (charts.isEmpty()) {
      html.append("<p class=\"text-muted\">Nothing has been reported yet.</p>\n");
      return;
    }
    html.append("<div class=\"row\">\n");
    for (LineChart chart : charts) {
      html.append("<div class=\"col-lg-6\">\n").append(chart.html(THEME)).append("</div>\n");
    }
    html.append("</div>\n");
  }

  private void facts(TrainingPlan plan, Numbers now) {
    heading("Run");
    List<List<String>> rows = new ArrayList<>();
    rows.add(List.of("Stage", plan.stage()));
    rows.add(List.of("Directory", HadoopFiles.withPlainPaths(plan.directory())));
    rows.add(List.of("Ranks", format("%,d, %s", plan.worldSize(), plan.backend())));
    rows.add(List.of("Parameters", format("%,d", plan.parameters())));
    rows.add(
        List.of(
            "Tokens",
            format("%,d trained on, %,d per step", now.tokens(), plan.tokensPerStep())
                + (plan.trainingTokens() == 0
                    ? ""
                    : format(
                        ", %.2f epochs of %,d in total", plan.epochs(), plan.trainingTokens()))));
    for (Series series : run.series()) {
      rows.add(List.of(capitalized(series.metric().label()), value(series, now)));
    }
    rows.add(List.of("Started", time(run.started()) + ", at step " + plan.fromStep()));
    table("run", List.of(), rows);
  }

  /** The last value of a metric, with its step if that differs from the run's. */
  private static String value(Series series, Numbers now) {
    Unit unit = series.metric().unit();
    double value = now.metric(series.metric().key());
    if (!Double.isFinite(value)) {
      return UNKNOWN;
    }
    String text = unit == Unit.BYTES ? bytes(value) : unit.text(value);
    if (series.evaluated() && unit == Unit.NATS) {
      text += format(", perplexity %.2f", Math.exp(value));
    }
    return series.step() == now.step() ? text : text + format(", at step %,d", series.step());
  }

  private static String capitalized(String label) {
    return label.substring(0, 1).toUpperCase(Locale.ROOT) + label.substring(1);
  }

  private void ranks() {
    if (run.ranks().isEmpty()) {
      return;
    }
    heading("Ranks");
    List<List<String>> rows = new ArrayList<>();
    for (RankState rank : run.ranks()) {
      rows.add(
          List.of(
              Integer.toString(rank.rank()),
              rank.host(),
              rank.executor(),
              format("%,d", rank.step()),
              format("%,.1f", rank.stepMillis()),
              format("%,.1f", rank.computeMillis()),
              format("%,.1f", rank.communicationMillis()),
              format("%,.1f", rank.waitMillis()),
              number("%.0f %%", 100 * rank.overlapShare()),
              format("%,.1f", rank.gcMillis()),
              bytes(rank.allocatedBytes()),
              Quantities.bytes(rank.heapUsedBytes()),
              number("%.2f", rank.computeRatio()) + (rank.straggler() ? " straggler" : ""),
              ago(rank.reported())));
    }
    table(
        "ranks",
        List.of(
            "Rank",
            "Host",
            "Executor",
            "Step",
            "Step, ms",
            "Own work, ms",
            "Communication, ms",
            "Waited, ms",
            "Overlap",
            "GC, ms",
            "Allocated",
            "Heap used",
            "Own work / median",
            "Reported"),
        rows,
        row -> run.ranks().get(row).straggler());
  }

  private void attempts() {
    if (run.attempts().isEmpty()) {
      return;
    }
    heading("Attempts");
    List<List<String>> rows = new ArrayList<>();
    for (Attempt attempt : newestFirst(run.attempts(), run.attempts().size())) {
      boolean ended = attempt.ended() != null;
      rows.add(
          List.of(
              Integer.toString(attempt.number()),
              Integer.toString(attempt.worldSize()),
              String.join(", ", attempt.hosts()),
              time(attempt.began()),
              ended ? time(attempt.ended()) : UNKNOWN,
              attempt.fromStep() < 0 ? UNKNOWN : format("%,d", attempt.fromStep()),
              ended ? format("%,d", attempt.atStep()) : UNKNOWN,
              ended ? attempt.cause() : "running"));
    }
    table(
        "attempts",
        List.of("Number", "Ranks", "Hosts", "Started", "Ended", "From step", "To step", "Reason"),
        rows);
  }

  private void checkpoints() {
    if (run.checkpoints().isEmpty()) {
      return;
    }
    heading("Checkpoints");
    List<List<String>> rows = new ArrayList<>();
    for (SavedCheckpoint checkpoint : newestFirst(run.checkpoints(), SHOWN)) {
      rows.add(
          List.of(
              format("%,d", checkpoint.step()),
              time(checkpoint.committed()),
              HadoopFiles.withPlainPaths(checkpoint.directory())));
    }
    table("checkpoints", List.of("Step", "Committed", "Directory"), rows);
  }

  private void notices() {
    if (run.notices().isEmpty()) {
      return;
    }
    heading("Notices");
    table(
        "notices",
        List.of(),
        newestFirst(run.notices(), SHOWN).stream()
            .map(notice -> List.of(HadoopFiles.withPlainPaths(notice)))
            .toList());
  }

  private static <T> List<T> newestFirst(List<T> entries, int most) {
    List<T> newest =
        new ArrayList<>(entries.subList(Math.max(0, entries.size() - most), entries.size()));
    Collections.reverse(newest);
    return newest;
  }

  private void heading(String title) {
    html.append("<h5 class=\"mt-3\">").append(text(title)).append("</h5>\n");
  }

  private void table(String name, List<String> columns, List<List<String>> rows) {
    table(name, columns, rows, row -> false);
  }

  /**
   * @param marked whether a row is highlighted
   */
  private void table(
      String name, List<String> columns, List<List<String>> rows, IntPredicate marked) {
    html.append(PageTable.html(name, columns, rows, marked));
  }

  private String ago(Instant then) {
    return Quantities.duration(Duration.between(then, run.taken()).toMillis() / 1000.0) + " ago";
  }

  private static String time(Instant instant) {
    return UIUtils.formatDate(instant.toEpochMilli());
  }

  private static String bytes(double value) {
    return Double.isFinite(value) ? Quantities.bytes(Math.round(value)) : UNKNOWN;
  }

  private static String number(String format, double value) {
    return Double.isFinite(value) ? format(format, value) : UNKNOWN;
  }

  private static String format(String format, Object... values) {
    return String.format(Locale.ROOT, format, values);
  }

  private static String text(String value) {
    return PageTable.text(value);
  }
}
