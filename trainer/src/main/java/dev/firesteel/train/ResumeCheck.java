package dev.firesteel.train;

import dev.firesteel.checkpoint.Checkpoint;
import dev.firesteel.checkpoint.state.TrainingCheckpoint;
import dev.firesteel.checkpoint.state.TrainingState;
import dev.firesteel.config.ComputeConfig;
import dev.firesteel.config.ConfigEntry;
import dev.firesteel.config.ConfigLoader;
import dev.firesteel.config.Resume;
import dev.firesteel.config.StageConfig;
import dev.firesteel.error.UserException;
import dev.firesteel.optim.LearningRateSchedule;
import java.util.Map;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Checks whether a run may resume from a checkpoint. The rule: a resumed run is bit-identical to a
 * run with the current configuration from the start. A change that breaks it is rejected, and the
 * error names the key. One exception, with a warning: on a different backend or device, results are
 * equal only up to rounding.
 */
public final class ResumeCheck {
  private static final Logger LOG = LoggerFactory.getLogger(ResumeCheck.class);

  private ResumeCheck() {}

  static void check(
      Checkpoint checkpoint,
      TrainingState state,
      StageConfig config,
      String stage,
      String dataSha256,
      String tokenizerSha256) {
    StageConfig saved = keys(checkpoint, state, config, stage);
    if (saved.compute().backend() != config.compute().backend()
        || !saved.compute().device().equals(config.compute().device())) {
      LOG.warn(
          "The checkpoint {} was computed on {} and continues on {}: equal up to rounding, but"
              + " not bit-identical",
          checkpoint,
          where(saved.compute()),
          where(config.compute()));
    }
    same("tokenizer", state.tokenizerSha256(), tokenizerSha256, checkpoint, config);
    same("text", state.dataSha256(), dataSha256, checkpoint, config);
  }

  /**
   * Compares the keys of a configuration with those of a checkpoint's.
   *
   * @return the checkpoint's configuration
   * @throws UserException naming a key that may not differ
   */
  public static StageConfig keys(
      Checkpoint checkpoint, TrainingState state, StageConfig config, String stage) {
    requireStage(checkpoint, state, config.name(), stage);
    StageConfig saved = TrainingCheckpoint.config(checkpoint, config.getClass());
    Map<String, String> before =
        ConfigLoader.entries(saved).stream()
            .collect(Collectors.toMap(ConfigEntry::key, ConfigEntry::value));
    boolean sameRates = sameRates(saved, config, state.step());
    for (ConfigEntry entry : ConfigLoader.entries(config)) {
      String was = before.get(entry.key());
      if (entry.value().equals(was) || isFree(entry.resume(), sameRates)) {
        continue;
      }
      throw UserException.usage(
          "%s must be %s as in the checkpoint %s, got %s: change it back, or train under another name (name=...)"
              .formatted(entry.key(), shown(was), checkpoint, shown(entry.value())));
    }
    if (config.training().steps() < state.step()) {
      throw UserException.usage(
          "training.steps must be at least %d, the step of the checkpoint %s, got %d"
              .formatted(state.step(), checkpoint, config.training().steps()));
    }
    return saved;
  }

  static void requireStage(Checkpoint checkpoint, TrainingState state, String run, String stage) {
    if (!stage.equals(state.stage())) {
      throw UserException.usage(
          "the run %s must be of the stage %s, got the checkpoint %s of the stage %s: train under another name (name=...)"
              .formatted(run, stage, checkpoint, state.stage()));
    }
  }

  private static String shown(String value) {
    return value.isEmpty() ? "empty" : value;
  }

  private static String where(ComputeConfig compute) {
    String backend = "backend " + compute.backend();
    return compute.device().isEmpty() ? backend : backend + ", device " + compute.device();
  }

  private static void same(
      String what, String required, String got, Checkpoint checkpoint, StageConfig config) {
    if (!got.equals(required)) {
      throw UserException.usage(
          "the %s in %s must match the checkpoint %s (SHA-256 %s), got SHA-256 %s: set data.path to the data that it was trained on, or train under another name (name=...)"
              .formatted(what, config.dataFolder(), checkpoint, required, got));
    }
  }

  private static boolean sameRates(StageConfig saved, StageConfig config, long steps) {
    LearningRateSchedule before = schedule(saved);
    LearningRateSchedule now = schedule(config);
    for (long step = 0; step < steps; step++) {
      if (before.at(step) != now.at(step)) {
        return false;
      }
    }
    return true;
  }

  private static LearningRateSchedule schedule(StageConfig config) {
    return LearningRateSchedule.of(
        config.optimizer(), config.schedule(), config.training().steps());
  }

  /** Data and tokenizer are compared by content, not by the settings that produced them. */
  private static boolean isFree(Resume rule, boolean sameRates) {
    return switch (rule) {
      case FIXED -> false;
      case FREE, SAME_DATA -> true;
      case SAME_RATES -> sameRates;
    };
  }
}
