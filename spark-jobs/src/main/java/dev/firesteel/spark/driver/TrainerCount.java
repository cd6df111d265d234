package dev.firesteel.spark.driver;

import dev.firesteel.config.StageConfig;
import java.time.Duration;
import java.util.Optional;

/**
 * How many trainers the attempts of one run have: how many it waits for, how many it takes, and how
 * often it tries to have more.
 *
 * <p>It waits for no more than it can use. An attempt with more trainers than the one before must
 * prove itself by a checkpoint: if the executors were gone again when it was to begin, or it failed
 * before its first checkpoint, the run continues with as many as before, and waits twice as long
 * until it tries again.
 */
final class TrainerCount {
  /** Of the time between two attempts to grow; longer than any run. */
  private static final int MOST_DOUBLINGS = 24;

  private final StageConfig config;
  private int wanted;
  private int most = Integer.MAX_VALUE;
  private int growingFrom; // 0 where the next attempt is no attempt to grow
  private int attemptsInVain;
  private boolean disappointed;

  /**
   * @param requested trainers that the submission asks for, or that there is room for
   */
  TrainerCount(StageConfig config, int requested) {
    this.config = config;
    this.wanted = Math.max(1, WorldSize.wanted(config, requested));
  }

  /** How many trainers to wait for: no more than the next attempt can have. */
  int awaited() {
    return Math.min(wanted, most);
  }

  /**
   * The trainers of the next attempt.
   *
   * @param room how many trainers there is room for
   * @throws dev.firesteel.error.UserException if that is fewer than the configuration allows
   */
  int next(int room) {
    int chosen = WorldSize.choose(config, Math.min(room, most));
    if (growingFrom > 0 && chosen <= growingFrom) {
      growthWasInVain();
    }
    wanted = Math.max(wanted, chosen);
    return chosen;
  }

  /** Whether the next attempt is an attempt to have more trainers than the one before. */
  boolean isGrowing() {
    return growingFrom > 0;
  }

  /**
   * An attempt has ended.
   *
   * @param proved whether it ended without a failure, or wrote a checkpoint before it failed
   */
  void ended(boolean proved) {
    if (growingFrom > 0 && !proved) {
      most = growingFrom;
      growthWasInVain();
    } else if (growingFrom > 0) {
      growingFrom = 0;
      attemptsInVain = 0;
    }
  }

  /** An attempt of so many trainers has ended because there is room for more. */
  void grow(int from) {
    growingFrom = from;
    most = Integer.MAX_VALUE;
  }

  private void growthWasInVain() {
    growingFrom = 0;
    attemptsInVain++;
    disappointed = true;
  }

  /** How long an attempt trains before it ends to grow; zero: it does not. */
  Duration growInterval() {
    return Duration.ofSeconds(
        (long) config.cluster().growSeconds() << Math.min(attemptsInVain, MOST_DOUBLINGS));
  }

  /** What to tell of an attempt to grow that was in vain, once. */
  Optional<String> disappointment(int chosen) {
    if (!disappointed) {
      return Optional.empty();
    }
    disappointed = false;
    return Optional.of(
        "More trainers could not be added: the run continues with %d and looks for room again after %d s"
            .formatted(chosen, growInterval().toSeconds()));
  }
}
