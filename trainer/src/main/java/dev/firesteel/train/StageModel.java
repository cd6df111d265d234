package dev.firesteel.train;

import dev.firesteel.model.LanguageModel;
import java.util.Optional;

/**
 * A model of a stage, which checkpoints hold under its name.
 *
 * @param name such as {@code policy}; a part of file names
 * @param learner empty where the model is frozen
 */
public record StageModel(String name, LanguageModel model, Optional<Learner> learner) {
  /** A model that learns. */
  public static StageModel trained(String name, LanguageModel model, Learner learner) {
    return new StageModel(name, model, Optional.of(learner));
  }

  /** A model whose weights stay as they are. */
  public static StageModel frozen(String name, LanguageModel model) {
    return new StageModel(name, model, Optional.empty());
  }
}
