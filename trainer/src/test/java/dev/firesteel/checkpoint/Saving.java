package dev.firesteel.checkpoint;

import dev.firesteel.collective.SingleProcess;
import java.time.Duration;
import java.util.OptionalDouble;
import org.apache.hadoop.fs.FileSystem;

/** Saves a whole checkpoint of one rank, and waits for it. */
final class Saving {
  private Saving() {}

  static Checkpoint save(
      FileSystem fs,
      CheckpointStore to,
      long step,
      OptionalDouble validationLoss,
      CheckpointStore.Content content) {
    try (AsyncCheckpoints one =
        new AsyncCheckpoints(
            to, new SingleProcess(), Integer.MAX_VALUE, false, Duration.ofMinutes(1))) {
      one.start(step, validationLoss, content);
      return Checkpoint.open(fs, one.finish().orElseThrow().directory());
    }
  }
}
