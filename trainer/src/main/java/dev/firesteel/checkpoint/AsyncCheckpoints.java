package dev.firesteel.checkpoint;

import dev.firesteel.checkpoint.CheckpointManifest.FileEntry;
import dev.firesteel.collective.Collective;
import dev.firesteel.collective.CollectiveException;
import dev.firesteel.error.UserException;
import dev.firesteel.files.HadoopFiles;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.hadoop.fs.FSError;
import org.apache.hadoop.fs.Path;

/**
 * Saves checkpoints in the background. Each rank has a thread that writes its files from snapshots;
 * these threads never communicate. The training threads do, between steps: when all ranks have
 * voted that their share of a phase is done, they enter the next one:
 *
 * <ol>
 *   <li>rank 0 deletes what earlier saves left half-written;
 *   <li>every rank writes its files;
 *   <li>rank 0 commits them with the manifest, and deletes old checkpoints according to the
 *       retention settings.
 * </ol>
 *
 * <p>At most one checkpoint is in progress. If any rank fails, every rank throws from the same
 * call: the failed rank its own error, the others a {@link CollectiveException} with the same
 * message. Whatever was written is deleted if possible, and earlier checkpoints are untouched.
 *
 * <p>{@link #start}, {@link #poll} and {@link #finish} are collective calls that every rank makes
 * in the same order, on the thread that owns the collective.
 */
public final class AsyncCheckpoints implements AutoCloseable {
  /** How long ranks wait between two votes when they have nothing else to do. */
  private static final Duration BETWEEN_VOTES = Duration.ofMillis(100);

  /** How long a thread may take to notice that it must stop; it checks at least once per block. */
  private static final Duration STOP = Duration.ofMinutes(1);

  private final CheckpointStore store;
  private final Collective collective;
  private final int keepLast;
  private final boolean keepBest;
  private final Duration limit;
  private final ExecutorService thread;
  private Upload upload; // null if none is in progress

  /** A committed checkpoint. */
  public record Committed(long step, Path directory) {}

  private enum Phase {
    PREPARE("prepared"),
    WRITE("written"),
    COMMIT("committed and older ones deleted");

    /** The final state of the checkpoint, for messages. */
    final String done;

    Phase(String done) {
      this.done = done;
    }
  }

  /** A checkpoint in progress. */
  private static final class Upload {
    final long step;
    final OptionalDouble score;
    final Path target;
    CheckpointStore.Content content; // until it is written
    Phase phase;
    long phaseBeganNanos;
    Future<List<FileEntry>> work;
    volatile boolean stopped;

    Upload(long step, OptionalDouble score, Path target, CheckpointStore.Content content) {
      this.step = step;
      this.score = score;
      this.target = target;
      this.content = content;
    }
  }

  /**
   * @param keepLast how many of the newest checkpoints remain after each save
   * @param keepBest whether the one of the best score remains, too
   * @param limit of each phase; otherwise an unresponsive file system would block the run forever
   */
  public AsyncCheckpoints(
      CheckpointStore store,
      Collective collective,
      int keepLast,
      boolean keepBest,
      Duration limit) {
    this.store = store;
    this.collective = collective;
    this.keepLast = keepLast;
    this.keepBest = keepBest;
    this.limit = limit;
    this.thread =
        Executors.newSingleThreadExecutor(
            task -> {
              Thread made = new Thread(task, "firesteel-checkpoint-" + collective.rank());
              made.setDaemon(true);
              return made;
            });
  }

  /**
   * Starts saving a checkpoint; waits for the one in progress first.
   *
   * @param score at this step where it was measured
   * @param content of this rank's files, written on another thread: from what does not change until
   *     {@link #finish}, in blocks, between which it can be stopped
   * @return the one that was on its way
   * @throws UserException if that one cannot be saved
   */
  public Optional<Committed> start(
      long step, OptionalDouble score, CheckpointStore.Content content) {
    Optional<Committed> before = finish();
    upload = new Upload(step, score, store.target(step), content);
    enter(Phase.PREPARE, List.of());
    return before;
  }

  /**
   * Checks the progress of the current checkpoint; called once per step. Costs nothing if there is
   * none, otherwise one small exchange between ranks.
   *
   * @return the checkpoint if it was committed since the last call
   * @throws UserException if any rank fails to save it
   */
  public Optional<Committed> poll() {
    return upload == null ? Optional.empty() : vote(Duration.ZERO);
  }

  /**
   * Waits for the checkpoint in progress.
   *
   * @return the checkpoint, if there was one
   * @throws UserException if any rank fails to save it
   */
  public Optional<Committed> finish() {
    Optional<Committed> committed = Optional.empty();
    while (upload != null) {
      // Not indefinitely: a collective call has a deadline, and other ranks are waiting in it.
      committed = vote(BETWEEN_VOTES);
    }
    return committed;
  }

  /**
   * Abandons the checkpoint in progress; returns when the thread has ended, or does not respond.
   * Not a collective call: other ranks may be lost.
   */
  @Override
  public void close() {
    Upload left = upload;
    upload = null;
    if (left != null) {
      stop(left);
      discard(left);
    }
    thread.shutdown();
    awaitEnd();
  }

  private Optional<Committed> vote(Duration patience) {
    Throwable failure = null;
    byte[] vote;
    try {
      vote = Ballot.done(upload.work.get(patience.toMillis(), TimeUnit.MILLISECONDS));
    } catch (TimeoutException e) {
      if (System.nanoTime() - upload.phaseBeganNanos < limit.toNanos()) {
        vote = Ballot.atWork();
      } else {
        failure = late();
        vote = Ballot.failed(failure.getMessage());
      }
    } catch (ExecutionException e) {
      failure = e.getCause();
      vote =
          Ballot.failed(
              HadoopFiles.explain("writing the checkpoint " + upload.target, failure).getMessage());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new CollectiveException("rank " + collective.rank() + " was interrupted", e);
    }
    Ballot ballot = Ballot.gather(collective, vote);
    if (ballot.failure() != null) {
      throw giveUp(ballot, failure);
    }
    return ballot.complete() ? advance(ballot.files()) : Optional.empty();
  }

  private UserException late() {
    return UserException.failure(
        "the checkpoint %s must be %s within %d s (checkpoint.timeout_seconds), and was not: check its file system, or raise the timeout"
            .formatted(upload.target, upload.phase.done, limit.toSeconds()));
  }

  private Optional<Committed> advance(List<FileEntry> written) {
    switch (upload.phase) {
      case PREPARE -> enter(Phase.WRITE, List.of());
      case WRITE -> {
        upload.content = null;
        enter(Phase.COMMIT, written);
      }
      case COMMIT -> {
        Committed committed = new Committed(upload.step, upload.target);
        upload = null;
        return Optional.of(committed);
      }
    }
    return Optional.empty();
  }

  private void enter(Phase phase, List<FileEntry> written) {
    Upload now = upload;
    boolean first = collective.rank() == 0;
    now.phase = phase;
    now.phaseBeganNanos = System.nanoTime();
    now.work =
        first || phase == Phase.WRITE
            ? thread.submit(() -> work(now, phase, written))
            : CompletableFuture.completedFuture(List.of());
  }

  /** Runs on the writing thread. */
  private List<FileEntry> work(Upload now, Phase phase, List<FileEntry> written)
      throws IOException {
    switch (phase) {
      case PREPARE -> store.prepare(now.target);
      case WRITE -> {
        return write(now);
      }
      case COMMIT -> {
        store.commit(now.target, now.step, now.score, written);
        store.retain(keepLast, keepBest);
      }
    }
    return List.of();
  }

  private List<FileEntry> write(Upload now) throws IOException {
    CheckpointWriter writer = store.writer(now.target, () -> requireGoingOn(now));
    now.content.writeTo(writer);
    return writer.entries();
  }

  /** Ends the upload on this rank; all ranks do so in the same call. */
  private RuntimeException giveUp(Ballot ballot, Throwable mine) {
    Upload failed = upload;
    upload = null;
    stop(failed);
    RuntimeException failure;
    if (mine == null) {
      failure = new CollectiveException("another rank gave up: " + ballot.failure());
    } else if (isTellable(mine)) {
      failure = UserException.failure(ballot.failure(), mine);
    } else {
      failure = new IllegalStateException(ballot.failure(), mine);
    }
    try {
      // From here on no rank writes.
      collective.barrier();
    } catch (CollectiveException e) {
      failure.addSuppressed(e);
    }
    discard(failed);
    return failure;
  }

  /**
   * On rank 0, deletes what was written: on the writing thread, hence after its last write, and
   * with a limited wait, because the file system may be what failed. The next save deletes any
   * leftovers.
   */
  private void discard(Upload failed) {
    if (collective.rank() == 0) {
      await(thread.submit(() -> store.discard(failed.target)));
    }
  }

  private void stop(Upload failed) {
    failed.stopped = true;
    await(failed.work);
  }

  /** Returns when the work has ended, or has ignored an interrupt. */
  private void await(Future<?> work) {
    try {
      work.get(patience().toMillis(), TimeUnit.MILLISECONDS);
    } catch (ExecutionException | CancellationException e) {
      // It has ended.
    } catch (TimeoutException e) {
      work.cancel(true);
    } catch (InterruptedException e) {
      work.cancel(true);
      Thread.currentThread().interrupt();
    }
  }

  private Duration patience() {
    return limit.compareTo(STOP) < 0 ? limit : STOP;
  }

  /** Whether this is a file system error; anything else is a bug. */
  private static boolean isTellable(Throwable failure) {
    return failure instanceof IOException
        || failure instanceof UncheckedIOException
        || failure instanceof FSError
        || failure instanceof UserException;
  }

  private void awaitEnd() {
    try {
      if (!thread.awaitTermination(patience().toMillis(), TimeUnit.MILLISECONDS)) {
        thread.shutdownNow();
      }
    } catch (InterruptedException e) {
      thread.shutdownNow();
      Thread.currentThread().interrupt();
    }
  }

  private static void requireGoingOn(Upload upload) throws InterruptedIOException {
    if (upload.stopped) {
      throw new InterruptedIOException("the checkpoint " + upload.target + " was abandoned");
    }
  }
}
