package dev.firesteel.spark.driver;

import dev.firesteel.checkpoint.Attempt;
import dev.firesteel.checkpoint.Checkpoint;
import dev.firesteel.checkpoint.CheckpointStore;
import dev.firesteel.config.StageConfig;
import dev.firesteel.error.UserException;
import dev.firesteel.files.FolderLock;
import dev.firesteel.files.HadoopFiles;
import dev.firesteel.run.RunDirectory;
import dev.firesteel.spark.executor.TrainTask;
import dev.firesteel.spark.rpc.AttemptWatch;
import dev.firesteel.spark.rpc.Order;
import dev.firesteel.spark.rpc.TrainAssignment;
import dev.firesteel.spark.rpc.TrainReport;
import dev.firesteel.spark.rpc.TrainingPlugin;
import dev.firesteel.train.TrainingEvent;
import dev.firesteel.train.TrainingListener;
import dev.firesteel.train.TrainingOutcome;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.function.BooleanSupplier;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.apache.spark.SparkContext;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.resource.ResourceProfile;
import org.apache.spark.resource.ResourceProfileBuilder;
import org.apache.spark.resource.TaskResourceRequests;
import org.apache.spark.sql.SparkSession;
import scala.reflect.ClassTag$;

/**
 * Pretrains on executors, in <em>attempts</em>: each is one barrier job whose tasks, one per rank,
 * find each other and train together until the run ends or one of them fails. Spark never retries a
 * barrier stage that returns a result, and could not change the number of its tasks; so the loop
 * over attempts is here. The next one resumes from the last checkpoint, with as many ranks as there
 * is room for.
 *
 * <p>Tasks communicate with the driver through {@link TrainingPlugin}, and with each other through
 * their own collective. Weights go from the tasks to the run directory, never through the driver.
 *
 * <p>Runs on the driver.
 */
public final class TrainingJob {
  private static final int SECRET_BYTES = 32;
  private static final long POLL_MILLIS = 200;
  private static final Duration SETTLED = Duration.ofSeconds(2);
  private static final Duration LISTENERS_LAG = Duration.ofSeconds(5);

  private final SparkContext context;
  private final StageConfig config;
  private final Configuration hadoop;
  private final RunDirectory directory;
  private final LiveExecutors executors;
  private final TrainingPlugin.Driver plugin = TrainingPlugin.driver();
  private final RemovedExecutors removed = new RemovedExecutors();
  private final SecureRandom random = new SecureRandom();

  /** Reports to the listener how rank 0's attempt ended; used if that ends the run. */
  private volatile Runnable tellEnd = () -> {};

  public TrainingJob(SparkSession spark, StageConfig config) {
    this.context = spark.sparkContext();
    this.config = config;
    this.hadoop = context.hadoopConfiguration();
    this.directory = RunDirectory.of(config, hadoop);
    this.executors = new LiveExecutors(context);
  }

  /**
   * Trains from the run's last checkpoint, or from the first step, to the end or until {@link
   * TrainingPlugin.Driver#requestStop}.
   *
   * @param listener receives the run's events during training, on one of Spark's threads
   * @throws UserException when the run failed because of a user error, or too often
   */
  @SuppressWarnings("try") // The lock is held, not used.
  public TrainingOutcome run(TrainingListener listener) {
    refuseDynamicAllocation();
    refuseTrainersWithoutExecutors();
    config.cluster().requireShares(config.training().microBatches());
    plugin.listen(
        event -> {
          if (event instanceof TrainingEvent.Ended) {
            tellEnd = () -> listener.onEvent(event);
          } else {
            listener.onEvent(event);
          }
        });
    // A killed task shall hear of it while it computes, not after.
    context.setInterruptOnCancel(true);
    context.addSparkListener(removed);
    try (FolderLock lock = directory.lock()) {
      return trainInAttempts(listener);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("the driver's thread was interrupted", e);
    } finally {
      context.removeSparkListener(removed);
    }
  }

  private void refuseDynamicAllocation() {
    if (context.conf().getBoolean("spark.dynamicAllocation.enabled", false)) {
      throw UserException.usage(
          "training needs a fixed set of executors, got spark.dynamicAllocation.enabled=true: submit with --conf spark.dynamicAllocation.enabled=false and --num-executors (runs grow and shrink by themselves, see docs/cluster.md)");
    }
  }

  private void refuseTrainersWithoutExecutors() {
    if (executors.embedded() && config.cluster().trainers() > 1) {
      throw UserException.usage(
          "cluster.trainers must be 1 where Spark runs in one process, got %d: submit the run to a cluster, or leave it out"
              .formatted(config.cluster().trainers()));
    }
  }

  private TrainingOutcome trainInAttempts(TrainingListener listener) throws InterruptedException {
    RetryBudget budget = new RetryBudget(config.cluster());
    TrainerCount count = new TrainerCount(config, firstRequested());
    Set<String> toldUnused = new HashSet<>();
    boolean begun = false;
    while (true) {
      sleep(
          Duration.ofSeconds(config.cluster().waitSeconds()),
          () -> executors.idleFor(count.awaited()));
      if (plugin.stopRequested()) {
        return TrainingOutcome.INTERRUPTED;
      }
      if (!begun) {
        executors.requireAlike();
        begun = true;
      }
      executors.unused().stream()
          .filter(unused -> toldUnused.add(unused.id()))
          .forEach(unused -> listener.notice(unused.why()));
      int awaited = count.awaited();
      int room = executors.trainers();
      int worldSize = count.next(room);
      count.disappointment(worldSize).ifPresent(listener::notice);
      if (worldSize < awaited) {
        listener.notice(
            "There is room for %d of %d trainers: the run continues with %d"
                .formatted(room, awaited, worldSize));
      }
      boolean grew = count.isGrowing();
      long stepBefore = grew ? lastStep() : -1;
      BarrierJob attempt = new BarrierJob(beginAttempt(listener), worldSize, count.growInterval());
      Optional<AttemptFailure> failure = attempt.run();
      if (failure.isEmpty() && !attempt.endedToGrow()) {
        tellEnd.run();
        return attempt.outcome();
      }
      count.ended(failure.isEmpty() || (grew && lastStep() > stepBefore));
      if (failure.isEmpty()) {
        count.grow(worldSize);
        listener.notice("There is room for more trainers: the run continues with them");
        continue;
      }
      if (plugin.stopRequested()) {
        return TrainingOutcome.INTERRUPTED;
      }
      goOnOrThrow(failure.get(), grew, attempt.number(), budget, listener);
    }
  }

  private long lastStep() {
    return lastCheckpoint().map(Checkpoint::step).orElse(-1L);
  }

  /**
   * The run's next attempt, which keeps processes of earlier ones from writing. A single process on
   * local files has a lock for that, which is released when it ends.
   */
  private Optional<Attempt> beginAttempt(TrainingListener listener) {
    return executors.embedded() && !directory.hasAttempts()
        ? Optional.empty()
        : Optional.of(directory.beginAttempt(listener::notice));
  }

  /** The configured number, else that of the submission, else what is available. */
  private int firstRequested() throws InterruptedException {
    int requested =
        config.cluster().trainers() > 0 ? config.cluster().trainers() : executors.requested();
    if (requested > 0 || executors.embedded()) {
      return Math.max(1, requested);
    }
    // Executors register one by one: use those present when no more arrive.
    long[] changed = {System.nanoTime()};
    int[] seen = {0};
    sleep(
        Duration.ofSeconds(config.cluster().waitSeconds()),
        () -> {
          int now = executors.trainers();
          if (now != seen[0]) {
            seen[0] = now;
            changed[0] = System.nanoTime();
          }
          return now > 0 && System.nanoTime() - changed[0] > SETTLED.toNanos();
        });
    return Math.max(1, seen[0]);
  }

  /**
   * Returns when the next attempt may begin.
   *
   * @param grew whether it had more ranks than the previous one: then the error may be due to an
   *     executor that the run can do without
   */
  private void goOnOrThrow(
      AttemptFailure failure,
      boolean grew,
      long attempt,
      RetryBudget budget,
      TrainingListener listener)
      throws InterruptedException {
    TrainReport report = failure.report();
    if (report != null && ((report.isMistake() && !grew) || executors.embedded())) {
      report.outcome(); // Throws the rank's exception.
    }
    if (executors.embedded()) {
      throw new IllegalStateException(failure.sentence());
    }
    Optional<Checkpoint> last = lastCheckpoint();
    String from =
        last.map(checkpoint -> "the checkpoint of step " + checkpoint.step()).orElse("the start");
    if (!budget.allows(failure.executorLost(), last.map(Checkpoint::step).orElse(-1L))) {
      throw UserException.failure(
          "training failed too often (%s): %s: find the cause in the executor's log or with --verbose, and run the same command to resume from %s"
              .formatted(
                  budget.used(),
                  failure.sentence(),
                  last.map(Checkpoint::toString).orElse("the start")),
          report == null
              ? null
              : new TrainReport.TrainingFailure(report.failure(), report.stackTrace()));
    }
    Duration pause = budget.pause();
    listener.notice(
        "Attempt %d ended: %s; resuming from %s%s (%s)"
            .formatted(
                attempt,
                failure.sentence(),
                from,
                pause.isZero() ? "" : " in " + pause.toSeconds() + " s",
                budget.used()));
    sleep(pause, () -> false);
  }

  /** Sleeps until a condition holds, the run should stop, or time is up. */
  private void sleep(Duration limit, BooleanSupplier enough) throws InterruptedException {
    long end = System.nanoTime() + limit.toNanos();
    while (!enough.getAsBoolean() && !plugin.stopRequested() && System.nanoTime() < end) {
      if (context.isStopped()) { // By the cluster, for a reason that Failures reports.
        throw new IllegalStateException("Spark has ended the application");
      }
      Thread.sleep(POLL_MILLIS);
    }
  }

  private Optional<Checkpoint> lastCheckpoint() {
    CheckpointStore checkpoints = directory.checkpoints(notice -> {});
    return checkpoints.latest();
  }

  /** One barrier job. */
  private final class BarrierJob {
    private final long number;
    private final String fence;
    private final int worldSize;
    private final Duration growInterval;
    private final AttemptWatch watch;
    private TrainingOutcome outcome;
    private boolean endedToGrow;

    /**
     * @param attempt of the run directory, if it has any
     * @param growInterval after which it ends if there is room for more ranks; zero: never
     */
    BarrierJob(Optional<Attempt> attempt, int worldSize, Duration growInterval) {
      this.growInterval = growInterval;
      this.number = attempt.map(Attempt::number).orElse(1L);
      this.fence = attempt.map(Attempt::token).orElse("");
      this.worldSize = worldSize;
      this.watch = new AttemptWatch(number);
    }

    long number() {
      return number;
    }

    /** The run's state when all ranks had ended without a failure. */
    TrainingOutcome outcome() {
      return outcome;
    }

    /** Whether the ranks ended because there is room for more of them. */
    boolean endedToGrow() {
      return endedToGrow;
    }

    /** Trains; returns the failure that ended the attempt, if one did. */
    Optional<AttemptFailure> run() throws InterruptedException {
      removed.drain();
      plugin.watch(watch);
      Throwable job = null;
      JavaRDD<TrainReport> tasks = tasks();
      String jobGroup = "firesteel-attempt-" + number + "-" + UUID.randomUUID();
      AttemptMonitor monitor =
          new AttemptMonitor(
              context,
              jobGroup,
              watch,
              config,
              executors,
              worldSize,
              growInterval,
              plugin::stopRequested);
      context.setJobGroup(jobGroup, "training " + config.name(), true);
      plugin.status().attemptStarted(Math.toIntExact(number), worldSize);
      monitor.start();
      try {
        tasks.collect().forEach(watch::reported);
      } catch (Exception e) { // Spark throws checked exceptions that it does not declare.
        job = e;
      } finally {
        // Any rank that is still training belongs to an attempt that has ended.
        watch.order(Order.ABORT);
        monitor.close();
        context.clearJobGroup();
      }
      List<TrainReport> reports = watch.reports();
      // An executor that is lost after its rank has reported its end does not count.
      if (reports.size() == worldSize && reports.stream().noneMatch(TrainReport::isFailure)) {
        outcome = reports.get(0).outcome();
        endedToGrow =
            monitor.askedToGrow()
                && outcome == TrainingOutcome.INTERRUPTED
                && !plugin.stopRequested();
        if (outcome == TrainingOutcome.INTERRUPTED && !asked(monitor)) {
          return Optional.of(
              ended(
                  new AttemptFailure(
                      null,
                      false,
                      "training stopped unexpectedly after %d steps: a trainer was killed or lost its connection to the driver"
                          .formatted(watch.step()))));
        }
        plugin.status().attemptEnded(watch.step(), outcome.name().toLowerCase(Locale.ROOT));
        return Optional.empty();
      }
      return Optional.of(
          ended(AttemptFailure.find(watch, monitor.silenced(), removedExecutors(job), job)));
    }

    /** Whether the ranks were asked to stop; in a single process, killing the task does so. */
    private boolean asked(AttemptMonitor monitor) {
      return monitor.askedToGrow() || plugin.stopRequested() || executors.embedded();
    }

    private AttemptFailure ended(AttemptFailure failure) {
      plugin.status().attemptEnded(watch.step(), failure.sentence());
      return failure;
    }

    /** Spark reports lost executors on a separate thread, after it has ended the job. */
    private List<RemovedExecutors.Removed> removedExecutors(Throwable job)
        throws InterruptedException {
      List<RemovedExecutors.Removed> all = new ArrayList<>(removed.drain());
      boolean told =
          job == null || !String.valueOf(job.getMessage()).contains("ExecutorLostFailure");
      long end = System.nanoTime() + LISTENERS_LAG.toNanos();
      while (all.isEmpty() && !told && System.nanoTime() < end) {
        Thread.sleep(50);
        all.addAll(removed.drain());
      }
      return all;
    }

    private JavaRDD<TrainReport> tasks() {
      byte[] secret = new byte[SECRET_BYTES];
      random.nextBytes(secret);
      boolean embedded = executors.embedded();
      int threads = embedded ? 0 : executors.coresPerTrainer();
      TrainAssignment assignment =
          new TrainAssignment(
              config,
              HadoopFiles.qualified(new Path(config.dataFolder()), hadoop).toString(),
              HadoopFiles.qualified(directory.path(), hadoop).toString(),
              number,
              worldSize,
              threads,
              secret,
              fence);
      JavaRDD<TrainAssignment> assignments =
          JavaSparkContext.fromSparkContext(context)
              .parallelize(new ArrayList<>(Collections.nCopies(worldSize, assignment)), worldSize);
      if (!embedded) {
        assignments = assignments.withResources(profile(threads));
      }
      return assignments
          .rdd()
          .barrier()
          .mapPartitions(new TrainTask(), false, ClassTag$.MODULE$.apply(TrainReport.class))
          .toJavaRDD();
    }

    /** All cores of an executor for its rank, so that no two share one; preparation uses one. */
    private ResourceProfile profile(int cores) {
      TaskResourceRequests requests = new TaskResourceRequests().cpus(cores);
      if (context.conf().contains(LiveExecutors.GPUS)) {
        requests.resource("gpu", 1);
      }
      return new ResourceProfileBuilder().require(requests).build();
    }
  }
}
