package dev.firesteel.plan;

import dev.firesteel.config.ModelConfig;
import dev.firesteel.config.PretrainConfig;
import dev.firesteel.model.Models;
import dev.firesteel.nn.Parameter;
import dev.firesteel.nn.ParameterSet;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/**
 * What a run will need, from its configuration alone.
 *
 * @param name of the run
 * @param parameters trained numbers, by part
 * @param parameterCount of all parts
 * @param tokensPerStep of the global batch
 * @param microBatches micro-batches of a step
 * @param steps of the run
 * @param threads of one trainer
 * @param trainers that share each step
 * @param flops operations
 * @param memory at the busiest moment of training
 * @param checkpointBytes of one checkpoint: weights and both moments in float32, without the
 *     tokenizer
 * @param checkpoints that the run keeps
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
    MemoryPlan memory,
    long checkpointBytes,
    int checkpoints) {

  /**
   * Forward and backward through norms, attention, activations and losses, by one thread: measured
   * with the steps of benchmarks/results/memory_xeon-2core_202611.md.
   */
  private static final double SECONDS_PER_NUMBER = 7.2e-9;

  /** AdamW, clipping, and packing the weight anew: bound by memory, whatever the threads. */
  private static final double SECONDS_PER_PARAMETER = 2.5e-9;

  public RunPlan {
    parameters = List.copyOf(parameters);
  }

  /**
   * The plan of a run in a process of its own.
   *
   * @param vocabularySize rows of the embedding
   * @param threads that compute
   * @param process what the process takes without the model: a JVM, Spark
   * @param largestHeapBytes the process's {@code -Xmx}, which decides how arrays lie on the heap; 0
   *     for the one that the plan recommends
   */
  public static RunPlan of(
      PretrainConfig config,
      int vocabularySize,
      int threads,
      MemoryPart process,
      long largestHeapBytes) {
    ModelConfig model = config.model().withVocabularySize(vocabularySize);
    ParameterSet declared = Models.declare(model).parameters();
    MemoryPlan memory = memory(config, model, threads, process, largestHeapBytes);
    if (largestHeapBytes == 0) {
      memory = memory(config, model, threads, process, memory.recommendedHeapBytes());
    }
    return new RunPlan(
        config.name(),
        parameterParts(declared),
        declared.count(),
        config.training().tokensPerStep(),
        config.training().microBatches(),
        config.training().steps(),
        threads,
        config.cluster().plannedTrainers(),
        flops(config, model),
        memory,
        3 * Float.BYTES * declared.count(),
        config.checkpoint().keepLast() + (config.checkpoint().keepBest() ? 1 : 0));
  }

  /**
   * An estimate of a step's seconds: its operations at the speed of products, then what is not
   * products, a fixed time for each number that a thread makes and for each parameter's update. Of
   * several trainers each has its share; what they send each other is not counted.
   *
   * @param flopsPerSecond of {@link ThroughputProbe}
   */
  public double stepSeconds(double flopsPerSecond) {
    return stepSeconds(flops, tokensPerStep, parameterCount, threads, trainers, flopsPerSecond);
  }

  /**
   * The same estimate without the rest of the plan: what a run may hold its steps against.
   *
   * @param vocabularySize rows of the embedding
   * @param threads of one trainer
   * @param trainers that share each step
   */
  public static double stepSeconds(
      PretrainConfig config, int vocabularySize, int threads, int trainers, double flopsPerSecond) {
    ModelConfig model = config.model().withVocabularySize(vocabularySize);
    return stepSeconds(
        flops(config, model),
        config.training().tokensPerStep(),
        Models.declare(model).parameters().count(),
        threads,
        trainers,
        flopsPerSecond);
  }

  private static double stepSeconds(
      FlopPlan flops,
      long tokensPerStep,
      long parameterCount,
      int threads,
      int trainers,
      double flopsPerSecond) {
    return (flops.perStep() / flopsPerSecond
            + tokensPerStep * flops.numbersPerToken() * SECONDS_PER_NUMBER / threads
            + parameterCount * SECONDS_PER_PARAMETER)
        / trainers;
  }

  private static FlopPlan flops(PretrainConfig config, ModelConfig model) {
    return FlopPlan.of(
        model,
        config.training().sequenceLength(),
        config.training().tokensPerStep(),
        config.compute().recompute());
  }

  private static MemoryPlan memory(
      PretrainConfig config, ModelConfig model, int threads, MemoryPart process, long heapBytes) {
    List<MemoryPart> parts =
        new ArrayList<>(new DryRun(config, model, Heap.of(heapBytes), threads).parts());
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
