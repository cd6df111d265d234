package dev.firesteel.checkpoint;

import dev.firesteel.error.UserException;
import java.util.List;
import java.util.UUID;

/**
 * All processes that one driver starts to train a run, until the next attempt is begun: only the
 * latest attempt may write. A process of an earlier one that is still alive (disconnected,
 * suspended, forgotten) finds out through {@link #check()} and stops.
 *
 * <p>The file systems that runs are kept on cannot check and write atomically, so a process may be
 * suspended between the two and continue while a later attempt is running. docs/checkpoints.md
 * explains why that does no harm: no two attempts write into the same folder, and a later one reads
 * only those checkpoints of earlier ones that it found when it began.
 */
public final class Attempt {
  private static final long FIRST = 1;

  /** Null if there are no attempts. */
  private final AttemptRecords records;

  private final long number;
  private final String token;

  private Attempt(AttemptRecords records, long number, String token) {
    this.records = records;
    this.number = number;
    this.token = token;
  }

  /**
   * The only attempt of a run that is protected from other processes by other means: a lock, or
   * because nobody else knows of it. It ends when an attempt is begun.
   */
  public static Attempt unfenced() {
    return new Attempt(null, FIRST, "");
  }

  /** An attempt begun by another process, the driver. */
  public static Attempt of(AttemptRecords records, long number, String token) {
    return new Attempt(records, number, token);
  }

  /**
   * Begins the next attempt: from now on every check of an earlier one fails. Then the existing
   * checkpoints are recorded, so that one that an earlier attempt completes later can be
   * recognized.
   *
   * @throws UserException if another driver does so at the same time
   */
  public static Attempt begin(AttemptRecords records, CheckpointStore checkpoints) {
    // Whatever existed before the first one counts as its own.
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

  /** Numbers the attempts of a run, from 1. */
  public long number() {
    return number;
  }

  /** Distinguishes processes of this attempt from those of another with the same number. */
  public String token() {
    return token;
  }

  /**
   * Called before anything in the run directory is created, overwritten or deleted.
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
