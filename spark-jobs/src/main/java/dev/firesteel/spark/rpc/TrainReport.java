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
 * How a training task ended, in the few words that travel back to the driver; weights stay where
 * the checkpoints are. A failure travels as a value, because Spark drops the cause of a barrier
 * stage's failure.
 *
 * <p>It travels twice: by Spark's RPC as soon as the task ends, which a lost executor beside it
 * cannot prevent, and as the task's result.
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
   * The report of a rank whose loop ended in order.
   *
   * @param last where the rank stood
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
      // A file system that fails for once is none.
      report.mistake = known.isPresent() || !Failures.isOfFiles(cause);
    } else if (known.isPresent()) {
      report.failureKind = UserException.Kind.FAILURE.name();
      report.failure = known.get();
      // Memory may suffice when all begins anew; a full disk will still be full.
      report.mistake = !(Failures.root(cause) instanceof OutOfMemoryError);
    } else if (!report.consequence) {
      report.failure = cause.getClass().getSimpleName() + ": " + report.failure;
    }
    return report;
  }

  /** Where the rank stood when it ended. */
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

  /** Whether the task failed by something that a further attempt would meet again. */
  public boolean isMistake() {
    return mistake;
  }

  /** The rank that a consequence is due to; -1 if that is not known. */
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
   * @throws UserException when the task failed by the user's mistake
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

  /** What went wrong in a task; the message goes on with the stack trace of its process. */
  public static final class TrainingFailure extends RuntimeException {
    private static final long serialVersionUID = 1L;

    public TrainingFailure(String failure, String remoteTrace) {
      super(failure + "\nin the training task: " + remoteTrace.stripTrailing(), null, false, false);
    }
  }
}
