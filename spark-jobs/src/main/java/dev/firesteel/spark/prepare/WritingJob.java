package dev.firesteel.spark.prepare;

import dev.firesteel.error.UserException;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.apache.spark.JobExecutionStatus;
import org.apache.spark.SparkJobInfo;
import org.apache.spark.api.java.JavaFutureAction;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.api.java.JavaSparkStatusTracker;

/**
 * A job whose tasks write files. When a task fails, Spark asks the others to end and does not wait
 * for them, so that one may create its file after the driver has deleted all of them.
 */
final class WritingJob {
  private static final long POLL_MILLIS = 20;

  /** A file system that hangs must not keep the error from the user. */
  private static final long LIMIT_NANOS = TimeUnit.SECONDS.toNanos(10);

  private WritingJob() {}

  /**
   * Like {@link JavaRDD#collect}, but a failure is thrown once none of the job's tasks runs, or ten
   * seconds later.
   */
  static <T> List<T> collect(JavaRDD<T> rdd) {
    JavaFutureAction<List<T>> job = rdd.collectAsync();
    try {
      return job.get();
    } catch (ExecutionException e) {
      awaitTasks(JavaSparkContext.fromSparkContext(rdd.context()), job.jobIds());
      throw new IllegalStateException("the job that writes files failed", e.getCause());
    } catch (InterruptedException e) {
      job.cancel(true);
      Thread.currentThread().interrupt();
      throw UserException.failure("writing files was interrupted", e);
    }
  }

  private static void awaitTasks(JavaSparkContext context, List<Integer> jobs) {
    long began = System.nanoTime();
    while (!context.sc().isStopped()
        && jobs.stream().anyMatch(job -> runs(context.statusTracker(), job))
        && System.nanoTime() - began < LIMIT_NANOS) {
      try {
        Thread.sleep(POLL_MILLIS);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        return;
      }
    }
  }

  /**
   * Whether the job has not ended or one of its tasks runs. The tracker learns of a task's start
   * before it learns of the job's end.
   */
  private static boolean runs(JavaSparkStatusTracker tracker, int id) {
    SparkJobInfo job = tracker.getJobInfo(id);
    return job == null // The tracker has yet to learn of it.
        || job.status() == JobExecutionStatus.RUNNING
        || Arrays.stream(job.stageIds())
            .mapToObj(tracker::getStageInfo)
            .anyMatch(stage -> stage != null && stage.numActiveTasks() > 0);
  }
}
