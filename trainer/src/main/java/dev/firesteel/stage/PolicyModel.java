package dev.firesteel.stage;

import dev.firesteel.array.DType;
import dev.firesteel.config.LoraConfig;
import dev.firesteel.config.ModelConfig;
import dev.firesteel.model.LanguageModel;
import dev.firesteel.model.Models;
import dev.firesteel.model.ScoredModel;
import dev.firesteel.nn.Lora;
import dev.firesteel.nn.ParameterSet;
import dev.firesteel.nn.Projections;
import dev.firesteel.tokenizer.Tokenizer;
import dev.firesteel.train.StartingModel;
import dev.firesteel.train.TrainingContext;
import java.util.Optional;

/** The model that a stage after pretraining trains: whole, or by adapters beside frozen weights. */
final class PolicyModel {
  private PolicyModel() {}

  /** Declares and allocates the model. */
  static LanguageModel create(
      ModelConfig config, LoraConfig lora, Tokenizer tokenizer, TrainingContext context) {
    ParameterSet.Builder parameters = ParameterSet.builder();
    LanguageModel model = declare(config, lora, tokenizer, parameters);
    parameters.build().allocate(context.backend(), DType.F32);
    return model;
  }

  /** Declares and allocates the model with a head of values, all of which is trained. */
  static ScoredModel createWithValues(
      ModelConfig config, LoraConfig lora, Tokenizer tokenizer, TrainingContext context) {
    ParameterSet.Builder parameters = ParameterSet.builder();
    ScoredModel model =
        ScoredModel.valueHead(declare(config, lora, tokenizer, parameters), parameters);
    parameters.build().allocate(context.backend(), DType.F32);
    return model;
  }

  private static LanguageModel declare(
      ModelConfig config, LoraConfig lora, Tokenizer tokenizer, ParameterSet.Builder parameters) {
    Optional<Lora> adapters = lora.adapters();
    LanguageModel model =
        Models.declare(
            config.forTokenizer(tokenizer.vocabularySize()),
            parameters,
            adapters.<Projections>map(one -> one).orElse(Projections.DENSE));
    if (adapters.isPresent()) {
      Lora.freezeBase(parameters);
    }
    return model;
  }

  /** Loads the weights that the run starts from, and initializes adapters. */
  static void initialize(
      LanguageModel model,
      ModelConfig config,
      long seed,
      Tokenizer tokenizer,
      TrainingContext context) {
    model.parameters().initialize(seed);
    StartingModel.load(
        config.from(), model, tokenizer, context.collective(), context.run().configuration());
  }
}
