package dev.firesteel.spark.executor;

import dev.firesteel.backend.Backend;
import dev.firesteel.backend.choice.Backends;
import dev.firesteel.checkpoint.Attempt;
import dev.firesteel.collective.SingleProcess;
import dev.firesteel.config.StageConfig;
import dev.firesteel.run.RunDirectory;
import dev.firesteel.spark.process.Failures;
import dev.firesteel.spark.rpc.Order;
import dev.firesteel.spark.rpc.SweepBeat;
import dev.firesteel.spark.rpc.SweepReport;
import dev.firesteel.spark.rpc.TrainAssignment;
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
import java.time.Duration;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.apache.spark.SparkContext$;
import org.apache.spark.SparkEnv;
import org.apache.spark.TaskContext;
import org.apache.spark.api.java.function.Function;
import org.apache.spark.deploy.SparkHadoopUtil;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The task of one run of a sweep: a whole training run in one process. It is stateless.
 *
 * <p>A run that fails is a result, so that the others are trained all the same. If the executor is
 * lost, Spark starts the task again elsewhere, and the run resumes from its last checkpoint; on a
 * cluster each start is an attempt of its own, so that a process that was only thought dead cannot
 * write any more.
 *
 * <p>Training runs on its own thread, as in {@link TrainTask}.
 */
public final class SweepTask implements Function<TrainAssignment, SweepReport> {
  private static final long serialVersionUID = 1L;

  private static final Logger LOG = LoggerFactory.getLogger(SweepTask.class);
  private static final long BEAT_MILLIS = 500;

  /** Where a run is, written by its thread and read by the task's. */
  private static final class Progress implements TrainingListener {
    private volatile long step;
    private volatile double loss = Double.NaN;

    @Override
    public void onEvent(TrainingEvent event) {
      if (event instanceof TrainingEvent.Started started) {
        step = started.plan().fromStep();
      } else if (event instanceof TrainingEvent.StepLogged logged) {
        step = logged.step();
        loss = logged.training().get("loss").orElse(loss);
      }
    }
  }

  @Override
  public SweepReport call(TrainAssignment assignment) {
    StageConfig config = assignment.config();
    StopSignal stop = new StopSignal();
    Progress progress = new Progress();
    if (order(config, progress) == Order.STOP) {
      return SweepReport.ended(config.name(), TrainingOutcome.INTERRUPTED);
    }
    List<String> gpus = SparkDevices.addresses(TaskContext.get());
    FutureTask<TrainingOutcome> training =
        new FutureTask<>(() -> run(assignment, config, progress, gpus, stop));
    Thread trainer = new Thread(training, "firesteel-sweep");
    trainer.setContextClassLoader(Thread.currentThread().getContextClassLoader());
    trainer.start();
    awaitEnd(trainer, config, progress, stop);
    try {
      return SweepReport.ended(config.name(), training.get());
    } catch (ExecutionException e) {
      LOG.info("The run {} failed", config.name(), e.getCause());
      return SweepReport.failed(config.name(), sentence(e.getCause()));
    } catch (InterruptedException e) {
      throw new AssertionError("a finished training is not waited for", e);
    }
  }

  private static String sentence(Throwable cause) {
    return Failures.surroundings(cause)
        .orElseGet(() -> cause.getMessage() == null ? cause.toString() : cause.getMessage());
  }

  private static void awaitEnd(
      Thread trainer, StageConfig config, Progress progress, StopSignal stop) {
    boolean interrupted = false;
    while (trainer.isAlive()) {
      try {
        trainer.join(BEAT_MILLIS);
        if (TaskContext.get().isInterrupted() || order(config, progress) == Order.STOP) {
          stop.request();
        }
      } catch (InterruptedException e) {
        interrupted = true;
        stop.request();
      }
    }
    order(config, progress);
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  /** If the driver is gone, nobody can use the result: the run is saved and ends. */
  private static Order order(StageConfig config, Progress progress) {
    try {
      return TrainingPlugin.beat(new SweepBeat(config.name(), progress.step, progress.loss));
    } catch (IllegalStateException e) {
      LOG.warn("The run stops at the next step: {}", e.getMessage(), e);
      return Order.STOP;
    }
  }

  private static TrainingOutcome run(
      TrainAssignment assignment,
      StageConfig config,
      TrainingListener progress,
      List<String> gpus,
      StopSignal stop) {
    Configuration hadoop = SparkHadoopUtil.get().newConfiguration(SparkEnv.get().conf());
    RunDirectory run = directory(assignment, hadoop);
    Duration limit = Duration.ofSeconds(config.checkpoint().timeoutSeconds());
    int threads = Math.max(1, config.compute().threads());
    try (Trackers trackers = Trackers.open(config, run, 0, progress);
        Backend backend = Backends.create(TrainTask.options(config.compute(), gpus, threads));
        TrainingRun training =
            Stages.open(
                config,
                new Path(assignment.data()),
                hadoop,
                new TrainingContext(
                    backend,
                    new SingleProcess(),
                    run,
                    TrainingListener.all(
                        RunReport.atEndOf(run, progress, limit), trackers, progress),
                    new RankListener() {},
                    stop))) {
      return training.run();
    }
  }

  /** In a process of its own the sweep's lock is enough; on a cluster each start is an attempt. */
  private static RunDirectory directory(TrainAssignment assignment, Configuration hadoop) {
    RunDirectory directory = assignment.directory(hadoop);
    boolean inDriver =
        SparkEnv.get().executorId().equals(SparkContext$.MODULE$.DRIVER_IDENTIFIER());
    if (inDriver && !directory.hasAttempts()) {
      return directory;
    }
    Attempt attempt = directory.beginAttempt(LOG::info);
    return directory.ofAttempt(attempt.number(), attempt.token());
  }
}
