package dev.firesteel.train;

import dev.firesteel.collective.Collective;
import dev.firesteel.error.UserException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.Optional;
import java.util.function.Predicate;
import org.apache.hadoop.fs.Path;

/** Agreement between the ranks of a run; every rank must call each method at the same time. */
final class RankAgreement {
  /** How long rank 0 waits for its files before the ranks synchronize again. */
  private static final Duration BETWEEN_VOTES = Duration.ofMillis(100);

  private final Collective collective;

  RankAgreement(Collective collective) {
    this.collective = collective;
  }

  /** Whether the value is true on any rank; all ranks get the same answer. */
  boolean any(boolean mine) {
    double[] votes = {mine ? 1 : 0};
    collective.allReduce(votes);
    return votes[0] > 0;
  }

  /**
   * Returns when rank 0's files are written. All ranks wait and synchronize repeatedly, because a
   * collective call has a timeout, which may be shorter than the file system's.
   *
   * @param idle waits at most the given time, and returns whether the files are written
   */
  void awaitFiles(Predicate<Duration> idle) {
    double[] written = {0};
    while (written[0] == 0) {
      written[0] = collective.rank() == 0 && idle.test(BETWEEN_VOTES) ? 1 : 0;
      collective.allReduce(written);
    }
  }

  /** If ranks saw different checkpoints, they would train different models. */
  void requireSameCheckpoint(long mine, Path directory) {
    byte[][] all = collective.allGather(ByteBuffer.allocate(Long.BYTES).putLong(mine).array());
    for (int rank = 0; rank < all.length; rank++) {
      long theirs = ByteBuffer.wrap(all[rank]).getLong();
      if (theirs != mine) {
        throw UserException.failure(
            "all executors must see the same checkpoints in %s, got the last of step %d here and of step %d on rank %d: set runs_folder to a folder that all of them share"
                .formatted(directory, mine, theirs, rank));
      }
    }
  }

  /**
   * Gives a notice if ranks compute differently: results then depend on which rank computed what,
   * so they are valid but not reproducible.
   *
   * @param mine description of the arithmetic of this rank's backend
   */
  Optional<String> differentArithmetic(String mine) {
    byte[][] all = collective.allGather(mine.getBytes(StandardCharsets.UTF_8));
    int others = 0;
    int last = 0;
    for (int rank = 1; rank < all.length; rank++) {
      if (!Arrays.equals(all[rank], all[0])) {
        others++;
        last = rank;
      }
    }
    return others == 0
        ? Optional.empty()
        : Optional.of(
            "Rank 0 computes with %s, but %d of %d ranks do not (rank %d uses %s): results will not be bit-identical if ranks are placed differently"
                .formatted(
                    new String(all[0], StandardCharsets.UTF_8),
                    others,
                    all.length,
                    last,
                    new String(all[last], StandardCharsets.UTF_8)));
  }
}
