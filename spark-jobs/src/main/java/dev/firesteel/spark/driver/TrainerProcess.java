package dev.firesteel.spark.driver;

import dev.firesteel.config.ConfigLoader;
import dev.firesteel.config.StageConfig;
import dev.firesteel.nn.Recompute;
import dev.firesteel.plan.MemoryPart;
import dev.firesteel.plan.Quantities;
import dev.firesteel.plan.RunPlan;
import dev.firesteel.plan.StageInputs;
import dev.firesteel.spark.executor.TrainTask;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.apache.spark.SparkConf;

/**
 * The process that trains: this one if Spark is embedded or local, else an executor.
 *
 * @param embedded whether it is this one
 * @param heapBytes its maximum heap
 * @param threads that compute when the configuration does not say
 */
public record TrainerProcess(boolean embedded, long heapBytes, int threads) {
  private static final long MIB = 1 << 20;

  /**
   * Live heap of Spark, its SQL session and Hadoop, measured (benchmarks/results, "memory"); caches
   * that the collector may empty are not counted.
   */
  private static final long SPARK_HEAP_BYTES = 42 * MIB;

  /** Classes, compiled code, thread stacks, buffers of the JVM and Spark, measured likewise. */
  private static final long SPARK_NATIVE_BYTES = 210 * MIB;

  private static final String EXECUTOR_MEMORY = "spark.executor.memory";
  private static final long DEFAULT_EXECUTOR_BYTES = 1024 * MIB;

  public static TrainerProcess of(SparkConf spark) {
    String master = spark.get("spark.master", "local");
    boolean embedded = master.startsWith("local") && !master.startsWith("local-cluster");
    long executorBytes = spark.getSizeAsBytes(EXECUTOR_MEMORY, DEFAULT_EXECUTOR_BYTES + "b");
    return new TrainerProcess(
        embedded,
        embedded ? Runtime.getRuntime().maxMemory() : executorBytes,
        TrainTask.cores(spark));
  }

  /** The plan of a run in this process, with the heap that the plan recommends. */
  public RunPlan plan(StageConfig config, int vocabularySize, StageInputs inputs) {
    return plan(config, vocabularySize, inputs, 0);
  }

  /** The plan of a run in this process as it is. */
  public RunPlan planWithin(StageConfig config, int vocabularySize, StageInputs inputs) {
    return plan(config, vocabularySize, inputs, heapBytes);
  }

  private RunPlan plan(StageConfig config, int vocabularySize, StageInputs inputs, long heap) {
    int computing = config.compute().threads() == 0 ? threads : config.compute().threads();
    return RunPlan.of(
        config,
        vocabularySize,
        computing,
        new MemoryPart("JVM and Spark", SPARK_HEAP_BYTES, SPARK_NATIVE_BYTES),
        heap,
        inputs);
  }

  /** A sentence for a run that this process's heap is too small for. */
  public Optional<String> warning(
      RunPlan plan, StageConfig config, int vocabularySize, StageInputs inputs) {
    long needed = plan.memory().recommendedHeapBytes();
    if (needed <= heapBytes) {
      return Optional.empty();
    }
    String option = Quantities.heapOption(needed);
    String way =
        embedded
            ? "start with FIRESTEEL_JAVA_OPTS=-Xmx" + option
            : "submit with --executor-memory " + option;
    return Optional.of(
        "warning: the run should have a heap of "
            + Quantities.bytes(needed)
            + " ("
            + Quantities.bytes(plan.memory().peakHeapBytes())
            + " in use), "
            + (embedded ? "this process" : "an executor")
            + " has "
            + Quantities.bytes(heapBytes)
            + ": "
            + way
            + smaller(config, vocabularySize, inputs));
  }

  /** The choices of recomputation that fit, if any. */
  private String smaller(StageConfig config, int vocabularySize, StageInputs inputs) {
    for (Recompute recompute : List.of(Recompute.ATTENTION, Recompute.BLOCK)) {
      if (recompute.compareTo(config.compute().recompute()) > 0) {
        String override = "compute.recompute=" + recompute.name().toLowerCase(Locale.ROOT);
        StageConfig changed = ConfigLoader.with(config, override);
        if (plan(changed, vocabularySize, inputs).memory().recommendedHeapBytes() <= heapBytes) {
          return ", or with " + override;
        }
      }
    }
    return "";
  }
}
