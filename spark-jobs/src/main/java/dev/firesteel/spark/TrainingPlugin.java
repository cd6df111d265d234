package dev.firesteel.spark;

import java.util.Map;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import org.apache.spark.SparkContext;
import org.apache.spark.api.plugin.DriverPlugin;
import org.apache.spark.api.plugin.ExecutorPlugin;
import org.apache.spark.api.plugin.PluginContext;
import org.apache.spark.api.plugin.SparkPlugin;

/**
 * The line between a training task and the driver while the task runs: metrics go up as lines of
 * JSON, the wish to stop comes down. It is Spark's own plugin RPC, so it is authenticated and
 * encrypted as Spark is, and costs no Spark job.
 *
 * <p>Set by {@code spark.plugins}, which {@link SparkSessions} does.
 */
public final class TrainingPlugin implements SparkPlugin {
  private static final String STOP_QUESTION = "firesteel:stop?";
  private static final AtomicReference<Driver> DRIVER = new AtomicReference<>();
  private static final AtomicReference<PluginContext> EXECUTOR = new AtomicReference<>();

  @Override
  public DriverPlugin driverPlugin() {
    return new Driver();
  }

  @Override
  public ExecutorPlugin executorPlugin() {
    return new Executor();
  }

  /** The driver's end in this JVM. */
  static Driver driver() {
    return required(DRIVER.get(), "driver");
  }

  /**
   * Tells the driver of one event and returns when its listener has heard it, so that nothing is
   * still under way when the task's result arrives.
   */
  static void send(String event) {
    ask(event);
  }

  /** Asks the driver whether the run should stop at the next step. */
  static boolean stopRequested() {
    return (Boolean) ask(STOP_QUESTION);
  }

  private static Object ask(String message) {
    try {
      return required(EXECUTOR.get(), "executor").ask(message);
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

  /** Receives events and answers the stop question. */
  static final class Driver implements DriverPlugin {
    private volatile Consumer<String> listener = event -> {};
    private volatile boolean stop;

    @Override
    public Map<String, String> init(SparkContext context, PluginContext plugin) {
      DRIVER.set(this);
      return Map.of();
    }

    @Override
    public Object receive(Object message) {
      if (STOP_QUESTION.equals(message)) {
        return stop;
      }
      listener.accept((String) message);
      return null;
    }

    @Override
    public void shutdown() {
      DRIVER.compareAndSet(this, null);
    }

    /** Who gets the events from now on; called from Spark's RPC thread, in order of arrival. */
    void listen(Consumer<String> newListener) {
      listener = newListener;
    }

    /** Asks running and later tasks to checkpoint and end. */
    void requestStop() {
      stop = true;
    }
  }

  private static final class Executor implements ExecutorPlugin {
    private PluginContext context;

    @Override
    public void init(PluginContext newContext, Map<String, String> extraConf) {
      context = newContext;
      EXECUTOR.set(newContext);
    }

    @Override
    public void shutdown() {
      EXECUTOR.compareAndSet(context, null);
    }
  }
}
