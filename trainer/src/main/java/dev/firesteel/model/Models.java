package dev.firesteel.model;

import dev.firesteel.array.DType;
import dev.firesteel.backend.Backend;
import dev.firesteel.config.ModelConfig;

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
    if (config.vocabularySize() < 1) {
      throw new IllegalArgumentException(
          "model.vocabulary_size must be resolved from the tokenizer before a model is made, got "
              + config.vocabularySize());
    }
    return switch (config.architecture().family()) {
      case GPT2 -> Gpt2.declare(config);
      case LLAMA -> Llama.declare(config);
    };
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
