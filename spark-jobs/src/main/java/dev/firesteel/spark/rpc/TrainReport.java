package dev.firesteel.spark.rpc;

import dev.firesteel.collective.CollectiveException;
import dev.firesteel.collective.CollectiveFailure;
import dev.firesteel.error.UserException;
import dev.firesteel.spark.process.Failures;
import dev.firesteel.train.TrainingOutcome;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.Optional;
import org.apache.spark.TaskKilledException;

/**
 * How a training task ended, in the few facts that are sent to the driver; weights stay with the
 * checkpoints. A failure is sent as a value, because Spark drops the cause of a barrier stage's
 * failure.
 *
 * <p>It is sent twice: through Spark's RPC as soon as the task ends, which the loss of another
 * executor cannot prevent, and as the task's result.
 */
public final class TrainReport {
  private Heartbeat last;
  private String outcome;
  private String failureKind;
  private String failure;
  private String stackTrace;
  private boolean consequence;
  private boolean mistake;
  private int blamed = -1;

  /**
   * The report of a rank whose loop ended normally.
   *
   * @param last state of the rank
   */
  public static TrainReport ended(Heartbeat last, TrainingOutcome outcome) {
    TrainReport report = new TrainReport();
    report.last = last;
    report.outcome = outcome.name();
    return report;
  }

  /** The report of a rank that ended with an exception. */
  public static TrainReport failed(Heartbeat last, Throwable cause) {
    TrainReport report = new TrainReport();
    report.last = last;
    StringWriter trace = new StringWriter();
    cause.printStackTrace(new PrintWriter(trace, true));
    report.stackTrace = trace.toString();
    report.failure = String.valueOf(cause.getMessage());
    report.consequence =
        cause instanceof CollectiveException || cause instanceof TaskKilledException;
    if (cause instanceof CollectiveException ofAnother) {
      report.blamed = ofAnother.failure().map(CollectiveFailure::rank).orElse(-1);
    }
    Optional<String> known = Failures.surroundings(cause);
    if (cause instanceof UserException own) {
      report.failureKind = own.kind().name();
      // A single file system failure does not count.
      report.mistake = known.isPresent() || !Failures.isOfFiles(cause);
    } else if (known.isPresent()) {
      report.failureKind = UserException.Kind.FAILURE.name();
      report.failure = known.get();
      // Memory may suffice after a restart; a full disk will still be full.
      report.mistake = !(Failures.root(cause) instanceof OutOfMemoryError);
    } else if (!report.consequence) {
      report.failure = cause.getClass().getSimpleName() + ": " + report.failure;
    }
    return report;
  }

  /** The rank's state when it ended. */
  public Heartbeat last() {
    return last;
  }

  long attempt() {
    return last.attempt();
  }

  public int rank() {
    return last.rank();
  }

  public long step() {
    return last.step();
  }

  public boolean isFailure() {
    return failure != null;
  }

  /** Whether the task failed because another rank did. */
  public boolean isConsequence() {
    return consequence;
  }

  /** Whether the task failed in a way that every further attempt would repeat. */
  public boolean isMistake() {
    return mistake;
  }

  /** The rank that caused a secondary failure; -1 if that is not known. */
  public int blamed() {
    return blamed;
  }

  public String failure() {
    return failure;
  }

  public String stackTrace() {
    return stackTrace;
  }

  /**
   * The outcome.
   *
   * @throws UserException when the task failed because of a user error
   * @throws TrainingFailure when it failed otherwise
   */
  public TrainingOutcome outcome() {
    if (failure == null) {
      return TrainingOutcome.valueOf(outcome);
    }
    TrainingFailure remote = new TrainingFailure(failure, stackTrace);
    if (failureKind == null) {
      throw remote;
    }
    throw switch (UserException.Kind.valueOf(failureKind)) {
      case USAGE -> UserException.usage(failure, remote);
      case FAILURE -> UserException.failure(failure, remote);
    };
  }

  /** The error of a task; the message includes the stack trace of its process. */
  public static final class TrainingFailure extends RuntimeException {
    private static final long serialVersionUID = 1L;

    public TrainingFailure(String failure, String remoteTrace) {
      super(failure + "\nin the training task: " + remoteTrace.stripTrailing(), null, false, false);
    }
  }
}
