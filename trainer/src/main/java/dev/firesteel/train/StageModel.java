package dev.firesteel.train;

import dev.firesteel.model.LanguageModel;
import java.util.Optional;

/**
 * A model of a stage, stored in checkpoints under its name.
 *
 * @param name name, such as {@code policy}; used in file names
 * @param learner empty if the model is frozen
 */
public record StageModel(String name, LanguageModel model, Optional<Learner> learner) {
  /** A model that is trained. */
  public static StageModel trained(String name, LanguageModel model, Learner learner) {
    return new StageModel(name, model, Optional.of(learner));
  }

  /** A frozen model. */
  public static StageModel frozen(String name, LanguageModel model) {
    return new StageModel(name, model, Optional.empty());
  }
}
