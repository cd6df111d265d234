package dev.firesteel.spark.executor;

import dev.firesteel.backend.Backend;
import dev.firesteel.backend.BackendOptions;
import dev.firesteel.backend.Precision;
import dev.firesteel.backend.choice.Backends;
import dev.firesteel.collective.Collective;
import dev.firesteel.config.ComputeConfig;
import dev.firesteel.config.RunConfig;
import dev.firesteel.plan.RunPlan;
import dev.firesteel.plan.ThroughputProbe;
import dev.firesteel.run.RunDirectory;
import dev.firesteel.spark.rpc.Order;
import dev.firesteel.spark.rpc.TrainAssignment;
import dev.firesteel.spark.rpc.TrainReport;
import dev.firesteel.spark.rpc.TrainingEvents;
import dev.firesteel.spark.rpc.TrainingPlugin;
import dev.firesteel.train.Pretraining;
import dev.firesteel.train.RankListener;
import dev.firesteel.train.RunReport;
import dev.firesteel.train.SteadyStateWatch;
import dev.firesteel.train.StopSignal;
import dev.firesteel.train.TrainingContext;
import dev.firesteel.train.TrainingData;
import dev.firesteel.train.TrainingListener;
import dev.firesteel.train.TrainingOutcome;
import java.io.Serializable;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.ServiceLoader;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.apache.spark.SparkConf;
import org.apache.spark.SparkEnv;
import org.apache.spark.TaskContext;
import org.apache.spark.deploy.SparkHadoopUtil;
import org.apache.spark.storage.BlockManagerId;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import scala.collection.Iterator;
import scala.collection.Iterator$;
import scala.runtime.AbstractFunction1;

/**
 * The long-running task of one rank: turns an assignment into a report, within a barrier stage. It
 * is stateless; everything is created where it runs.
 *
 * <p>Training runs on its own thread, because Spark interrupts the task's thread to end it, and an
 * interrupt would close files that are being written. The task's thread regularly reports the
 * rank's progress to the driver and follows its orders. A killed task asks the loop to stop and
 * waits for its checkpoint.
 *
 * <p>A {@link RankListener} that {@link ServiceLoader} finds on the executor's class path is also
 * notified; the tests use one to inject faults.
 */
public final class TrainTask
    extends AbstractFunction1<Iterator<TrainAssignment>, Iterator<TrainReport>>
    implements Serializable {
  private static final long serialVersionUID = 1L;

  private static final Logger LOG = LoggerFactory.getLogger(TrainTask.class);
  private static final long HEARTBEAT_MILLIS = 500;

  /** Once, after the warm-up. */
  private static final Duration PROBE = Duration.ofMillis(300);

  @Override
  public Iterator<TrainReport> apply(Iterator<TrainAssignment> assignments) {
    return Iterator$.MODULE$.single(train(assignments.next()));
  }

  private static TrainReport train(TrainAssignment assignment) {
    // PluginContext.hostname() fails on an executor, which has no RPC address of its own.
    BlockManagerId here = SparkEnv.get().blockManager().blockManagerId();
    RankStanding standing =
        new RankStanding(
            assignment.attempt(), TaskContext.getPartitionId(), here.host(), here.executorId());
    TrainReport report;
    try (Collective collective = RankConnections.open(assignment, standing)) {
      report = train(assignment, collective, standing);
    } catch (RuntimeException | Error e) {
      report = TrainReport.failed(standing.now(), e);
    }
    tellDriver(report);
    return report;
  }

  private static TrainReport train(
      TrainAssignment assignment, Collective collective, RankStanding standing) {
    StopSignal stop = new StopSignal();
    List<String> gpus = SparkDevices.addresses(TaskContext.get());
    FutureTask<TrainingOutcome> training =
        new FutureTask<>(() -> pretrain(assignment, collective, standing, gpus, stop));
    Thread trainer = new Thread(training, "firesteel-trainer");
    trainer.setContextClassLoader(Thread.currentThread().getContextClassLoader());
    // The driver must know the rank before anything can happen to it.
    obey(order(standing), collective, stop);
    trainer.start();
    awaitEnd(trainer, collective, standing, stop);
    try {
      return TrainReport.ended(standing.now(), training.get());
    } catch (ExecutionException e) {
      return TrainReport.failed(standing.now(), e.getCause());
    } catch (InterruptedException e) {
      throw new AssertionError("a finished training is not waited for", e);
    }
  }

  /** Waits for the training thread, and passes on the driver's orders and the task's kill. */
  private static void awaitEnd(
      Thread trainer, Collective collective, RankStanding standing, StopSignal stop) {
    boolean interrupted = false;
    while (trainer.isAlive()) {
      try {
        trainer.join(HEARTBEAT_MILLIS);
        if (TaskContext.get().isInterrupted()) {
          stop.request();
        }
        obey(order(standing), collective, stop);
      } catch (InterruptedException e) {
        interrupted = true;
        stop.request();
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  private static void obey(Order order, Collective collective, StopSignal stop) {
    switch (order) {
      case GO_ON -> {}
      case STOP -> stop.request();
      case ABORT -> {
        stop.request();
        collective.abort("the driver has ended this attempt");
      }
    }
  }

  /** If the driver is gone, nobody can use the result: the run is saved and ends. */
  private static Order order(RankStanding standing) {
    try {
      return TrainingPlugin.beat(standing.now());
    } catch (IllegalStateException e) {
      LOG.warn("The run stops at the next step: {}", e.getMessage(), e);
      return Order.STOP;
    }
  }

  private static void tellDriver(TrainReport report) {
    try {
      TrainingPlugin.sendReport(report);
    } catch (IllegalStateException e) {
      LOG.warn("Could not report to the driver how rank {} ended", report.rank(), e);
    }
  }

  private static TrainingOutcome pretrain(
      TrainAssignment assignment,
      Collective collective,
      RankStanding standing,
      List<String> gpus,
      StopSignal stop) {
    RunConfig config = assignment.config();
    SparkConf spark = SparkEnv.get().conf();
    Configuration hadoop = SparkHadoopUtil.get().newConfiguration(spark);
    TrainingData data = TrainingData.open(new Path(assignment.data()), hadoop);
    RunDirectory run = assignment.directory(hadoop);
    TrainingListener toDriver = TrainingEvents.encoder(TrainingPlugin::send);
    Duration limit = Duration.ofSeconds(config.checkpoint().timeoutSeconds());
    TrainingListener listener =
        TrainingListener.all(RunReport.atEndOf(run, toDriver, limit), toDriver);
    List<RankListener> ranks = new ArrayList<>();
    ranks.add(standing);
    ServiceLoader.load(RankListener.class).forEach(ranks::add);
    int cores = assignment.threads() == 0 ? cores(spark) : assignment.threads();
    BackendOptions options = options(config.compute(), gpus, cores);
    try (Backend backend = Backends.create(options)) {
      ranks.add(
          new SteadyStateWatch(
              toDriver,
              () ->
                  expectedMillis(
                      backend,
                      config,
                      data.tokenizer().vocabularySize(),
                      options.threads(),
                      collective.worldSize())));
      try (Pretraining training =
          new Pretraining(
              config,
              data,
              new TrainingContext(
                  backend, collective, run, listener, RankListener.all(ranks), stop))) {
        return training.run();
      }
    }
  }

  /**
   * The plan's prediction for a step of one rank on this machine, for which matmuls are timed; NaN
   * for a backend that the plan's estimate does not cover.
   */
  private static double expectedMillis(
      Backend backend, RunConfig config, int tokens, int threads, int trainers) {
    if (config.compute().backend() != ComputeConfig.Backend.CPU) {
      return Double.NaN;
    }
    int vocabularySize = Math.max(tokens, config.model().vocabularySize());
    double flopsPerSecond = ThroughputProbe.flopsPerSecondOfPart(backend, config, PROBE);
    return 1e3 * RunPlan.stepSeconds(config, vocabularySize, threads, trainers, flopsPerSecond);
  }

  /** The configured backend, with the threads and the GPU assigned by Spark. */
  public static BackendOptions options(ComputeConfig compute, List<String> gpus, int cores) {
    int threads = compute.threads() == 0 ? cores : compute.threads();
    return new BackendOptions(
        compute.backend().name().toLowerCase(Locale.ROOT),
        Precision.valueOf(compute.precision().name()),
        threads,
        SparkDevices.choice(gpus, compute),
        compute.tune());
  }

  /** The cores that Spark assigned to this executor, if it says so; else those of the machine. */
  public static int cores(SparkConf spark) {
    return spark.getInt("spark.executor.cores", Runtime.getRuntime().availableProcessors());
  }
}
