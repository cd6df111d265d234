package dev.firesteel.train;

import dev.firesteel.config.StageConfig;
import dev.firesteel.metrics.Histogram;
import dev.firesteel.metrics.Measures;
import dev.firesteel.metrics.Metric;
import dev.firesteel.metrics.Metrics;
import dev.firesteel.run.RunDirectory;
import dev.firesteel.run.RunSession;
import dev.firesteel.run.RunWriter;
import dev.firesteel.run.SessionEnd;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/**
 * What rank 0 writes and reports about a run: {@code config.yaml}, {@code run.json}, {@code
 * metrics.jsonl}, {@code samples.jsonl}, and events. On other ranks it does nothing. Files are
 * written on a separate thread.
 */
final class RunJournal implements AutoCloseable {
  private final boolean first;
  private final TrainingListener listener;
  private final RunWriter files;
  private MetricsLog log; // null before start, and on other ranks
  private RunDirectory run; // likewise

  RunJournal(TrainingContext context, Duration limit) {
    first = context.collective().rank() == 0;
    listener = first ? context.listener() : event -> {};
    files = new RunWriter(limit);
  }

  /** Receives the events of this rank; only those of rank 0 are reported. */
  TrainingListener listener() {
    return listener;
  }

  /**
   * Begins a session.
   *
   * @param afterStep step after which existing rows are dropped; -1: all rows
   */
  void start(
      RunDirectory of, StageConfig config, StageInfo stage, RunSession session, long afterStep) {
    if (first) {
      run = of;
      files.submit("writing " + run + "/" + RunDirectory.CONFIG, () -> run.writeConfig(config));
      files.submit(
          "writing " + run + "/" + RunDirectory.RUN,
          () -> {
            run.addSession(session);
            run.writeStage(stage.name(), reported(stage), stage.headline());
          });
      log = MetricsLog.open(files, run, afterStep);
    }
  }

  /** All metrics of a run, in order: the stage's, then those of speed. */
  private static List<Metric> reported(StageInfo stage) {
    List<Metric> all = new ArrayList<>(stage.metrics());
    all.addAll(
        List.of(
            Metrics.TOKENS_PER_SECOND,
            Metrics.STEP_MILLIS,
            Metrics.ALLOCATED_BYTES,
            Metrics.GC_MILLIS));
    return all;
  }

  void step(TrainingEvent.StepLogged step) {
    if (first) {
      log.step(step);
      listener.onEvent(step);
    }
  }

  void evaluated(long step, Measures measures) {
    listener.onEvent(new TrainingEvent.Evaluated(step, measures));
  }

  void sampled(long step, String text) {
    if (first) {
      log.sample(step, text);
      listener.onEvent(new TrainingEvent.Sampled(step, text));
    }
  }

  void histograms(long step, List<Histogram> histograms) {
    listener.onEvent(new TrainingEvent.Histograms(step, histograms));
  }

  /** Whether this rank shows samples. */
  boolean isFirst() {
    return first;
  }

  /** Flushes all rows to where a resumed run finds them, once the files are idle. */
  void sync() {
    if (first) {
      log.sync();
    }
  }

  /** Waits at most the given time, and returns whether all files are written. */
  boolean isIdle(Duration patience) {
    return files.isIdle(patience);
  }

  /** Throws any failure so far. */
  void poll() {
    files.poll();
  }

  /** Writes everything pending and how the session ended; returns when it is written. */
  void finish(TrainingOutcome outcome, long step) {
    if (first) {
      log.sync();
      end(SessionEnd.now(outcome, step));
      files.finish();
    }
  }

  /** Records that the session fails, as far as the files still can be written. */
  void failed(long step, Throwable failure) {
    if (run == null) {
      return;
    }
    try {
      end(SessionEnd.failed(step, failure));
    } catch (RuntimeException | Error e) {
      if (e != failure) {
        failure.addSuppressed(e);
      }
    }
  }

  private void end(SessionEnd end) {
    files.submit("writing " + run + "/" + RunDirectory.RUN, () -> run.endSession(end));
  }

  @Override
  public void close() {
    files.close();
  }
}
