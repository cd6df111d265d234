package dev.firesteel.checkpoint.state;

import dev.firesteel.model.LanguageModel;
import dev.firesteel.optim.AdamW;

/**
 * A model in a checkpoint. The first of a checkpoint lies at its root, where other programs look
 * for a model; each other one in {@code models/<name>/}.
 *
 * @param name of the model in its stage, such as {@code policy}
 * @param optimizer null where the model does not learn
 */
public record ModelState(String name, LanguageModel model, AdamW optimizer) {}
