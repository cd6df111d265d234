package dev.firesteel.checkpoint;

import dev.firesteel.error.UserException;
import java.util.List;
import java.util.UUID;

/**
 * All processes that one driver starts to train a run, from the time that it does so until the next
 * one does: at most one attempt may write, the latest. A process of an earlier one that is still
 * alive (cut off, suspended, forgotten) finds out by {@link #check()} and stops.
 *
 * <p>Nothing can be checked and written in one act on the file systems that runs are kept on, so a
 * process may be suspended between the two and go on when a later attempt is at work.
 * docs/checkpoints.md says why that does no harm: no two attempts write into one folder, and a
 * later one reads only those checkpoints of earlier ones that it found when it began.
 */
public final class Attempt {
  private static final long FIRST = 1;

  /** Null where there are no attempts. */
  private final AttemptRecords records;

  private final long number;
  private final String token;

  private Attempt(AttemptRecords records, long number, String token) {
    this.records = records;
    this.number = number;
    this.token = token;
  }

  /**
   * The only attempt of a run whose processes others are kept away from by other means: a lock, or
   * because nobody else knows of it. It ends when an attempt is begun.
   */
  public static Attempt unfenced() {
    return new Attempt(null, FIRST, "");
  }

  /** An attempt that another process, the driver, began. */
  public static Attempt of(AttemptRecords records, long number, String token) {
    return new Attempt(records, number, token);
  }

  /**
   * Begins the next attempt: from now on no check of an earlier one succeeds. Then it is recorded
   * which checkpoints there are, so that one that an earlier attempt completes all the same is
   * known as such.
   *
   * @throws UserException if another driver does so at the same time
   */
  public static Attempt begin(AttemptRecords records, CheckpointStore checkpoints) {
    // What there was before the first one counts as its own.
    long last = records.last().orElse(checkpoints.isEmpty() ? 0 : FIRST);
    Attempt begun = new Attempt(records, last + 1, UUID.randomUUID().toString());
    records.begin(begun.number, begun.token);
    begun.check();
    List<String> found =
        checkpoints.list().stream().map(found1 -> found1.directory().getName()).toList();
    records.inherit(begun.number, found);
    begun.check();
    return begun;
  }

  /** Counts the attempts of a run, from 1. */
  public long number() {
    return number;
  }

  /** Tells processes of this attempt from those of another of the same number. */
  public String token() {
    return token;
  }

  /**
   * Called before anything in the run directory is made, overwritten or deleted.
   *
   * @throws UserException if this attempt is not the latest
   */
  public void check() {
    if (records == null) {
      return;
    }
    long last = records.last().orElse(0);
    if (last != number) {
      throw UserException.failure(
          "this process belongs to attempt %d of the run %s, attempt %d has begun: it stops here, and the later attempt resumes from the last checkpoint"
              .formatted(number, records.run(), last));
    }
    if (!records.token(number).equals(token)) {
      throw UserException.failure(
          "this process belongs to attempt %d of the run %s, another driver has started it as well: it stops here, and the other one continues"
              .formatted(number, records.run()));
    }
  }

  /**
   * Called once before a checkpoint is saved.
   *
   * @throws IllegalStateException if the run has attempts and this process belongs to none
   */
  void requireBegun(AttemptRecords ofRun) {
    if (records == null && ofRun.last().isPresent()) {
      throw new IllegalStateException(
          "the run %s has attempts: begin one before saving".formatted(ofRun.run()));
    }
  }
}
