package dev.firesteel.spark.monitor;

import dev.firesteel.plan.Quantities;
import dev.firesteel.sweep.SweepProgress;
import java.util.List;
import java.util.Locale;

/** Renders the runs of a sweep as HTML, with the style sheets of Spark's UI. */
final class SweepHtml {
  private static final String UNKNOWN = "–";

  private SweepHtml() {}

  /** An element with the id {@code firesteel}. */
  static String of(SweepProgress.Snapshot sweep) {
    List<List<String>> rows = sweep.rows().stream().map(SweepHtml::cells).toList();
    return "<div id=\"firesteel\">\n<p id=\"firesteel-taken\" class=\"text-muted\">Sweep "
        + PageTable.text(sweep.sweep())
        + ". <a href=\"json/\">JSON</a></p>\n<p>"
        + PageTable.text(sweep.totals())
        + "</p>\n"
        + PageTable.html(
            "sweep",
            List.of("Run", "State", "Step", "Done", "Training loss", "Tokens/s", "Time left"),
            rows,
            row -> sweep.rows().get(row).state().equals("training"))
        + "</div>\n";
  }

  private static List<String> cells(SweepProgress.Row row) {
    return List.of(
        row.name(),
        row.state(),
        format("%,d / %,d", row.step(), row.steps()),
        format("%.0f %%", 100.0 * row.step() / row.steps()),
        row.loss() == null ? UNKNOWN : format("%.4f", row.loss()),
        row.tokensPerSecond() == null ? UNKNOWN : format("%,.0f", row.tokensPerSecond()),
        row.secondsLeft() == null ? UNKNOWN : Quantities.duration(row.secondsLeft()));
  }

  private static String format(String format, Object... values) {
    return String.format(Locale.ROOT, format, values);
  }
}
