package dev.firesteel.spark;

import dev.firesteel.error.UserException;
import dev.firesteel.train.TrainingOutcome;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.Optional;

/**
 * How a training task ended, in the few words that travel back to the driver; weights stay where
 * the checkpoints are. A failure travels as a value, because Spark drops the cause of a barrier
 * stage's failure.
 */
final class TrainReport {
  private String outcome;
  private String failureKind;
  private String failure;
  private String stackTrace;

  static TrainReport ended(TrainingOutcome outcome) {
    TrainReport report = new TrainReport();
    report.outcome = outcome.name();
    return report;
  }

  static TrainReport failed(Throwable cause) {
    TrainReport report = new TrainReport();
    StringWriter trace = new StringWriter();
    cause.printStackTrace(new PrintWriter(trace, true));
    report.stackTrace = trace.toString();
    report.failure = String.valueOf(cause.getMessage());
    Optional<String> known = Failures.surroundings(cause);
    if (cause instanceof UserException mistake) {
      report.failureKind = mistake.kind().name();
    } else if (known.isPresent()) {
      report.failureKind = UserException.Kind.FAILURE.name();
      report.failure = known.get();
    } else {
      report.failure = cause.getClass().getSimpleName() + ": " + report.failure;
    }
    return report;
  }

  /**
   * The outcome.
   *
   * @throws UserException when the task failed by the user's mistake
   * @throws TrainingFailure when it failed otherwise
   */
  TrainingOutcome outcome() {
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
  static final class TrainingFailure extends RuntimeException {
    private static final long serialVersionUID = 1L;

    TrainingFailure(String failure, String remoteTrace) {
      super(failure + "\nin the training task: " + remoteTrace.stripTrailing(), null, false, false);
    }
  }
}
