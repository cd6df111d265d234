package dev.firesteel.spark.executor;

import dev.firesteel.backend.Backend;
import dev.firesteel.backend.choice.Backends;
import dev.firesteel.checkpoint.Attempt;
import dev.firesteel.checkpoint.Checkpoint;
import dev.firesteel.checkpoint.CheckpointStore;
import dev.firesteel.collective.SingleProcess;
import dev.firesteel.config.PretrainConfig;
import dev.firesteel.config.StageConfig;
import dev.firesteel.run.RunDirectory;
import dev.firesteel.spark.process.Failures;
import dev.firesteel.spark.rpc.Order;
import dev.firesteel.spark.rpc.SweepBeat;
import dev.firesteel.spark.rpc.SweepReport;
import dev.firesteel.spark.rpc.TrainAssignment;
import dev.firesteel.spark.rpc.TrainingPlugin;
import dev.firesteel.stage.Stages;
import dev.firesteel.sweep.SkillFile;
import dev.firesteel.sweep.SweepRun;
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
import java.util.Optional;
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
 * The task of one run of a sweep: a whole training run in one process. Or of several that differ in
 * length alone, shortest first: each is trained at the constant rate until its decay, its
 * checkpoint is copied into the directory of the next one, which begins there, and then it decays.
 *
 * <p>A run that fails is a result, so that the others are trained all the same. If the executor is
 * lost, Spark starts the task again elsewhere, and the run resumes from its last checkpoint; on a
 * cluster each start is an attempt of its own, so that a process that was only thought dead cannot
 * write any more.
 *
 * <p>Training runs on its own thread, as in {@link TrainTask}.
 */
public final class SweepTask implements Function<TrainAssignment[], SweepReport[]> {
  private static final long serialVersionUID = 1L;

  private static final Logger LOG = LoggerFactory.getLogger(SweepTask.class);
  private static final long BEAT_MILLIS = 500;

  private final int skillProblems;

  /**
   * @param skillProblems problems of each skill that a finished run is measured by; 0: none
   */
  public SweepTask(int skillProblems) {
    this.skillProblems = skillProblems;
  }

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
  public SweepReport[] call(TrainAssignment[] path) {
    SweepReport[] reports = new SweepReport[path.length];
    for (int i = 0; i < path.length; i++) {
      Optional<TrainAssignment> longer =
          i + 1 < path.length ? Optional.of(path[i + 1]) : Optional.empty();
      // Where the shorter run did not end, there is nothing to branch off from.
      reports[i] =
          i == 0 || reports[i - 1].isCompleted()
              ? train(path[i], longer)
              : notTrained(path[i].config().name(), reports[i - 1]);
    }
    return reports;
  }

  private static SweepReport notTrained(String run, SweepReport shorter) {
    return shorter.failure().isEmpty()
        ? SweepReport.ended(run, TrainingOutcome.INTERRUPTED)
        : SweepReport.failed(
            run, "the run %s, from which it branches, failed".formatted(shorter.run()));
  }

  private SweepReport train(TrainAssignment assignment, Optional<TrainAssignment> longer) {
    StageConfig config = assignment.config();
    StopSignal stop = new StopSignal();
    Progress progress = new Progress();
    if (order(config, progress) == Order.STOP) {
      return SweepReport.ended(config.name(), TrainingOutcome.INTERRUPTED);
    }
    List<String> gpus = SparkDevices.addresses(TaskContext.get());
    FutureTask<TrainingOutcome> training =
        new FutureTask<>(() -> run(assignment, longer, progress, gpus, stop));
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

  private TrainingOutcome run(
      TrainAssignment assignment,
      Optional<TrainAssignment> longer,
      TrainingListener progress,
      List<String> gpus,
      StopSignal stop) {
    StageConfig config = assignment.config();
    Configuration hadoop = SparkHadoopUtil.get().newConfiguration(SparkEnv.get().conf());
    RunDirectory run = directory(assignment, hadoop);
    Duration limit = Duration.ofSeconds(config.checkpoint().timeoutSeconds());
    int threads = Math.max(1, config.compute().threads());
    try (Trackers trackers = Trackers.open(config, run, 0, progress);
        Backend backend = Backends.create(TrainTask.options(config.compute(), gpus, threads))) {
      TrainingContext context =
          new TrainingContext(
              backend,
              new SingleProcess(),
              run,
              TrainingListener.all(RunReport.atEndOf(run, progress, limit), trackers, progress),
              new RankListener() {},
              stop);
      if (longer.isPresent()
          && branchOff(assignment, longer.get(), context, hadoop) == TrainingOutcome.INTERRUPTED) {
        return TrainingOutcome.INTERRUPTED;
      }
      TrainingOutcome outcome = train(config, assignment.data(), hadoop, context);
      if (skillProblems > 0 && outcome == TrainingOutcome.COMPLETED) {
        SkillFile.measure(run, backend, skillProblems);
      }
      return outcome;
    }
  }

  private static TrainingOutcome train(
      StageConfig config, String data, Configuration hadoop, TrainingContext context) {
    try (TrainingRun training = Stages.open(config, new Path(data), hadoop, context)) {
      return training.run();
    }
  }

  /** Trains until the decay, and gives the longer run the checkpoint to begin with. */
  private static TrainingOutcome branchOff(
      TrainAssignment assignment,
      TrainAssignment longer,
      TrainingContext context,
      Configuration hadoop) {
    PretrainConfig constant = SweepRun.beforeDecay((PretrainConfig) assignment.config());
    CheckpointStore checkpoints = context.run().checkpoints(LOG::info);
    long step = checkpoints.latest().map(Checkpoint::step).orElse(0L);
    if (step < constant.training().steps()
        && train(constant, assignment.data(), hadoop, withoutCompletion(context))
            == TrainingOutcome.INTERRUPTED) {
      return TrainingOutcome.INTERRUPTED;
    }
    // Of a run that decays already, the longer one has got it, or else begins from the start.
    checkpoints
        .latest()
        .filter(checkpoint -> checkpoint.step() == constant.training().steps())
        .ifPresent(directory(longer, hadoop).checkpoints(LOG::info)::adopt);
    return TrainingOutcome.COMPLETED;
  }

  /** The run is not complete before it has decayed: its report and trackers must not say so. */
  private static TrainingContext withoutCompletion(TrainingContext context) {
    return new TrainingContext(
        context.backend(),
        context.collective(),
        context.run(),
        event -> {
          if (!(event instanceof TrainingEvent.Ended ended
              && ended.outcome() == TrainingOutcome.COMPLETED)) {
            context.listener().onEvent(event);
          }
        },
        context.rank(),
        context.stop());
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
