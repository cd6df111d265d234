package dev.firesteel.plan;

import dev.firesteel.config.ModelConfig;
import dev.firesteel.config.RlConfig;
import dev.firesteel.config.StageConfig;
import dev.firesteel.error.UserException;
import dev.firesteel.nn.Parameter;
import dev.firesteel.nn.ParameterSet;
import dev.firesteel.optim.Optimizers;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/**
 * Resources that a run needs, derived from its configuration alone.
 *
 * @param name name of the run
 * @param parameters number of parameters, by part
 * @param parameterCount total number of parameters
 * @param tokensPerStep tokens of the global batch
 * @param microBatches micro-batches per step
 * @param steps steps of the run
 * @param threads threads of one trainer
 * @param trainers number of trainers that share each step
 * @param flops floating-point operations
 * @param optimizerFlops floating-point operations of the matmuls in an update of the weights
 * @param memory peak memory of training
 * @param checkpointBytes size of one checkpoint: weights and the optimizer's state in float32,
 *     excluding the tokenizer
 * @param checkpoints number of checkpoints that the run keeps
 * @param rolloutFlops operations of a step's rollouts; 0 unless the stage samples
 */
public record RunPlan(
    String name,
    List<ParameterPart> parameters,
    long parameterCount,
    long tokensPerStep,
    int microBatches,
    long steps,
    int threads,
    int trainers,
    FlopPlan flops,
    double optimizerFlops,
    MemoryPlan memory,
    long checkpointBytes,
    int checkpoints,
    double rolloutFlops) {

  /**
   * Forward and backward through norms, attention, activations and losses, by one thread: measured
   * with the steps of benchmarks/results/memory_xeon-2core_202611.md.
   */
  private static final double SECONDS_PER_NUMBER = 7.2e-9;

  /**
   * The optimizer, clipping, and repacking the weight: memory-bound, regardless of the number of
   * threads.
   */
  private static final double SECONDS_PER_PARAMETER = 2.5e-9;

  public RunPlan {
    parameters = List.copyOf(parameters);
  }

  /**
   * The plan of a run in its own process.
   *
   * @param vocabularySize rows of the embedding
   * @param threads number of compute threads
   * @param process memory of the process without the model: the JVM, Spark
   * @param largestHeapBytes the process's {@code -Xmx}, which determines how arrays are laid out on
   *     the heap; 0 for the recommended one
   * @param inputs what the stage reads beside its model
   * @throws UserException if trainers do not share the micro-batches evenly
   */
  public static RunPlan of(
      StageConfig config,
      int vocabularySize,
      int threads,
      MemoryPart process,
      long largestHeapBytes,
      StageInputs inputs) {
    config.cluster().requireShares(config.training().microBatches());
    ModelConfig model = config.model().withVocabularySize(vocabularySize);
    ParameterSet declared = OtherModels.trained(config, model).parameters();
    DryRun run = dryRun(config, model, Heap.of(largestHeapBytes), threads);
    List<MemoryPart> others = OtherModels.parts(config, model, Heap.of(largestHeapBytes), inputs);
    MemoryPlan memory = memory(run, others, process);
    if (largestHeapBytes == 0) {
      Heap heap = Heap.of(memory.recommendedHeapBytes());
      memory = memory(dryRun(config, model, heap, threads), others, process);
    }
    FlopPlan flops = flops(config, model, declared);
    return new RunPlan(
        config.name(),
        parameterParts(declared),
        declared.count(),
        OtherModels.tokensPerStep(config),
        config.training().microBatches(),
        config.training().steps(),
        threads,
        config.cluster().plannedTrainers(),
        flops,
        Optimizers.flops(config.optimizer(), declared),
        memory,
        Float.BYTES * (declared.count() + run.stateElements()),
        config.checkpoint().keepLast() + (config.checkpoint().keepBest() ? 1 : 0),
        rolloutFlops(config, flops));
  }

  /**
   * Estimated duration of a step in seconds: its operations at the speed of matmuls, plus a fixed
   * time for each number that a thread produces outside matmuls and for each parameter's update.
   * Each of several trainers has its share; communication between them is not counted.
   *
   * @param flopsPerSecond as measured by {@link ThroughputProbe}
   */
  public double stepSeconds(double flopsPerSecond) {
    return stepSeconds(
        flops,
        optimizerFlops,
        flops.perStep() / (flops.perToken() + flops.recomputedPerToken()),
        parameterCount,
        threads,
        trainers,
        flopsPerSecond);
  }

  /**
   * The same estimate without the rest of the plan, for a run to compare its steps with.
   *
   * @param vocabularySize rows of the embedding
   * @param threads of one trainer
   * @param trainers that share each step
   */
  public static double stepSeconds(
      StageConfig config, int vocabularySize, int threads, int trainers, double flopsPerSecond) {
    ModelConfig model = config.model().withVocabularySize(vocabularySize);
    ParameterSet declared = OtherModels.trained(config, model).parameters();
    return stepSeconds(
        flops(config, model, declared),
        Optimizers.flops(config.optimizer(), declared),
        OtherModels.tokensPerStep(config) * OtherModels.passes(config),
        declared.count(),
        threads,
        trainers,
        flopsPerSecond);
  }

  private static double stepSeconds(
      FlopPlan flops,
      double optimizerFlops,
      double tokensPerStep,
      long parameterCount,
      int threads,
      int trainers,
      double flopsPerSecond) {
    return ((flops.perStep() + optimizerFlops) / flopsPerSecond
            + tokensPerStep * flops.numbersPerToken() * SECONDS_PER_NUMBER / threads
            + parameterCount * SECONDS_PER_PARAMETER)
        / trainers;
  }

  private static FlopPlan flops(StageConfig config, ModelConfig model, ParameterSet declared) {
    return FlopPlan.of(
        model,
        declared,
        config.training().sequenceLength(),
        Math.round(OtherModels.tokensPerStep(config) * OtherModels.passes(config)),
        config.compute().recompute());
  }

  private static DryRun dryRun(StageConfig config, ModelConfig model, Heap heap, int threads) {
    return new DryRun(config, () -> OtherModels.trained(config, model), heap, threads);
  }

  /** Of a token of a completion, one forward pass. */
  private static double rolloutFlops(StageConfig config, FlopPlan flops) {
    return config instanceof RlConfig rl
        ? 2.0 * flops.productWeights() * rl.rollouts().completions() * rl.rollouts().maxTokens()
        : 0;
  }

  /**
   * Estimated duration of a step's rollouts in seconds, if all completions have the maximum length.
   *
   * @param flopsPerSecond of matmuls with as many rows as completions are decoded together
   */
  public double rolloutSeconds(double flopsPerSecond) {
    return rolloutFlops / flopsPerSecond / trainers;
  }

  private static MemoryPlan memory(DryRun run, List<MemoryPart> others, MemoryPart process) {
    List<MemoryPart> parts = new ArrayList<>(run.parts());
    parts.addAll(others);
    parts.add(process);
    return MemoryPlan.of(parts);
  }

  private static List<ParameterPart> parameterParts(ParameterSet parameters) {
    Map<ModelPart, Long> counts = new EnumMap<>(ModelPart.class);
    for (Parameter parameter : parameters.parameters()) {
      counts.merge(ModelPart.of(parameter.name()), parameter.size(), Long::sum);
    }
    return counts.entrySet().stream()
        .map(count -> new ParameterPart(count.getKey().title(), count.getValue()))
        .toList();
  }
}
