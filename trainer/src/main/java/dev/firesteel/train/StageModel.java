package dev.firesteel.train;

import dev.firesteel.model.LanguageModel;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * A model of a stage, stored in checkpoints under its name.
 *
 * @param name such as {@code policy}, in lower case letters, digits and underscores: a folder's
 *     name
 * @param learner empty where the model is frozen
 */
public record StageModel(String name, LanguageModel model, Optional<Learner> learner) {
  private static final Pattern NAME = Pattern.compile("[a-z][a-z0-9_]*");

  /**
   * Checks the name.
   *
   * @throws IllegalArgumentException if it is no name of a folder
   */
  public StageModel {
    if (!NAME.matcher(name).matches()) {
      throw new IllegalArgumentException(
          "a model's name must match " + NAME + ", got \"" + name + "\"");
    }
  }

  /** A model that learns. */
  public static StageModel trained(String name, LanguageModel model, Learner learner) {
    return new StageModel(name, model, Optional.of(learner));
  }

  /** A frozen model. */
  public static StageModel frozen(String name, LanguageModel model) {
    return new StageModel(name, model, Optional.empty());
  }
}
