package dev.firesteel.spark.driver;

import dev.firesteel.spark.process.Failures;
import dev.firesteel.spark.rpc.AttemptWatch;
import dev.firesteel.spark.rpc.Heartbeat;
import dev.firesteel.spark.rpc.TrainReport;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * The root cause that ended an attempt, found among all failures that followed from it.
 *
 * @param report of the rank that failed; null if a rank was lost without a report
 * @param executorLost whether an executor was lost; else the training itself failed
 * @param sentence rank, host, step, what it was doing, and the cause
 */
record AttemptFailure(TrainReport report, boolean executorLost, String sentence) {

  /**
   * Which failure came first: preferably one that a rank reports about itself, then a lost
   * executor, then what ranks report about each other.
   *
   * @param watch the driver's view of the attempt
   * @param silenced the rank that was killed for missing heartbeats, if any
   * @param removed executors that were removed meanwhile
   * @param job why Spark ended the job; null if all its tasks ended
   */
  static AttemptFailure find(
      AttemptWatch watch,
      Optional<Heartbeat> silenced,
      List<RemovedExecutors.Removed> removed,
      Throwable job) {
    List<TrainReport> failed = watch.reports().stream().filter(TrainReport::isFailure).toList();
    Optional<TrainReport> own =
        failed.stream().filter(report -> !report.isConsequence()).findFirst();
    if (own.isPresent()) {
      return new AttemptFailure(
          own.get(), false, sentence(own.get().last(), "failed", own.get().failure()));
    }
    if (silenced.isPresent()) {
      return new AttemptFailure(
          null, true, sentence(silenced.get(), "did not answer", "its executor was killed"));
    }
    for (RemovedExecutors.Removed each : removed) {
      Optional<Heartbeat> rank = watch.onExecutor(each.executor());
      if (rank.isPresent()) {
        return new AttemptFailure(null, true, sentence(rank.get(), "was lost", each.reason()));
      }
    }
    Optional<TrainReport> first = failed.stream().min(Comparator.comparing(TrainReport::step));
    if (first.isPresent()) {
      TrainReport report = first.get();
      String sentence =
          watch
              .rank(report.blamed())
              .map(blamed -> sentence(blamed, "failed", report.failure()))
              .orElseGet(() -> sentence(report.last(), "gave up", report.failure()));
      return new AttemptFailure(report, false, sentence);
    }
    if (!removed.isEmpty()) {
      return new AttemptFailure(
          null,
          true,
          "executor %s was lost before it trained: %s"
              .formatted(removed.get(0).executor(), removed.get(0).reason()));
    }
    return new AttemptFailure(
        null,
        false,
        "Spark ended the job: "
            + String.valueOf(job).lines().limit(3).collect(Collectors.joining(" ")));
  }

  private static String sentence(Heartbeat where, String what, String cause) {
    return "%s %s after %d steps, %s: %s"
        .formatted(
            where.who(), what, where.step(), where.phase().inWords(), Failures.firstLine(cause));
  }
}
