package dev.firesteel.spark.monitor;

import dev.firesteel.sweep.SweepProgress;
import java.util.Optional;
import java.util.function.Supplier;
import org.apache.spark.SparkContext;
import org.apache.spark.ui.SparkUI;
import org.apache.spark.ui.SparkUITab;

/**
 * A tab of Spark's UI for the current run, or sweep, on the driver. Access control, address and
 * encryption are those of Spark's UI.
 *
 * <p>Spark has no public API for tabs: {@code SparkUITab} and {@code WebUIPage} are public in
 * bytecode but {@code private[spark]} for the Scala compiler. Spark's own modules and other
 * projects attach tabs in this way; another version of Spark may require a change here.
 */
public final class FiresteelTab extends SparkUITab {
  private static final String PATH = "firesteel";

  private final SparkUI ui;

  private FiresteelTab(
      SparkUI ui, Supplier<RunSnapshot> run, Supplier<Optional<SweepProgress.Snapshot>> sweep) {
    super(ui, PATH);
    this.ui = ui;
    attachPage(new TrainingPage(this, run, sweep));
  }

  /** Attaches the tab if the UI is enabled. */
  public static Optional<FiresteelTab> attach(
      SparkContext context,
      Supplier<RunSnapshot> run,
      Supplier<Optional<SweepProgress.Snapshot>> sweep) {
    if (context.ui().isEmpty()) {
      return Optional.empty();
    }
    SparkUI ui = context.ui().get();
    FiresteelTab tab = new FiresteelTab(ui, run, sweep);
    ui.attachTab(tab);
    return Optional.of(tab);
  }

  /** The page's address. */
  public String url() {
    return ui.webUrl() + "/" + PATH + "/";
  }
}
