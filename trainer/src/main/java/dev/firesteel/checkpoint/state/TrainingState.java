package dev.firesteel.checkpoint.state;

import com.fasterxml.jackson.annotation.JsonIgnore;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.firesteel.checkpoint.Checkpoint;
import dev.firesteel.checkpoint.CheckpointManifest;
import dev.firesteel.error.UserException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The state of a run after some steps: together with weights and moments, everything needed to
 * resume bit-identically. Random numbers and the order of samples are functions of the seed and of
 * the values here.
 *
 * @param stage stage, such as {@code pretrain}
 * @param step number of completed steps, including skipped ones: the position in the schedule
 * @param updates number of weight updates of each trained model, by name, as used in AdamW's bias
 *     correction, for instance: in pretraining {@code step} minus skipped steps
 * @param tokens tokens trained on
 * @param cursor additional state of the stage, such as the next sample
 * @param seed seed for all random numbers
 * @param skippedInARow number of consecutive steps, up to this one, that were skipped because the
 *     loss or gradient was not finite
 * @param best the best value of the stage's headline metric so far; null before the first
 *     evaluation
 * @param bestStep step of that value; null before the first evaluation
 * @param configSha256 SHA-256 of the resolved configuration in {@code trainer/config.yaml}
 * @param dataSha256 SHA-256 of the prepared data
 * @param tokenizerSha256 SHA-256 of {@code tokenizer.json}
 */
public record TrainingState(
    String stage,
    long step,
    Map<String, Long> updates,
    long tokens,
    JsonNode cursor,
    long seed,
    int skippedInARow,
    Double best,
    Long bestStep,
    String configSha256,
    String dataSha256,
    String tokenizerSha256) {

  /** The number of updates of each model, by name. */
  public static Map<String, Long> updates(List<ModelState> models) {
    Map<String, Long> updates = new LinkedHashMap<>();
    for (ModelState model : models) {
      if (model.optimizer() != null) {
        updates.put(model.name(), model.optimizer().updates());
      }
    }
    return updates;
  }

  /** The number of updates of a model. */
  @JsonIgnore
  long updatesOf(String model, Checkpoint checkpoint) {
    Long count = updates.get(model);
    if (count == null) {
      throw UserException.failure(
          "%s must contain the optimizer of the model %s, got those of %s: train under another name (name=...)"
              .formatted(checkpoint, model, updates.keySet()));
    }
    return count;
  }

  String toJson() {
    try {
      return CheckpointManifest.JSON.writeValueAsString(this) + "\n";
    } catch (JsonProcessingException e) {
      throw new AssertionError("records of plain values can be written", e);
    }
  }

  static TrainingState parse(String json, String origin) {
    try {
      JsonNode state = CheckpointManifest.JSON.readTree(json);
      if (state.has("next_sample")) {
        fromPretrainingOnly((ObjectNode) state);
      }
      return CheckpointManifest.JSON.treeToValue(state, TrainingState.class);
    } catch (JsonProcessingException | ClassCastException e) {
      throw UserException.failure("%s must be the state of a training run".formatted(origin), e);
    }
  }

  /** Written when pretraining, with a single model, was the only stage. */
  private static void fromPretrainingOnly(ObjectNode state) {
    state.put("stage", "pretrain");
    state.set("cursor", state.objectNode().set("next_sample", state.remove("next_sample")));
    state.set("updates", state.objectNode().set("model", state.remove("updates")));
    state.set("best", state.remove("best_validation_loss"));
  }
}
