package dev.firesteel.train;

import dev.firesteel.checkpoint.Checkpoint;
import dev.firesteel.checkpoint.CheckpointStore;
import dev.firesteel.checkpoint.state.TrainingCheckpoint;
import dev.firesteel.checkpoint.state.TrainingState;
import dev.firesteel.collective.Collective;
import dev.firesteel.config.ConfigLoader;
import dev.firesteel.config.StageConfig;
import dev.firesteel.error.UserException;
import dev.firesteel.files.HostName;
import dev.firesteel.metrics.Headline;
import dev.firesteel.metrics.Measures;
import dev.firesteel.metrics.Metrics;
import dev.firesteel.run.RunDirectory;
import dev.firesteel.run.RunSession;
import java.time.Duration;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.function.Supplier;

/**
 * A training run, from its first step or last checkpoint to its last step: the loop around any
 * {@link Objective}. It evaluates, logs, samples and saves when due, stops on request, and resumes;
 * every rank runs the same loop.
 *
 * <p>Weights, losses and all metrics except times depend only on the configuration and the data:
 * not on the number of threads, nor on how often and where the run was stopped and resumed, nor on
 * the number of ranks if that is a power of two that divides the micro-batches of a step.
 */
public final class TrainingRun implements AutoCloseable {
  private final StageConfig config;
  private final TrainingContext context;
  private final Collective collective;
  private final Objective objective;
  private final StageInfo stage;
  private final RankAgreement ranks;
  private final RunJournal journal;
  private final RunSaver saver;
  private final RankMeter meter;
  private final SteadyStateWatch watch;
  private final String configSha256;

  private long fromStep;
  private long step;
  private long tokens; // trained on so far
  private long stepsReported;
  private long tokensReported;
  private int skippedInARow;
  private Double best; // of the headline; null before the first evaluation
  private Long bestStep;

  /**
   * Checks that the run may be continued, makes the objective, and reads the run's last checkpoint,
   * or initializes the models where there is none.
   *
   * @param stage what the objective is
   * @param objectives makes it, which is not before a checkpoint of something else was refused: it
   *     allocates the models
   * @throws UserException if data, configuration and checkpoint do not fit together
   */
  public TrainingRun(
      StageConfig config,
      TrainingContext context,
      StageInfo stage,
      Supplier<Objective> objectives) {
    this.config = config;
    this.context = context;
    this.stage = stage;
    collective = context.collective();
    configSha256 = ConfigLoader.contentHash(config);
    ranks = new RankAgreement(collective);
    meter = new RankMeter(collective.rank(), HostName.get());
    journal = new RunJournal(context, Duration.ofSeconds(config.checkpoint().timeoutSeconds()));
    Objective made = null;
    RunSaver saving = null;
    try {
      requireEvenShares();
      context.rank().onStart(collective);
      context.rank().onPhase(RankPhase.RENDEZVOUS, 0);
      CheckpointStore store = context.run().checkpoints(journal.listener()::notice);
      Optional<Checkpoint> last = store.latest();
      ranks.requireSameCheckpoint(last.map(Checkpoint::step).orElse(-1L), store.directory());
      ranks
          .differentArithmetic(context.backend().arithmetic())
          .ifPresent(journal.listener()::notice);
      last.ifPresent(this::check);
      made = objectives.get();
      saving = new RunSaver(config, context, store, stage, made, journal.listener());
      objective = made;
      saver = saving;
      watch = new SteadyStateWatch(context.listener(), objective::expectedStepMillis);
      watch.onStart(collective);
      if (last.isPresent()) {
        resume(last.get());
      } else {
        objective.initialize();
      }
      objective.check();
    } catch (RuntimeException | Error e) {
      close(made, saving);
      throw e;
    }
  }

  /** Trains until the last step or the stop signal. */
  public TrainingOutcome run() {
    try {
      return train();
    } catch (RuntimeException | Error e) {
      journal.failed(step, e);
      // The other ranks may be waiting for this one in a sum.
      collective.abort("rank %d failed at step %d: %s".formatted(collective.rank(), step, e));
      throw e;
    }
  }

  private TrainingOutcome train() {
    int steps = config.training().steps();
    ThreadCounters threads = new ThreadCounters(context.backend().threadsBesideCaller());
    start();
    WarmUp warmUp = new WarmUp(context.backend(), journal.listener()::notice);
    warmUp.beforeFirstStep();
    while (step < steps) {
      collective.enterStep(step);
      saver.poll();
      journal.poll();
      context.rank().onPhase(RankPhase.COMPUTE, step);
      if (ranks.any(context.stop().requested())) {
        save(OptionalDouble.empty());
        return end(TrainingOutcome.INTERRUPTED);
      }
      boolean histograms = histogramsDue(step + 1);
      watchGradients(histograms);
      long began = System.nanoTime();
      Objective.Step done = measured(threads);
      warmUp.afterStep(System.nanoTime() - began);
      step++;
      tokens += done.tokens();
      countSkips(done);

      Measures evaluation = due(config.evaluation().every()) ? evaluate() : Measures.none();
      if (due(config.logging().every()) || !evaluation.isEmpty() || done.skipped()) {
        RankStep report = meter.report(step);
        log(
            done.measures().with(speed(report, tokens - tokensReported)),
            done.skipped(),
            evaluation);
        tokensReported = tokens;
        stepsReported = step;
        context.rank().onMeasured(report);
        watch.onMeasured(report);
      }
      if (histograms) {
        journal.histograms(step, ParameterHistograms.of(objective.models(), collective));
      }
      if (due(config.sample().every()) && journal.isFirst()) {
        objective.sample(step).ifPresent(text -> journal.sampled(step, text));
      }
      if (due(config.checkpoint().every())) {
        save(score(evaluation));
      }
    }
    return end(TrainingOutcome.COMPLETED);
  }

  private boolean histogramsDue(long atStep) {
    int every = config.tracking().histograms().every();
    return every > 0 && atStep % every == 0;
  }

  private void watchGradients(boolean watch) {
    objective.models().stream()
        .flatMap(model -> model.learner().stream())
        .forEach(learner -> learner.watchGradients(watch));
  }

  /** The number of completed steps. */
  public long step() {
    return step;
  }

  /** Performs one step and measures this rank's cost. */
  private Objective.Step measured(ThreadCounters threads) {
    long began = System.nanoTime();
    long transferNanos = collective.transferNanos();
    long waitNanos = waitNanos();
    double cpuNanos = threads.cpuNanos();
    long gcMillis = threads.gcMillis();
    double allocatedBytes = threads.allocatedBytes();
    Objective.Step done = objective.step(step);
    meter.add(
        System.nanoTime() - began,
        collective.transferNanos() - transferNanos,
        waitNanos() - waitNanos,
        threads.cpuNanos() - cpuNanos,
        threads.gcMillis() - gcMillis,
        threads.allocatedBytes() - allocatedBytes);
    return done;
  }

  /** Total time that this rank has waited for others in its updates. */
  private long waitNanos() {
    return objective.models().stream()
        .flatMap(model -> model.learner().stream())
        .mapToLong(Learner::waitNanos)
        .sum();
  }

  private Measures speed(RankStep report, long newTokens) {
    double millis = report.stepMillis() * (step - stepsReported);
    return Measures.of(Metrics.TOKENS_PER_SECOND, 1000 * newTokens / millis)
        .with(Metrics.STEP_MILLIS, report.stepMillis())
        .with(Metrics.ALLOCATED_BYTES, report.allocatedBytes())
        .with(Metrics.GC_MILLIS, report.gcMillis());
  }

  private void countSkips(Objective.Step done) {
    if (!done.skipped()) {
      skippedInARow = 0;
      return;
    }
    skippedInARow++;
    double loss = done.measures().get(Metrics.LOSS).orElse(Double.NaN);
    double norm = done.measures().get(Metrics.GRADIENT_NORM).orElse(Double.NaN);
    journal.listener().onEvent(new TrainingEvent.StepSkipped(step, loss, norm));
    if (skippedInARow > config.training().skipNonFiniteLimit()) {
      throw UserException.failure(
          "loss and gradient must be finite, got loss %s and gradient norm %s at step %d, after %s: lower optimizer.learning_rate or raise schedule.warmup_steps%s"
              .formatted(
                  loss,
                  norm,
                  step,
                  skippedInARow == 1
                      ? "1 skipped step"
                      : skippedInARow + " consecutive skipped steps",
                  saver.committedStep() < 0
                      ? ""
                      : "; the last checkpoint is at step " + saver.committedStep()));
    }
  }

  private Measures evaluate() {
    context.rank().onPhase(RankPhase.EVALUATION, step);
    Optional<Measures> evaluated = objective.evaluate();
    evaluated.ifPresent(
        measures -> {
          Headline headline = stage.headline();
          double value =
              measures
                  .get(headline.metric())
                  .orElseThrow(
                      () ->
                          new IllegalStateException(
                              "an evaluation of the stage %s must report its headline metric %s, got %s"
                                  .formatted(stage.name(), headline.metric().key(), measures)));
          if (best == null || headline.isBetter(value, best)) {
            best = value;
            bestStep = step;
          }
          journal.evaluated(step, measures);
        });
    return evaluated.orElse(Measures.none());
  }

  /** The score of the headline, lower is better; empty if it was not measured. */
  private OptionalDouble score(Measures evaluation) {
    OptionalDouble value = evaluation.get(stage.headline().metric());
    return value.isPresent()
        ? OptionalDouble.of(stage.headline().score(value.getAsDouble()))
        : value;
  }

  private void log(Measures training, boolean skipped, Measures evaluation) {
    journal.step(new TrainingEvent.StepLogged(step, tokens, training, skipped, evaluation));
  }

  private void save(OptionalDouble score) {
    if (saver.hasStarted(step)) {
      return;
    }
    journal.sync();
    ranks.awaitFiles(journal::isIdle);
    TrainingState state =
        new TrainingState(
            stage.name(),
            step,
            saver.updates(),
            tokens,
            objective.cursor(step),
            config.seed(),
            skippedInARow,
            best,
            bestStep,
            configSha256,
            stage.data().sha256(),
            stage.data().tokenizer().sha256());
    context.rank().onPhase(RankPhase.CHECKPOINT, step);
    saver.save(state, score);
  }

  private void check(Checkpoint checkpoint) {
    checkpoint.verify();
    ResumeCheck.check(
        checkpoint,
        TrainingCheckpoint.state(checkpoint),
        config,
        stage.name(),
        stage.data().sha256(),
        stage.data().tokenizer().sha256());
  }

  private void resume(Checkpoint checkpoint) {
    TrainingState state = TrainingCheckpoint.state(checkpoint);
    saver.resume(checkpoint, state);
    objective.resume(state.cursor());
    step = state.step();
    fromStep = step;
    stepsReported = step;
    tokens = state.tokens();
    tokensReported = tokens;
    skippedInARow = state.skippedInARow();
    best = state.best();
    bestStep = state.bestStep();
  }

  private void start() {
    RunDirectory run = context.run();
    journal.start(
        run,
        config,
        stage,
        RunSession.now(
            fromStep,
            context.backend().description(),
            collective.worldSize(),
            config.seed(),
            configSha256,
            stage.data().sha256(),
            stage.data().tokenizer().sha256()),
        saver.committedStep());
    ranks.awaitFiles(journal::isIdle);
    journal
        .listener()
        .onEvent(
            new TrainingEvent.Started(
                new TrainingPlan(
                    config.name(),
                    stage.name(),
                    run.toString(),
                    context.backend().description(),
                    collective.worldSize(),
                    objective.models().get(0).model().parameters().count(),
                    fromStep,
                    config.training().steps(),
                    stage.data().tokensPerStep(),
                    config.training().microBatches(),
                    stage.data().trainingTokens(),
                    stage.data().validationTokens(),
                    stage.headline())));
    if (saver.committedStep() < 0 && config.evaluation().every() > 0) {
      Measures evaluation = evaluate();
      if (!evaluation.isEmpty()) {
        log(Measures.none(), false, evaluation);
      }
    }
  }

  private TrainingOutcome end(TrainingOutcome outcome) {
    saver.finish();
    journal.finish(outcome, step);
    journal.listener().onEvent(new TrainingEvent.Ended(outcome, step));
    return outcome;
  }

  /** Whether an action is due: each {@code every} steps, and at the end; 0: only at the end. */
  private boolean due(int every) {
    return step == config.training().steps() || (every > 0 && step % every == 0);
  }

  private void requireEvenShares() {
    int microBatches = config.training().microBatches();
    if (microBatches % collective.worldSize() != 0) {
      throw UserException.usage(
          "training.global_batch_size / training.micro_batch_size must be a multiple of the number of executors (%d), got %d micro-batches: change one of them"
              .formatted(collective.worldSize(), microBatches));
    }
  }

  /** Releases all memory and closes the run's files. */
  @Override
  public void close() {
    close(objective, saver);
  }

  @SuppressWarnings("try") // They are closed, from the last to the first.
  private void close(Objective madeOrNull, RunSaver saverOrNull) {
    try (madeOrNull;
        journal;
        saverOrNull) {
      // No other resources are held.
    }
  }
}
