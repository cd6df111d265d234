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

/** What the ranks of a run make sure of together; every rank calls each method at the same time. */
final class RankAgreement {
  /** How long ranks that wait for rank 0's files let it look before they ask again. */
  private static final Duration BETWEEN_VOTES = Duration.ofMillis(100);

  private final Collective collective;

  RankAgreement(Collective collective) {
    this.collective = collective;
  }

  /** Whether any rank says yes: all of them find the same answer. */
  boolean any(boolean mine) {
    double[] votes = {mine ? 1 : 0};
    collective.allReduce(votes);
    return votes[0] > 0;
  }

  /**
   * Returns when rank 0's files are written. All ranks wait, and ask each other now and then: a
   * call of the collective has a deadline, which may be shorter than that of the file system.
   *
   * @param idle whether the files are written, waiting for the given time at most
   */
  void awaitFiles(Predicate<Duration> idle) {
    double[] written = {0};
    while (written[0] == 0) {
      written[0] = collective.rank() == 0 && idle.test(BETWEEN_VOTES) ? 1 : 0;
      collective.allReduce(written);
    }
  }

  /** A file system that shows ranks different checkpoints would let them train different models. */
  void requireSameCheckpoint(long mine, Path directory) {
    byte[][] all = collective.allGather(ByteBuffer.allocate(Long.BYTES).putLong(mine).array());
    for (int rank = 0; rank < all.length; rank++) {
      long theirs = ByteBuffer.wrap(all[rank]).getLong();
      if (theirs != mine) {
        throw UserException.failure(
            "all executors must see the same checkpoints in %s, got the last of step %d here and of step %d on rank %d: give a runs_folder that all of them share"
                .formatted(directory, mine, theirs, rank));
      }
    }
  }

  /**
   * A notice if ranks compute differently: a result then depends on which rank computed what, which
   * is sound, but not repeatable.
   *
   * @param mine the arithmetic of this rank's backend
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
            "Rank 0 computes by %s, %d of %d ranks do not (rank %d by %s): results will not be bit-identical where ranks are placed otherwise"
                .formatted(
                    new String(all[0], StandardCharsets.UTF_8),
                    others,
                    all.length,
                    last,
                    new String(all[last], StandardCharsets.UTF_8)));
  }
}
