package dev.firesteel.spark.driver;

import dev.firesteel.error.UserException;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import org.apache.spark.SparkConf;
import org.apache.spark.SparkContext;
import scala.jdk.javaapi.CollectionConverters;

/**
 * The executors that could train, as Spark sees them now: those that it has not excluded because of
 * failures, and that have more than half as many cores as the largest. Lives on the driver.
 */
final class LiveExecutors {
  private static final String DRIVER = "driver";

  /** The number of GPUs of an executor. */
  static final String GPUS = "spark.executor.resource.gpu.amount";

  private final SparkConf conf;
  private final boolean embedded;
  private final Supplier<List<Executor>> live;

  /**
   * A live executor.
   *
   * @param excluded whether Spark assigns it no tasks because of too many failures
   */
  record Executor(String id, int cores, int activeTasks, boolean excluded) {}

  LiveExecutors(SparkContext context) {
    this(context.conf(), context.isLocal(), () -> list(context));
  }

  LiveExecutors(SparkConf conf, boolean embedded, Supplier<List<Executor>> live) {
    this.conf = conf;
    this.embedded = embedded;
    this.live = live;
  }

  /** Whether tasks run in the driver's own process: then one rank has all its cores. */
  boolean embedded() {
    return embedded;
  }

  /** How many ranks there is room for: one per executor, or per GPU of an executor. */
  int trainers() {
    return embedded ? 1 : usable(live.get()).size() * trainersPerExecutor(conf);
  }

  /** The most ranks that the submission allows; 0 if it does not say. */
  int requested() {
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

  /**
   * Checks whether executors are similar enough to train together. For the start of a run: one that
   * joins later and differs is left out.
   *
   * @throws UserException if they are not
   */
  void requireAlike() {
    List<Executor> all = live.get();
    int fewest = all.stream().mapToInt(Executor::cores).min().orElse(1);
    int most = all.stream().mapToInt(Executor::cores).max().orElse(1);
    if (!embedded && most >= 2 * fewest) {
      throw UserException.usage(
          "executors must have about the same number of cores to train together, got %d to %d: give --conf spark.executor.cores=%d"
              .formatted(fewest, most, fewest));
    }
  }

  /** The cores of one rank. */
  int coresPerTrainer() {
    int fewest = usable(live.get()).stream().mapToInt(Executor::cores).min().orElse(1);
    int share = fewest / trainersPerExecutor(conf);
    if (share == 0) {
      throw UserException.usage(
          "an executor must have a core for each of its %d GPUs, got %d: give --conf spark.executor.cores"
              .formatted(trainersPerExecutor(conf), fewest));
    }
    return share;
  }

  /** Whether there is room for {@code wanted} ranks on idle executors. */
  boolean idleFor(int wanted) {
    if (embedded) {
      return wanted <= 1;
    }
    long idle = usable(live.get()).stream().filter(executor -> executor.activeTasks() == 0).count();
    return idle * trainersPerExecutor(conf) >= wanted;
  }

  /** A live executor that cannot train with the others, and the reason in a user's words. */
  record Unused(String id, String why) {}

  /** The executors that {@link #trainers} leaves out. */
  List<Unused> unused() {
    List<Unused> unused = new ArrayList<>();
    List<Executor> all = live.get();
    int most = mostCores(all);
    for (Executor executor : embedded ? List.<Executor>of() : all) {
      if (executor.excluded()) {
        unused.add(
            new Unused(
                executor.id(),
                "Executor %s is not used: Spark has excluded it because tasks failed there"
                    .formatted(executor.id())));
      } else if (isTooSmall(executor, most)) {
        unused.add(
            new Unused(
                executor.id(),
                "Executor %s is not used: it has %d cores, others have %d; set --conf spark.executor.cores to make executors equal"
                    .formatted(executor.id(), executor.cores(), most)));
      }
    }
    return unused;
  }

  private static List<Executor> usable(List<Executor> all) {
    int most = mostCores(all);
    return all.stream()
        .filter(executor -> !executor.excluded() && !isTooSmall(executor, most))
        .toList();
  }

  /** Each rank uses as many cores as the smallest executor has: a small one would slow all down. */
  private static boolean isTooSmall(Executor executor, int most) {
    return 2 * executor.cores() <= most;
  }

  private static int mostCores(List<Executor> all) {
    return all.stream()
        .filter(executor -> !executor.excluded())
        .mapToInt(Executor::cores)
        .max()
        .orElse(0);
  }

  private static List<Executor> list(SparkContext context) {
    return CollectionConverters.asJava(context.statusStore().executorList(true)).stream()
        .filter(executor -> !executor.id().equals(DRIVER))
        .map(
            executor ->
                new Executor(
                    executor.id(),
                    executor.totalCores(),
                    executor.activeTasks(),
                    executor.isExcluded()))
        .toList();
  }
}
