package dev.firesteel.spark.rpc;

import dev.firesteel.spark.monitor.FiresteelTab;
import dev.firesteel.spark.monitor.RankReport;
import dev.firesteel.spark.monitor.RunGauges;
import dev.firesteel.spark.monitor.RunStatus;
import dev.firesteel.spark.process.ProcessLocale;
import dev.firesteel.sweep.SweepProgress;
import dev.firesteel.train.RankStep;
import dev.firesteel.train.TrainingEvent;
import dev.firesteel.train.TrainingListener;
import java.io.IOException;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.spark.SparkContext;
import org.apache.spark.SparkContext$;
import org.apache.spark.api.plugin.DriverPlugin;
import org.apache.spark.api.plugin.ExecutorPlugin;
import org.apache.spark.api.plugin.PluginContext;
import org.apache.spark.api.plugin.SparkPlugin;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The channel between the training tasks and the driver during training: events of the run,
 * measurements and heartbeats of its ranks go up; orders come down. It is Spark's own plugin RPC,
 * so it is authenticated and encrypted as Spark is, and needs no Spark job. On the driver the data
 * goes to {@link RunStatus}, which the {@linkplain FiresteelTab tab} in Spark's UI and the
 * {@linkplain RunGauges metrics system} show.
 *
 * <p>Enabled by {@code spark.plugins}, which {@code SparkSessions} sets.
 */
public final class TrainingPlugin implements SparkPlugin {
  private static final Logger LOG = LoggerFactory.getLogger(TrainingPlugin.class);
  private static final String TIME_QUESTION = "firesteel:time?";
  private static final String HEARTBEAT = "firesteel:heartbeat ";
  private static final String SWEEP = "firesteel:sweep ";
  private static final String REPORT = "firesteel:report ";
  private static final String RANK = "firesteel:rank ";
  private static final AtomicReference<Driver> DRIVER = new AtomicReference<>();
  private static final AtomicReference<Executor> EXECUTOR = new AtomicReference<>();

  @Override
  public DriverPlugin driverPlugin() {
    return new Driver();
  }

  @Override
  public ExecutorPlugin executorPlugin() {
    return new Executor();
  }

  /** The driver's side in this JVM. */
  public static Driver driver() {
    return required(DRIVER.get(), "driver");
  }

  /**
   * Sends the driver one event and returns when its listener has processed it, so that nothing is
   * still in transit when the task's result arrives.
   */
  public static void send(TrainingEvent event) {
    ask(JsonLines.write(event));
  }

  /**
   * Sends a rank's measurements to the driver without waiting: a report that is late or lost must
   * not hold the ranks up. Any rank may call it, from any thread.
   */
  public static void sendRankStep(RankStep measured) {
    Executor executor = required(EXECUTOR.get(), "executor");
    executor.lastMeasured.set(measured);
    try {
      executor.context.send(
          RANK + JsonLines.write(new RankReport(executor.context.executorID(), measured)));
    } catch (IOException e) {
      LOG.warn("Could not report the measurements of rank {} to the driver", measured.rank(), e);
    }
  }

  /** Reports a rank's state to the driver, and returns the driver's order. */
  public static Order beat(Heartbeat heartbeat) {
    return Order.valueOf((String) ask(HEARTBEAT + JsonLines.write(heartbeat)));
  }

  /** Reports the state of a run of a sweep to the driver, and returns the driver's order. */
  public static Order beat(SweepBeat beat) {
    return Order.valueOf((String) ask(SWEEP + JsonLines.write(beat)));
  }

  /** Reports to the driver how a rank ended. */
  public static void sendReport(TrainReport report) {
    ask(REPORT + JsonLines.write(report));
  }

  /** The driver's clock, in milliseconds since 1970. */
  public static long driverMillis() {
    return (Long) ask(TIME_QUESTION);
  }

  private static Object ask(String message) {
    try {
      return required(EXECUTOR.get(), "executor").context.ask(message);
    } catch (Exception e) {
      throw new IllegalStateException("the driver does not answer the training task", e);
    }
  }

  private static <T> T required(T end, String side) {
    if (end == null) {
      throw new IllegalStateException(
          "the training plugin is not running on this "
              + side
              + ": spark.plugins must contain "
              + TrainingPlugin.class.getName());
    }
    return end;
  }

  /** Receives events and reports, and answers heartbeats. */
  public static final class Driver implements DriverPlugin {
    private final RunStatus status = new RunStatus();
    private Optional<FiresteelTab> tab = Optional.empty();
    private volatile RunGauges gauges;
    private volatile TrainingListener listener = event -> {};
    private volatile AttemptWatch watch = new AttemptWatch(0);
    private volatile Optional<SweepProgress> sweep = Optional.empty();
    private volatile boolean stop;

    @Override
    public Map<String, String> init(SparkContext context, PluginContext plugin) {
      tab = attachTab(context);
      DRIVER.set(this);
      return Map.of();
    }

    /**
     * The classes of Spark's UI are not public: another Spark version may lack them but can still
     * train.
     */
    private Optional<FiresteelTab> attachTab(SparkContext context) {
      try {
        return FiresteelTab.attach(
            context, status::snapshot, () -> sweep.map(SweepProgress::snapshot));
      } catch (LinkageError e) {
        LOG.warn(
            "Spark's UI has no Firesteel tab, which requires the UI of Spark 4.2; this is Spark {}",
            context.version(),
            e);
        return Optional.empty();
      }
    }

    @Override
    public void registerMetrics(String appId, PluginContext plugin) {
      gauges = RunGauges.onDriver(plugin.metricRegistry(), status);
    }

    @Override
    public Object receive(Object message) {
      if (TIME_QUESTION.equals(message)) {
        return System.currentTimeMillis();
      }
      String line = (String) message;
      if (line.startsWith(HEARTBEAT)) {
        Heartbeat beat =
            JsonLines.read(line.substring(HEARTBEAT.length()), Heartbeat.class, "a heartbeat");
        return watch.heard(beat).name();
      }
      if (line.startsWith(SWEEP)) {
        SweepBeat beat =
            JsonLines.read(
                line.substring(SWEEP.length()), SweepBeat.class, "a report of a sweep's run");
        if (!stop) { // Otherwise the runs that still wait begin, to hear that they shall not.
          sweep.ifPresent(progress -> progress.heard(beat.run(), beat.step(), beat.loss()));
        }
        return (stop ? Order.STOP : Order.GO_ON).name();
      }
      if (line.startsWith(REPORT)) {
        watch.reported(
            JsonLines.read(
                line.substring(REPORT.length()), TrainReport.class, "a training report"));
      } else if (line.startsWith(RANK)) {
        RankReport report =
            JsonLines.read(line.substring(RANK.length()), RankReport.class, "a rank's report");
        status.rankReported(report);
        gauges.heardOf(report.measured().rank());
      } else {
        TrainingEvent event = JsonLines.read(line, TrainingEvent.class, "a training event");
        status.onEvent(event);
        status.metrics().forEach(gauges::heardOf);
        listener.onEvent(event);
      }
      return null;
    }

    @Override
    public void shutdown() {
      DRIVER.compareAndSet(this, null);
    }

    /** Sets the receiver of events, which arrive in order on Spark's RPC thread. */
    public void listen(TrainingListener newListener) {
      listener = newListener;
    }

    /** Sets the sweep that hears of its runs, on Spark's RPC threads, and is shown in the tab. */
    public void showSweep(SweepProgress progress) {
      sweep = Optional.of(progress);
    }

    /** The status of the current run. */
    public RunStatus status() {
      return status;
    }

    /** The URL of the live page, if Spark's UI is enabled. */
    public Optional<String> pageUrl() {
      return tab.map(FiresteelTab::url);
    }

    /** Sets the receiver of heartbeats and rank reports. */
    public void watch(AttemptWatch attempt) {
      watch = attempt;
      if (stop) {
        attempt.order(Order.STOP);
      }
    }

    /** Asks running and later tasks to save a checkpoint and end. */
    public void requestStop() {
      stop = true;
      watch.order(Order.STOP);
    }

    /** Whether {@link #requestStop} was called. */
    public boolean stopRequested() {
      return stop;
    }
  }

  private static final class Executor implements ExecutorPlugin {
    private final AtomicReference<RankStep> lastMeasured = new AtomicReference<>();
    private PluginContext context;

    @Override
    public void init(PluginContext newContext, Map<String, String> extraConf) {
      context = newContext;
      if (!SparkContext$.MODULE$.DRIVER_IDENTIFIER().equals(newContext.executorID())) {
        ProcessLocale.set();
        // A local session is driver and executor in one, and registers before Spark has its name.
        RunGauges.onExecutor(newContext.metricRegistry(), lastMeasured);
      }
      EXECUTOR.set(this);
    }

    @Override
    public void shutdown() {
      EXECUTOR.compareAndSet(this, null);
    }
  }
}
