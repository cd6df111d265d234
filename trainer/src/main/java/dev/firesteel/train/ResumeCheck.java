package dev.firesteel.train;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import dev.firesteel.checkpoint.Checkpoint;
import dev.firesteel.checkpoint.state.TrainingCheckpoint;
import dev.firesteel.checkpoint.state.TrainingState;
import dev.firesteel.config.ComputeConfig;
import dev.firesteel.config.ConfigLoader;
import dev.firesteel.config.RunConfig;
import dev.firesteel.error.UserException;
import dev.firesteel.optim.LearningRateSchedule;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Whether a run may go on from a checkpoint. The rule: a resumed run is bit for bit the run that
 * the present configuration would have given from the start. A key that breaks it is refused by
 * name. One exception, with a warning: on another backend or device than before, a run goes on the
 * same but for rounding.
 */
final class ResumeCheck {
  private static final Logger LOG = LoggerFactory.getLogger(ResumeCheck.class);

  /**
   * Keys, or sections ending in a dot, that change no number. Data and tokenizer are compared by
   * content instead of by the settings that made them.
   */
  private static final List<String> FREE =
      List.of(
          "name",
          "runs_folder",
          "data.source",
          "data.format",
          "data.text_field",
          "data.document_unit",
          "data.path",
          "data.split",
          "data.validation_fraction",
          "data.deduplicate",
          "data.max_documents",
          "data.shard_tokens",
          "data.token_type",
          "tokenizer.",
          "compute.threads",
          "compute.backend",
          "compute.device",
          "compute.tune",
          "compute.recompute",
          "cluster.trainers",
          "cluster.min_trainers",
          "cluster.wait_seconds",
          "cluster.max_failures",
          "cluster.max_lost_executors",
          "cluster.timeout_seconds",
          "cluster.silence_seconds",
          "cluster.grow_seconds",
          "training.skip_non_finite_limit",
          "evaluation.every",
          "checkpoint.",
          "logging.",
          "sample.");

  /** Keys that the learning rates so far decide about. */
  private static final List<String> SCHEDULE =
      List.of("training.steps", "training.tokens", "schedule.");

  private ResumeCheck() {}

  static void check(
      Checkpoint checkpoint,
      TrainingState state,
      RunConfig config,
      String dataSha256,
      String tokenizerSha256) {
    RunConfig saved = TrainingCheckpoint.config(checkpoint);
    Map<String, String> before = keys(saved);
    Map<String, String> now = keys(config);
    boolean sameRates = sameRates(saved, config, state.step());
    for (Map.Entry<String, String> entry : now.entrySet()) {
      String key = entry.getKey();
      String was = before.get(key);
      if (entry.getValue().equals(was)
          || matches(FREE, key)
          || (sameRates && matches(SCHEDULE, key))) {
        continue;
      }
      throw UserException.usage(
          "%s must be %s as in the checkpoint %s, got %s: change it back, or train under another name (name=...)"
              .formatted(key, was, checkpoint, entry.getValue()));
    }
    if (config.training().steps() < state.step()) {
      throw UserException.usage(
          "training.steps must be at least %d, where the checkpoint %s stands, got %d"
              .formatted(state.step(), checkpoint, config.training().steps()));
    }
    if (saved.compute().backend() != config.compute().backend()
        || !saved.compute().device().equals(config.compute().device())) {
      LOG.warn(
          "The checkpoint {} was computed on {} and goes on on {}: the same but for rounding, no"
              + " longer to the bit",
          checkpoint,
          where(saved.compute()),
          where(config.compute()));
    }
    same("tokenizer", state.tokenizerSha256(), tokenizerSha256, checkpoint, config);
    same("text", state.dataSha256(), dataSha256, checkpoint, config);
  }

  private static String where(ComputeConfig compute) {
    String backend = "backend " + compute.backend().name().toLowerCase(Locale.ROOT);
    return compute.device().isEmpty() ? backend : backend + ", device " + compute.device();
  }

  private static void same(
      String what, String required, String got, Checkpoint checkpoint, RunConfig config) {
    if (!got.equals(required)) {
      throw UserException.usage(
          "the %s in %s must be that of the checkpoint %s (SHA-256 %s), got SHA-256 %s: give the data.path that it was trained on, or train under another name (name=...)"
              .formatted(what, config.data().path(), checkpoint, required, got));
    }
  }

  private static boolean sameRates(RunConfig saved, RunConfig config, long steps) {
    LearningRateSchedule before = schedule(saved);
    LearningRateSchedule now = schedule(config);
    for (long step = 0; step < steps; step++) {
      if (before.at(step) != now.at(step)) {
        return false;
      }
    }
    return true;
  }

  private static LearningRateSchedule schedule(RunConfig config) {
    return LearningRateSchedule.of(
        config.optimizer(), config.schedule(), config.training().steps());
  }

  private static boolean matches(List<String> patterns, String key) {
    return patterns.stream()
        .anyMatch(pattern -> pattern.endsWith(".") ? key.startsWith(pattern) : key.equals(pattern));
  }

  /** Every key with its value as text, in the order of the records. */
  private static Map<String, String> keys(RunConfig config) {
    Map<String, String> keys = new LinkedHashMap<>();
    try {
      collect("", new YAMLMapper().readTree(ConfigLoader.toYaml(config)), keys);
    } catch (JsonProcessingException e) {
      throw new AssertionError("what was written as YAML can be read", e);
    }
    return keys;
  }

  private static void collect(String path, JsonNode node, Map<String, String> keys) {
    if (node.isObject()) {
      node.properties()
          .forEach(
              entry ->
                  collect(
                      path.isEmpty() ? entry.getKey() : path + "." + entry.getKey(),
                      entry.getValue(),
                      keys));
    } else {
      keys.put(path, node.asText());
    }
  }
}
