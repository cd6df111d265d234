package dev.firesteel.spark;

import dev.firesteel.error.UserException;
import java.util.List;
import org.apache.spark.SparkConf;
import org.apache.spark.SparkContext;
import org.apache.spark.status.api.v1.ExecutorSummary;
import scala.jdk.javaapi.CollectionConverters;

/** The executors that could train, as Spark sees them now. Lives on the driver. */
final class LiveExecutors {
  private static final String DRIVER = "driver";

  /** How many GPUs an executor has. */
  static final String GPUS = "spark.executor.resource.gpu.amount";

  private final SparkContext context;

  LiveExecutors(SparkContext context) {
    this.context = context;
  }

  /** Whether tasks run in the driver's own process: then one trainer has all its cores. */
  boolean embedded() {
    return context.isLocal();
  }

  /** How many trainers there is room for: one on each executor, or on each GPU that it has. */
  int trainers() {
    return embedded() ? 1 : list().size() * trainersPerExecutor(context.conf());
  }

  /** The most trainers that the submission asks for; 0 where it does not say. */
  int requested() {
    SparkConf conf = context.conf();
    int executors = conf.getInt("spark.executor.instances", 0);
    if (executors == 0
        && conf.contains("spark.cores.max")
        && conf.contains("spark.executor.cores")) {
      executors = conf.getInt("spark.cores.max", 0) / conf.getInt("spark.executor.cores", 1);
    }
    return executors * trainersPerExecutor(conf);
  }

  static int trainersPerExecutor(SparkConf conf) {
    return Math.max(1, conf.getInt(GPUS, 1));
  }

  /** The cores of one trainer. */
  int coresPerTrainer() {
    int fewest = list().stream().mapToInt(ExecutorSummary::totalCores).min().orElse(1);
    int most = list().stream().mapToInt(ExecutorSummary::totalCores).max().orElse(1);
    if (most >= 2 * fewest) {
      throw UserException.usage(
          "executors must have about as many cores as each other to train together, got %d to %d: give --conf spark.executor.cores=%d"
              .formatted(fewest, most, fewest));
    }
    int share = fewest / trainersPerExecutor(context.conf());
    if (share == 0) {
      throw UserException.usage(
          "an executor must have a core for each of its %d GPUs, got %d: give --conf spark.executor.cores"
              .formatted(trainersPerExecutor(context.conf()), fewest));
    }
    return share;
  }

  /** Whether there is room for {@code wanted} trainers, and no executor is at work. */
  boolean idleFor(int wanted) {
    return trainers() >= wanted
        && (embedded() || list().stream().noneMatch(executor -> executor.activeTasks() > 0));
  }

  private List<ExecutorSummary> list() {
    return CollectionConverters.asJava(context.statusStore().executorList(true)).stream()
        .filter(executor -> !executor.id().equals(DRIVER))
        .toList();
  }
}
