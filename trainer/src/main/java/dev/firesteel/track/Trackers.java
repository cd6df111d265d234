package dev.firesteel.track;

import dev.firesteel.config.StageConfig;
import dev.firesteel.config.TrackingConfig;
import dev.firesteel.run.RunDirectory;
import dev.firesteel.train.TrainingEvent;
import dev.firesteel.train.TrainingListener;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.Predicate;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The trackers that a run's configuration asks for, as one listener of the run on rank 0. Whatever
 * happens to a tracker, the run continues; the user gets a notice.
 */
public final class Trackers implements TrainingListener, AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Trackers.class);

  /** What there is; another tracker is another row. */
  private static final List<Kind> ALL =
      List.of(
          new Kind(
              "tensorboard",
              TrackingConfig::hasTensorboard,
              TensorBoardTracker::new,
              Duration.ofMinutes(1)),
          new Kind(
              "mlflow",
              config -> config.mlflow().wanted(),
              MlflowTracker::new,
              Duration.ofMinutes(5)));

  private final List<TrackerThread> threads;

  /** Makes a tracker of a run. */
  @FunctionalInterface
  private interface Maker {
    Tracker open(StageConfig config, RunDirectory run, Consumer<String> notices) throws IOException;
  }

  private record Kind(
      String name, Predicate<TrackingConfig> wanted, Maker maker, Duration patience) {}

  private Trackers(List<TrackerThread> threads) {
    this.threads = threads;
  }

  /**
   * Starts the trackers of a run. They are ready before the run begins to report, and must be
   * closed after it has ended, however it ended.
   *
   * @param rank of this process; only the first has trackers
   * @param notices receives messages about trackers, from their threads
   */
  public static Trackers open(
      StageConfig config, RunDirectory run, int rank, TrainingListener notices) {
    if (rank != 0) {
      return new Trackers(List.of());
    }
    Consumer<String> safely = line -> tell(notices, line);
    return new Trackers(
        ALL.stream()
            .filter(kind -> kind.wanted().test(config.tracking()))
            .map(
                kind ->
                    new TrackerThread(
                        kind.name(),
                        () -> kind.maker().open(config, run, safely),
                        safely,
                        kind.patience()))
            .toList());
  }

  /** A driver that is gone must not end a tracker's thread. */
  private static void tell(TrainingListener notices, String line) {
    LOG.debug(line);
    try {
      notices.notice(line);
    } catch (RuntimeException e) {
      LOG.warn("The driver could not be informed about a tracker", e);
    }
  }

  /**
   * Delivers what trackers could not deliver while the run was in training, because their servers
   * were away. The run must not be in training.
   *
   * @param notices receives messages
   * @return the number of requests that still wait
   * @throws dev.firesteel.error.UserException if the run's configuration cannot be read
   */
  public static int deliver(RunDirectory run, Consumer<String> notices) {
    return MlflowTracker.deliver(run, notices);
  }

  @Override
  public void onEvent(TrainingEvent event) {
    threads.forEach(thread -> thread.offer(event));
  }

  /** Delivers what is queued, within a time limit, and ends the trackers' threads. */
  @Override
  public void close() {
    threads.forEach(TrackerThread::close);
  }
}
