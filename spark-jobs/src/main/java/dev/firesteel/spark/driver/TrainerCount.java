package dev.firesteel.spark.driver;

import dev.firesteel.config.StageConfig;
import java.time.Duration;
import java.util.Optional;

/**
 * How many ranks the attempts of one run have: how many to wait for, how many to use, and how often
 * to try to grow.
 *
 * <p>It waits for no more than it can use. An attempt with more ranks than the previous one must
 * prove itself by a checkpoint: if the executors are gone again when it should begin, or it fails
 * before its first checkpoint, the run continues with the previous number, and doubles the wait
 * before it tries again.
 */
final class TrainerCount {
  /** Limit for the time between two attempts to grow; longer than any run. */
  private static final int MOST_DOUBLINGS = 24;

  private final StageConfig config;
  private int wanted;
  private int most = Integer.MAX_VALUE;
  private int growingFrom; // 0 where the next attempt is no attempt to grow
  private int attemptsInVain;
  private boolean disappointed;

  /**
   * @param requested ranks that the submission asks for, or that there is room for
   */
  TrainerCount(StageConfig config, int requested) {
    this.config = config;
    this.wanted = Math.max(1, WorldSize.wanted(config, requested));
  }

  /** How many ranks to wait for: no more than the next attempt can use. */
  int awaited() {
    return Math.min(wanted, most);
  }

  /**
   * The number of ranks of the next attempt.
   *
   * @param room how many ranks there is room for
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

  /** Whether the next attempt would have more ranks than the previous one. */
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

  /** An attempt with that many ranks has ended because there is room for more. */
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

  /** The notice about a failed attempt to grow, once. */
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
