package dev.firesteel.spark;

import dev.firesteel.backend.Backend;
import dev.firesteel.backend.BackendOptions;
import dev.firesteel.backend.Precision;
import dev.firesteel.backend.choice.Backends;
import dev.firesteel.checkpoint.RunDirectory;
import dev.firesteel.collective.SingleProcess;
import dev.firesteel.config.ComputeConfig;
import dev.firesteel.config.RunConfig;
import dev.firesteel.data.FolderLock;
import dev.firesteel.train.Pretraining;
import dev.firesteel.train.RunReport;
import dev.firesteel.train.StopSignal;
import dev.firesteel.train.TrainingContext;
import dev.firesteel.train.TrainingData;
import dev.firesteel.train.TrainingListener;
import dev.firesteel.train.TrainingOutcome;
import java.io.Serializable;
import java.util.Locale;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.apache.spark.SparkConf;
import org.apache.spark.SparkEnv;
import org.apache.spark.TaskContext;
import org.apache.spark.deploy.SparkHadoopUtil;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import scala.collection.Iterator;
import scala.collection.Iterator$;
import scala.runtime.AbstractFunction1;

/**
 * The one long task that trains: turns an assignment into a report, within a barrier stage. It
 * carries no state; everything is made where it runs.
 *
 * <p>Training has a thread of its own, because Spark interrupts the task's thread to end it, and an
 * interrupt would close files that are being written. A killed task asks the loop to stop and waits
 * for its checkpoint.
 */
final class TrainTask extends AbstractFunction1<Iterator<TrainAssignment>, Iterator<TrainReport>>
    implements Serializable {
  private static final long serialVersionUID = 1L;

  private static final Logger LOG = LoggerFactory.getLogger(TrainTask.class);
  private static final long STOP_POLL_MILLIS = 500;

  @Override
  public Iterator<TrainReport> apply(Iterator<TrainAssignment> assignments) {
    return Iterator$.MODULE$.single(train(assignments.next()));
  }

  private static TrainReport train(TrainAssignment assignment) {
    StopSignal stop = new StopSignal();
    FutureTask<TrainingOutcome> training = new FutureTask<>(() -> pretrain(assignment, stop));
    Thread trainer = new Thread(training, "firesteel-trainer");
    trainer.setContextClassLoader(Thread.currentThread().getContextClassLoader());
    trainer.start();
    awaitEnd(trainer, stop);
    try {
      return TrainReport.ended(training.get());
    } catch (ExecutionException e) {
      return TrainReport.failed(e.getCause());
    } catch (InterruptedException e) {
      throw new AssertionError("a finished training is not waited for", e);
    }
  }

  /** Waits for the trainer, and passes on the driver's wish to stop and the task's kill. */
  private static void awaitEnd(Thread trainer, StopSignal stop) {
    boolean interrupted = false;
    while (trainer.isAlive()) {
      try {
        trainer.join(STOP_POLL_MILLIS);
        if (TaskContext.get().isInterrupted() || driverWantsStop()) {
          stop.request();
        }
      } catch (InterruptedException e) {
        interrupted = true;
        stop.request();
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  /** A driver that is gone cannot use the result: the run is saved and ends. */
  private static boolean driverWantsStop() {
    try {
      return TrainingPlugin.stopRequested();
    } catch (IllegalStateException e) {
      LOG.warn("The run stops at the next step: {}", e.getMessage(), e);
      return true;
    }
  }

  @SuppressWarnings("try") // The lock is held, not used.
  private static TrainingOutcome pretrain(TrainAssignment assignment, StopSignal stop) {
    RunConfig config = assignment.config();
    SparkConf spark = SparkEnv.get().conf();
    Configuration hadoop = SparkHadoopUtil.get().newConfiguration(spark);
    TrainingData data = TrainingData.open(new Path(assignment.data()), hadoop);
    RunDirectory run = RunDirectory.at(new Path(assignment.run()), hadoop);
    TrainingListener toDriver = TrainingEvents.encoder(TrainingPlugin::send);
    TrainingListener listener = TrainingListener.all(RunReport.atEndOf(run, toDriver), toDriver);
    try (FolderLock lock = run.lock();
        Backend backend = Backends.create(options(config.compute(), spark));
        SingleProcess alone = new SingleProcess();
        Pretraining training =
            new Pretraining(
                config, data, new TrainingContext(backend, alone, run, listener, stop))) {
      return training.run();
    }
  }

  /** The backend that a configuration asks for, with the threads that Spark gives. */
  static BackendOptions options(ComputeConfig compute, SparkConf spark) {
    int threads = compute.threads() == 0 ? cores(spark) : compute.threads();
    return new BackendOptions(
        compute.backend().name().toLowerCase(Locale.ROOT),
        Precision.valueOf(compute.precision().name()),
        threads,
        compute.device());
  }

  /** The cores that Spark gave this executor, where it says so; else those of the machine. */
  static int cores(SparkConf spark) {
    return spark.getInt("spark.executor.cores", Runtime.getRuntime().availableProcessors());
  }
}
