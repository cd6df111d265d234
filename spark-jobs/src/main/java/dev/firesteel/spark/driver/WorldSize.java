package dev.firesteel.spark.driver;

import dev.firesteel.config.StageConfig;
import dev.firesteel.error.UserException;

/** How many trainers an attempt has. */
final class WorldSize {
  private WorldSize() {}

  /** How many trainers the run would like to have, if {@code available} were all there ever are. */
  static int wanted(StageConfig config, int available) {
    requireShares(config);
    int trainers = config.cluster().trainers();
    return trainers == 0
        ? largestPowerOfTwo(available, config.training().microBatches())
        : trainers;
  }

  /**
   * Looks whether the trainers that are wanted can share the slots of a step evenly.
   *
   * @throws UserException if they cannot
   */
  static void requireShares(StageConfig config) {
    int trainers = config.cluster().trainers();
    int slots = config.training().microBatches();
    if (trainers > 0 && slots % trainers != 0) {
      throw UserException.usage(
          "cluster.trainers must divide the micro-batches of a step (training.global_batch_size / training.micro_batch_size = %d), got %d: change one of them"
              .formatted(slots, trainers));
    }
  }

  /**
   * The trainers of the next attempt: those that are wanted where there is room for them, else the
   * largest power of two that divides the slots of a step.
   *
   * @throws UserException if that is fewer than the configuration allows
   */
  static int choose(StageConfig config, int available) {
    int wanted = wanted(config, available);
    int chosen =
        wanted <= available
            ? wanted
            : largestPowerOfTwo(available, config.training().microBatches());
    if (chosen < config.cluster().minTrainers()) {
      throw UserException.failure(
          "training needs at least %d trainers (cluster.min_trainers), and there is room for %d after %d seconds (cluster.wait_seconds): give the application more executors, or lower cluster.min_trainers"
              .formatted(
                  config.cluster().minTrainers(), available, config.cluster().waitSeconds()));
    }
    return chosen;
  }

  private static int largestPowerOfTwo(int most, int slots) {
    int chosen = 0;
    for (int size = 1; size <= most && slots % size == 0; size *= 2) {
      chosen = size;
    }
    return chosen;
  }
}
