package dev.firesteel.spark.monitor;

import java.util.Optional;
import java.util.function.Supplier;
import org.apache.spark.SparkContext;
import org.apache.spark.ui.SparkUI;
import org.apache.spark.ui.SparkUITab;

/**
 * A tab of Spark's UI for the run that goes on, on the driver; who may see it, by which address and
 * whether encrypted is as Spark's UI is set up.
 *
 * <p>Spark has no public interface for tabs: {@code SparkUITab} and {@code WebUIPage} are public in
 * bytecode and {@code private[spark]} for Scala's compiler. Spark's own modules and others attach
 * tabs so; another version of Spark may need a change here.
 */
public final class FiresteelTab extends SparkUITab {
  private static final String PATH = "firesteel";

  private final SparkUI ui;

  private FiresteelTab(SparkUI ui, Supplier<RunSnapshot> run) {
    super(ui, PATH);
    this.ui = ui;
    attachPage(new TrainingPage(this, run));
  }

  /** Attaches the tab where the UI is enabled. */
  public static Optional<FiresteelTab> attach(SparkContext context, Supplier<RunSnapshot> run) {
    if (context.ui().isEmpty()) {
      return Optional.empty();
    }
    SparkUI ui = context.ui().get();
    FiresteelTab tab = new FiresteelTab(ui, run);
    ui.attachTab(tab);
    return Optional.of(tab);
  }

  /** The page's address. */
  public String url() {
    return ui.webUrl() + "/" + PATH + "/";
  }
}
