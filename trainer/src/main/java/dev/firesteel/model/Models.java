package dev.firesteel.model;

import dev.firesteel.array.DType;
import dev.firesteel.backend.Backend;
import dev.firesteel.config.ModelConfig;
import dev.firesteel.nn.ParameterSet;
import dev.firesteel.nn.Projections;

/** Creates models from their configuration. */
public final class Models {
  private Models() {}

  /**
   * A model without memory: its parameters only have names, shapes and offsets. {@link
   * dev.firesteel.nn.ParameterSet#allocate} makes it usable.
   *
   * @throws IllegalArgumentException when the vocabulary size is not resolved
   */
  public static LanguageModel declare(ModelConfig config) {
    ParameterSet.Builder parameters = ParameterSet.builder();
    LanguageModel model = declare(config, parameters);
    parameters.build();
    return model;
  }

  /**
   * A model whose parameters are declared on a builder that is given, so that others can share
   * their set and with it gradients, an optimizer and a checkpoint: a value head, a reward head.
   * The model can be used once the builder is built.
   */
  public static LanguageModel declare(ModelConfig config, ParameterSet.Builder parameters) {
    return declare(config, parameters, Projections.DENSE);
  }

  /**
   * As above, with projections of another kind.
   *
   * @param projections such as a {@link dev.firesteel.nn.Lora}
   * @throws dev.firesteel.error.UserException if a setting of them has no effect
   */
  public static LanguageModel declare(
      ModelConfig config, ParameterSet.Builder parameters, Projections projections) {
    if (config.vocabularySize() < 1) {
      throw new IllegalArgumentException(
          "model.vocabulary_size must be resolved from the tokenizer before a model is made, got "
              + config.vocabularySize());
    }
    LanguageModel model =
        switch (config.architecture().family()) {
          case GPT2 -> Gpt2.declare(config, parameters, projections);
          case LLAMA -> Llama.declare(config, parameters, projections);
        };
    projections.requireUsed(parameters);
    return model;
  }

  /** A model in float32 with initial weights from {@code seed}. */
  public static LanguageModel create(ModelConfig config, Backend backend, long seed) {
    return create(config, backend, DType.F32, seed);
  }

  /** A model in float32 or float64 with initial weights from {@code seed}. */
  public static LanguageModel create(ModelConfig config, Backend backend, DType dtype, long seed) {
    LanguageModel model = declare(config);
    model.parameters().allocate(backend, dtype);
    model.parameters().initialize(seed);
    return model;
  }
}
