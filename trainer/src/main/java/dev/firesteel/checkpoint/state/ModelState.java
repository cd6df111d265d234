package dev.firesteel.checkpoint.state;

import dev.firesteel.model.LanguageModel;
import dev.firesteel.optim.Optimizer;

/**
 * A model in a checkpoint. The first model of a checkpoint is at its root, where other programs
 * look for a model; the others are in {@code models/<name>/}.
 *
 * @param name name of the model in its stage, such as {@code policy}
 * @param optimizer null if the model is frozen
 */
public record ModelState(String name, LanguageModel model, Optimizer optimizer) {}
