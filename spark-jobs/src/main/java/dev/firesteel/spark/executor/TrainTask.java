package dev.firesteel.spark.executor;

import dev.firesteel.backend.Backend;
import dev.firesteel.backend.BackendOptions;
import dev.firesteel.backend.choice.Backends;
import dev.firesteel.collective.Collective;
import dev.firesteel.config.ComputeConfig;
import dev.firesteel.config.StageConfig;
import dev.firesteel.run.RunDirectory;
import dev.firesteel.spark.rpc.Order;
import dev.firesteel.spark.rpc.TrainAssignment;
import dev.firesteel.spark.rpc.TrainReport;
import dev.firesteel.spark.rpc.TrainingPlugin;
import dev.firesteel.stage.Stages;
import dev.firesteel.track.Trackers;
import dev.firesteel.train.RankListener;
import dev.firesteel.train.RunReport;
import dev.firesteel.train.StopSignal;
import dev.firesteel.train.TrainingContext;
import dev.firesteel.train.TrainingEvent;
import dev.firesteel.train.TrainingListener;
import dev.firesteel.train.TrainingOutcome;
import dev.firesteel.train.TrainingRun;
import java.io.Serializable;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
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
        new FutureTask<>(() -> run(assignment, collective, standing, gpus, stop));
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

  private static TrainingOutcome run(
      TrainAssignment assignment,
      Collective collective,
      RankStanding standing,
      List<String> gpus,
      StopSignal stop) {
    StageConfig config = assignment.config();
    SparkConf spark = SparkEnv.get().conf();
    Configuration hadoop = SparkHadoopUtil.get().newConfiguration(spark);
    RunDirectory run = assignment.directory(hadoop);
    Duration limit = Duration.ofSeconds(config.checkpoint().timeoutSeconds());
    List<RankListener> ranks = new ArrayList<>();
    ranks.add(standing);
    ServiceLoader.load(RankListener.class).forEach(ranks::add);
    int cores = assignment.threads() == 0 ? cores(spark) : assignment.threads();
    try (Trackers trackers = Trackers.open(config, run, collective.rank(), TrainTask::toDriver);
        Backend backend = Backends.create(options(config.compute(), gpus, cores));
        TrainingRun training =
            Stages.open(
                config,
                new Path(assignment.data()),
                hadoop,
                new TrainingContext(
                    backend,
                    collective,
                    run,
                    TrainingListener.all(
                        RunReport.atEndOf(run, TrainTask::toDriver, limit),
                        trackers,
                        TrainTask::toDriver),
                    RankListener.all(ranks),
                    stop))) {
      return training.run();
    }
  }

  /** Histograms, which only trackers show, may be large. */
  private static void toDriver(TrainingEvent event) {
    if (!(event instanceof TrainingEvent.Histograms)) {
      TrainingPlugin.send(event);
    }
  }

  /** The backend that a configuration asks for, with the threads and the GPU that Spark gives. */
  public static BackendOptions options(ComputeConfig compute, List<String> gpus, int cores) {
    return compute.options(cores, SparkDevices.choice(gpus, compute));
  }

  /** The cores that Spark assigned to this executor, if it says so; else those of the machine. */
  public static int cores(SparkConf spark) {
    return spark.getInt("spark.executor.cores", Runtime.getRuntime().availableProcessors());
  }
}
