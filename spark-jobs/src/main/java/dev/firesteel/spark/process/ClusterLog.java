package dev.firesteel.spark.process;

import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicReference;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.logging.log4j.Level;
import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.core.LogEvent;
import org.apache.logging.log4j.core.LoggerContext;
import org.apache.logging.log4j.core.appender.AbstractAppender;
import org.apache.logging.log4j.core.config.AppenderRef;
import org.apache.logging.log4j.core.config.Configuration;
import org.apache.logging.log4j.core.config.LoggerConfig;
import org.apache.logging.log4j.core.config.Property;
import org.apache.spark.SparkContext;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerExecutorAdded;

/**
 * Why a standalone cluster ended the application. Spark reports this only in the driver's log: a
 * listener is not notified of executors that did not start, and a stopped context gives no reason.
 *
 * <p>A master ends an application whose executors cannot be started. If executors start and exit
 * immediately, it restarts them forever; {@value #MOST_FAILURES} of them in a row, none of which
 * reached the driver, end the application here.
 *
 * <p>Listens to two of Spark's loggers from {@link #attach} on, at their level INFO, without
 * changing what they print.
 */
public final class ClusterLog extends AbstractAppender {
  /** The Spark classes that receive messages from a standalone master. */
  static final String SCHEDULER = "org.apache.spark.scheduler.cluster.StandaloneSchedulerBackend";

  static final String CLIENT = "org.apache.spark.deploy.client.StandaloneAppClient$ClientEndpoint";

  private static final List<String> LOGGERS = List.of(SCHEDULER, CLIENT);
  private static final Pattern GRANTED =
      Pattern.compile("Granted executor ID (\\S+) on hostPort (\\S+) with .*");
  private static final Pattern REMOVED =
      Pattern.compile("Executor (\\S+/\\S+) removed: (.*)", Pattern.DOTALL);
  private static final Pattern ENDED =
      Pattern.compile("Application has been killed\\. Reason: (.*)", Pattern.DOTALL);

  /** As many as a master tries to start, {@code spark.deploy.maxExecutorRetries}. */
  private static final int MOST_FAILURES = 10;

  private static final String UNRESPONSIVE = "All masters are unresponsive";

  private static final AtomicReference<ClusterLog> LAST = new AtomicReference<>();

  private final String master;
  private final Set<String> added = new HashSet<>();
  private final Set<String> registered = new HashSet<>();
  private Runnable giveUp = () -> {};
  private int failuresInARow;
  private String grantedExecutor = "";
  private String grantedHost = "";
  private int removals;
  private String removedExecutor;
  private String removedHost;
  private String removedBecause;
  private String connectionFailure = "";
  private String ended;

  private ClusterLog(String master) {
    super("firesteel-cluster-log", null, null, true, Property.EMPTY_ARRAY);
    this.master = master;
  }

  /** Starts listening to the driver's messages from {@code master}. */
  public static ClusterLog attach(String master) {
    var log = new ClusterLog(master);
    log.start();
    // Spark's logger context: ours would differ if another class loader has the job jar.
    if (context() instanceof LoggerContext context) {
      Configuration configuration = context.getConfiguration();
      for (String name : LOGGERS) {
        LoggerConfig before = configuration.getLoggerConfig(name);
        if (before.getName().equals(name)) {
          // Keeps the user's own level: the reason is logged as an error, the executors' messages
          // are not.
          before.addAppender(log, Level.INFO, null);
        } else {
          configuration.addLogger(name, log.listening(name, before));
          log.added.add(name);
        }
      }
      context.updateLoggers();
    }
    LAST.set(log);
    return log;
  }

  /** Learns from the context which executors reached the driver, and stops it when none can. */
  public void watch(SparkContext context) {
    synchronized (this) {
      // Not on Spark's thread, for which stop waits.
      giveUp = () -> new Thread(context::stop, "firesteel-no-executors").start();
      giveUpAfterTooManyFailures();
    }
    context.addSparkListener(
        new SparkListener() {
          @Override
          public void onExecutorAdded(SparkListenerExecutorAdded event) {
            registered(event.executorId());
          }
        });
  }

  /** An executor reached the driver. */
  synchronized void registered(String executor) {
    registered.add(executor);
    failuresInARow = 0;
  }

  /** Stops listening; {@link #reason} stays available. */
  public void detach() {
    if (context() instanceof LoggerContext context) {
      for (String name : LOGGERS) {
        if (added.contains(name)) {
          context.getConfiguration().removeLogger(name);
        } else {
          context.getConfiguration().getLoggerConfig(name).removeAppender(getName());
        }
      }
      added.clear();
      context.updateLoggers();
    }
    stop();
  }

  /** Why the cluster ended this process's application, as a message; empty if it did not. */
  static Optional<String> reason() {
    return Optional.ofNullable(LAST.get()).flatMap(ClusterLog::sentence);
  }

  private static org.apache.logging.log4j.spi.LoggerContext context() {
    return LogManager.getContext(SparkContext.class.getClassLoader(), false);
  }

  /**
   * A logger at level INFO, whose events go to this appender, and on as they went {@code before}.
   */
  private LoggerConfig listening(String name, LoggerConfig before) {
    var listening = new LoggerConfig(name, Level.INFO, false);
    listening.addAppender(this, Level.INFO, null);
    for (LoggerConfig each = before;
        each != null;
        each = each.isAdditive() ? each.getParent() : null) {
      for (AppenderRef ref : each.getAppenderRefs()) {
        Level level = before.getLevel();
        if (ref.getLevel() != null && ref.getLevel().isMoreSpecificThan(level)) {
          level = ref.getLevel();
        }
        listening.addAppender(each.getAppenders().get(ref.getRef()), level, ref.getFilter());
      }
    }
    return listening;
  }

  @Override
  public synchronized void append(LogEvent event) {
    String message = event.getMessage().getFormattedMessage();
    Matcher granted = GRANTED.matcher(message);
    Matcher removed = REMOVED.matcher(message);
    Matcher end = ENDED.matcher(message);
    if (granted.matches()) {
      grantedExecutor = granted.group(1);
      grantedHost = granted.group(2);
    } else if (removed.matches()) {
      removals++;
      removedExecutor = removed.group(1);
      removedHost = removedExecutor.equals(grantedExecutor) ? grantedHost : "its worker";
      removedBecause = Failures.firstLine(removed.group(2));
      if (!registered.contains(removedExecutor.substring(removedExecutor.lastIndexOf('/') + 1))) {
        failuresInARow++;
        giveUpAfterTooManyFailures();
      }
    } else if (end.matches()) {
      ended = Failures.firstLine(end.group(1));
    } else if (message.startsWith("Failed to connect to master") && event.getThrown() != null) {
      connectionFailure = "; " + Failures.firstLine(Failures.root(event.getThrown()).getMessage());
    }
  }

  private void giveUpAfterTooManyFailures() {
    if (failuresInARow >= MOST_FAILURES) {
      giveUp.run();
      giveUp = () -> {}; // Once.
    }
  }

  private synchronized Optional<String> sentence() {
    if (ended == null) {
      return failuresInARow < MOST_FAILURES
          ? Optional.empty()
          : Optional.of(
              "executors cannot start: %d in a row failed, %s"
                  .formatted(failuresInARow, lastFailure()));
    }
    if (ended.startsWith(UNRESPONSIVE)) {
      return Optional.of(
          "no master accepted the application at %s (%s%s): correct the address or start the master; where the cluster has spark.authenticate=true, submit with it and with its spark.authenticate.secret"
              .formatted(master, ended, connectionFailure));
    }
    if (removals == 0) {
      return Optional.of(
          "the cluster ended the application (%s): the log of the master %s says why"
              .formatted(ended, master));
    }
    return Optional.of(
        "the cluster ended the application (%s), whose executors failed %s, %s"
            .formatted(ended, removals == 1 ? "once" : removals + " times", lastFailure()));
  }

  private String lastFailure() {
    return "the last on %s by \"%s\": see work/%s/stderr there, or the worker's own log if that file is missing, and submit again once the cause is fixed"
        .formatted(removedHost, removedBecause, removedExecutor);
  }
}
