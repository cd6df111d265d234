package dev.firesteel.checkpoint.state;

import com.fasterxml.jackson.core.JsonProcessingException;
import dev.firesteel.checkpoint.CheckpointManifest;
import dev.firesteel.error.UserException;

/**
 * A run's state after some steps: together with the weights and moments, all that is needed to
 * resume as if nothing had happened. Random numbers and the order of samples are functions of the
 * seed and of the numbers here.
 *
 * @param step optimizer steps done, skipped ones included: the position in the schedule
 * @param updates updates of the weights, which AdamW's bias correction counts: {@code step} minus
 *     the skipped ones
 * @param tokens tokens trained on
 * @param nextSample the data cursor: the first sample of the next step
 * @param seed key of all random numbers
 * @param skippedInARow consecutive steps skipped at the end because loss or gradient was not finite
 * @param bestValidationLoss the lowest so far, in nats per token; null before the first evaluation
 * @param bestStep where it was measured; null before the first evaluation
 * @param configSha256 of the resolved configuration in {@code trainer/config.yaml}
 * @param dataSha256 of the manifest of the prepared data
 * @param tokenizerSha256 of {@code tokenizer.json}
 */
public record TrainingState(
    long step,
    long updates,
    long tokens,
    long nextSample,
    long seed,
    int skippedInARow,
    Double bestValidationLoss,
    Long bestStep,
    String configSha256,
    String dataSha256,
    String tokenizerSha256) {

  String toJson() {
    try {
      return CheckpointManifest.JSON.writeValueAsString(this) + "\n";
    } catch (JsonProcessingException e) {
      throw new AssertionError("records of plain values can be written", e);
    }
  }

  static TrainingState parse(String json, String origin) {
    try {
      return CheckpointManifest.JSON.readValue(json, TrainingState.class);
    } catch (JsonProcessingException e) {
      throw UserException.failure(
          "%s must be the state of a training run, got something else".formatted(origin), e);
    }
  }
}
