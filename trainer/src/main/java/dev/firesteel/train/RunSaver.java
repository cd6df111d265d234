package dev.firesteel.train;

import dev.firesteel.checkpoint.AsyncCheckpoints;
import dev.firesteel.checkpoint.Checkpoint;
import dev.firesteel.checkpoint.CheckpointStore;
import dev.firesteel.checkpoint.state.ModelState;
import dev.firesteel.checkpoint.state.RankNumbers;
import dev.firesteel.checkpoint.state.TrainingCheckpoint;
import dev.firesteel.checkpoint.state.TrainingSnapshot;
import dev.firesteel.checkpoint.state.TrainingState;
import dev.firesteel.config.CheckpointConfig;
import dev.firesteel.config.StageConfig;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;

/**
 * Saves and restores a run's models and their optimizers. If checkpoints are written in the
 * background, it first copies what this rank writes. Every rank has one and calls it at the same
 * steps.
 */
final class RunSaver implements AutoCloseable {
  private final StageConfig config;
  private final TrainingContext context;
  private final StageData data;
  private final TrainingListener listener;
  private final AsyncCheckpoints uploads;
  private final List<ModelState> models = new ArrayList<>();
  private final List<TrainingSnapshot> snapshots = new ArrayList<>(); // empty: training waits
  private final boolean inBackground;
  private long committedStep = -1;
  private long startedStep = -1; // committed or in progress

  RunSaver(
      StageConfig config,
      TrainingContext context,
      CheckpointStore store,
      StageInfo stage,
      Objective objective,
      TrainingListener listener) {
    this.config = config;
    this.context = context;
    this.data = stage.data();
    this.listener = listener;
    for (StageModel model : objective.models()) {
      models.add(
          new ModelState(
              model.name(), model.model(), model.learner().map(Learner::optimizer).orElse(null)));
    }
    TrainingCheckpoint.requireSavable(models);
    CheckpointConfig checkpoint = config.checkpoint();
    inBackground = checkpoint.inBackground(context.collective().worldSize());
    if (inBackground) {
      models.forEach(
          model -> snapshots.add(new TrainingSnapshot(model, context.collective().rank())));
    }
    uploads =
        new AsyncCheckpoints(
            store,
            context.collective(),
            checkpoint.keepLast(),
            checkpoint.keepBest(),
            Duration.ofSeconds(checkpoint.timeoutSeconds()));
  }

  /** The step of the last committed checkpoint; -1 if there is none. */
  long committedStep() {
    return committedStep;
  }

  /** Whether a checkpoint of this step was started. */
  boolean hasStarted(long step) {
    return step == startedStep;
  }

  /** Overwrites weights and moments with those of a checkpoint. */
  void resume(Checkpoint checkpoint, TrainingState state) {
    TrainingCheckpoint.read(checkpoint, models, state);
    committedStep = state.step();
    startedStep = state.step();
  }

  /** The number of updates of each model being trained, by name. */
  Map<String, Long> updates() {
    return TrainingState.updates(models);
  }

  /**
   * Starts a checkpoint, and waits for it unless it is written in the background.
   *
   * @param score of the headline metric at this step, lower is better; empty if not evaluated
   */
  void save(TrainingState state, OptionalDouble score) {
    if (inBackground) {
      // The checkpoint in progress is written from the same memory.
      finish();
      snapshots.forEach(TrainingSnapshot::take);
    }
    uploads.start(state.step(), score, content(state));
    startedStep = state.step();
    if (!inBackground) {
      finish();
    }
  }

  /** Writes this rank's files on a separate thread. */
  private CheckpointStore.Content content(TrainingState state) {
    List<RankNumbers> numbers =
        inBackground
            ? snapshots.stream().map(TrainingSnapshot::copies).toList()
            : models.stream().map(RankNumbers::of).toList();
    return writer -> {
      TrainingCheckpoint.write(
          writer,
          context.collective().rank(),
          context.collective().worldSize(),
          models,
          data.tokenizer(),
          data.template(),
          numbers,
          state,
          config);
      context.rank().onFilesWritten(state.step());
    };
  }

  /** Advances the checkpoint in progress, if there is one. */
  void poll() {
    uploads.poll().ifPresent(this::committed);
  }

  /** Returns when the checkpoint in progress is committed. */
  void finish() {
    uploads.finish().ifPresent(this::committed);
  }

  private void committed(AsyncCheckpoints.Committed checkpoint) {
    committedStep = checkpoint.step();
    listener.onEvent(
        new TrainingEvent.CheckpointCommitted(
            checkpoint.step(), checkpoint.directory().toString()));
  }

  @Override
  public void close() {
    try {
      uploads.close();
    } finally {
      snapshots.forEach(TrainingSnapshot::close);
    }
  }
}
