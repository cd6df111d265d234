package dev.firesteel.spark.driver;

import dev.firesteel.config.StageConfig;
import dev.firesteel.error.UserException;

/** The number of ranks of an attempt. */
final class WorldSize {
  private WorldSize() {}

  /** How many trainers the run would like to have, if {@code available} were all there ever are. */
  static int wanted(StageConfig config, int available) {
    config.cluster().requireShares(config.training().microBatches());
    int trainers = config.cluster().trainers();
    return trainers == 0
        ? largestPowerOfTwo(available, config.training().microBatches())
        : trainers;
  }

  /**
   * The ranks of the next attempt: the requested number if there is room, else the largest power of
   * two that divides the micro-batches of a step.
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

  private static int largestPowerOfTwo(int most, int microBatches) {
    int chosen = 0;
    for (int size = 1; size <= most && microBatches % size == 0; size *= 2) {
      chosen = size;
    }
    return chosen;
  }
}
