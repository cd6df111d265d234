package dev.firesteel.plan;

import dev.firesteel.array.DType;
import dev.firesteel.config.ExampleStageConfig;
import dev.firesteel.config.LoraConfig;
import dev.firesteel.config.ModelConfig;
import dev.firesteel.config.PpoConfig;
import dev.firesteel.config.PpoSection;
import dev.firesteel.config.RlConfig;
import dev.firesteel.config.StageConfig;
import dev.firesteel.model.LanguageModel;
import dev.firesteel.model.Models;
import dev.firesteel.model.ScoredModel;
import dev.firesteel.nn.Lora;
import dev.firesteel.nn.ParameterSet;
import dev.firesteel.nn.Projections;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** The models of a stage: the one that it trains, as it is declared, and what others need. */
final class OtherModels {
  /** The forward pass is a third of a training step's operations. */
  private static final double FORWARD = 1 / 3.0;

  /** No optimizer keeps more numbers for a parameter. */
  private static final int MOMENTS = 2;

  private OtherModels() {}

  /** The model that a stage trains, with its adapters and what they freeze. */
  static LanguageModel trained(StageConfig config, ModelConfig model) {
    Optional<Lora> adapters =
        config instanceof ExampleStageConfig stage ? stage.lora().adapters() : Optional.empty();
    ParameterSet.Builder parameters = ParameterSet.builder();
    LanguageModel declared =
        Models.declare(
            model, parameters, adapters.<Projections>map(one -> one).orElse(Projections.DENSE));
    if (adapters.isPresent()) {
      Lora.freezeBase(parameters);
    }
    parameters.build();
    return declared;
  }

  /** Memory of a stage's examples, and of its models beside the one that it trains. */
  static List<MemoryPart> parts(
      StageConfig config, ModelConfig model, Heap heap, StageInputs inputs) {
    List<MemoryPart> parts = new ArrayList<>();
    if (inputs.examples() > 0) {
      parts.add(new MemoryPart("examples", inputs.exampleBytes(), 0));
    }
    if (!(config instanceof RlConfig rl)) {
      return parts;
    }
    long weights = bytes(heap, Models.declare(model).parameters().count());
    if (rl.lora().equals(LoraConfig.none()) || rl.lora().rank() == 0) {
      parts.add(new MemoryPart("reference model, weights", weights, 0));
    }
    if (!rl.rewards().model().isEmpty()) {
      parts.add(
          inputs.rewardParameters().isPresent()
              ? new MemoryPart(
                  "reward model, weights", bytes(heap, inputs.rewardParameters().getAsLong()), 0)
              : new MemoryPart("reward model, weights, if it is as large", weights, 0));
    }
    if (rl.update().emaDecay() > 0) {
      parts.add(new MemoryPart("average of the policy, weights", weights, 0));
    }
    if (hasValueModel(rl)) {
      long value = ScoredModel.value(model, Projections.DENSE).parameters().count();
      long moments = MOMENTS * bytes(heap, value) / config.cluster().plannedTrainers();
      parts.add(
          new MemoryPart(
              "value model, weights, gradients and at most two moments",
              2 * bytes(heap, value) + moments,
              0));
    }
    long tokens = (long) rl.rollouts().batch() * config.training().sequenceLength();
    long cache = 2L * model.layers() * model.kvHeads() * model.headWidth() * tokens;
    parts.add(new MemoryPart("keys and values of rollouts", bytes(heap, cache), 0));
    return parts;
  }

  /** A head of values is a few weights of the policy. */
  private static boolean hasValueModel(RlConfig rl) {
    return rl instanceof PpoConfig ppo && ppo.ppo().critic() == PpoSection.Critic.MODEL;
  }

  private static long bytes(Heap heap, long elements) {
    return heap.arrayBytes(elements * DType.F32.bytes());
  }

  /**
   * How many times a training pass over a step's tokens, or what costs as much, a step takes beside
   * its rollouts.
   */
  static double passes(StageConfig config) {
    if (!(config instanceof RlConfig rl)) {
      return 1;
    }
    double models = hasValueModel(rl) ? 2 : 1;
    double scoring = 1 + models + (rl.rewards().model().isEmpty() ? 0 : 1);
    return rl.update().epochs() * models + FORWARD * scoring;
  }

  /** Tokens of a step: of reinforcement learning those of the longest prompts and completions. */
  static long tokensPerStep(StageConfig config) {
    return config instanceof RlConfig rl
        ? (long) rl.rollouts().completions() * config.training().sequenceLength()
        : config.training().tokensPerStep();
  }
}
