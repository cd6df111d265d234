package dev.firesteel.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import dev.firesteel.error.UserException;
import dev.firesteel.run.RunDirectory;
import dev.firesteel.run.StepRows;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalDouble;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

@ParameterizedClass
@EnumSource(Storage.class)
class AttemptTest {
  /** What the later attempt has done when the earlier one's process goes on. */
  enum Takeover {
    /** It has begun. */
    BEGUN,
    /** It is in the midst of saving the same step. */
    SAVING,
    /** It has saved the same step. */
    SAVED
  }

  /** After making the folder, and creating, writing and closing two files. */
  private static final int CREATION_OF_MANIFEST = 7;

  @Parameter Storage storage;
  private final List<String> notices = new ArrayList<>();
  private final ExecutorService threads = Executors.newCachedThreadPool();
  private FileSystem fs;
  private Path folder;
  private RunDirectory run;

  @BeforeEach
  void openRun() {
    fs = storage.fileSystem();
    openNewRun();
  }

  private void openNewRun() {
    folder = storage.newFolder();
    run = RunDirectory.at(folder, storage.configuration());
  }

  @AfterEach
  void endThreads() throws InterruptedException {
    threads.shutdownNow();
    assertThat(threads.awaitTermination(1, TimeUnit.MINUTES)).isTrue();
  }

  @Test
  void countsFromOne() {
    assertThat(run.hasAttempts()).isFalse();
    Attempt first = begin();
    Attempt second = begin();
    assertThat(first.number()).isEqualTo(1);
    assertThat(second.number()).isEqualTo(2);
    assertThat(second.token()).isNotEqualTo(first.token());
    assertThat(run.hasAttempts()).isTrue();
  }

  /** A process of that release may still be alive, and looks there. */
  @Test
  void aRunWithAttemptsOfAnEarlierReleaseKeepsItsFolder() throws IOException {
    try (OutputStream out = fs.create(new Path(folder, "generations/00000003.json"))) {
      out.write(
          "{\"generation\": 3, \"token\": \"old\", \"host\": \"h\", \"process_id\": 7}\n"
              .getBytes(StandardCharsets.UTF_8));
    }
    AttemptRecords records = new AttemptRecords(fs, folder);
    assertThat(records.last()).hasValue(3);
    assertThat(records.token(3)).isEqualTo("old");
    assertThat(begin().number()).isEqualTo(4);
    assertThat(fs.exists(new Path(folder, "generations/00000004.json"))).isTrue();
    assertThat(fs.exists(new Path(folder, "attempts"))).isFalse();
  }

  @Test
  void countsWhatWasSavedWithoutAsTheFirst() {
    CheckpointStore before = run.checkpoints(notices::add);
    save(before, 1);
    Attempt begun = begin();
    assertThat(begun.number()).isEqualTo(2);
    save(store(begun), 2);
    assertThat(store(begun).list())
        .extracting(checkpoint -> checkpoint.directory().getName())
        .containsExactly("step-00000001", "step-00000002-a2");
    assertThatThrownBy(() -> save(before, 3))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage(
            "writing the checkpoint %s/checkpoints/step-00000003 failed: the run %s has attempts: begin one before saving"
                .formatted(folder, folder));
  }

  @Test
  void anEarlierOneWritesNoMore() throws IOException {
    Attempt first = begin();
    RunDirectory earlier = run.ofAttempt(first.number(), first.token());
    Checkpoint saved = save(store(first), 1);
    try (StepRows rows = earlier.openRows(RunDirectory.METRICS, 0)) {
      begin();
      String message =
          "this process belongs to attempt 1 of the run %s, attempt 2 has begun: it stops here, and the later attempt resumes from the last checkpoint"
              .formatted(folder);
      assertThatThrownBy(() -> save(store(first), 2))
          .isInstanceOf(UserException.class)
          .hasMessage(message);
      assertThatThrownBy(() -> store(first).delete(saved)).hasMessage(message);
      assertThatThrownBy(() -> earlier.replace("config.yaml", new byte[1])).hasMessage(message);
      assertThatThrownBy(() -> earlier.openRows(RunDirectory.SAMPLES, 0)).hasMessage(message);
      rows.append(JsonNodeFactory.instance.objectNode().put("step", 1));
      assertThatThrownBy(rows::sync).hasMessage(message);
      assertThatThrownBy(rows::close).hasMessage(message);
    } catch (UserException e) {
      // Closing once more fails once more.
      assertThat(e).hasMessageStartingWith("this process belongs to attempt 1");
    }
    assertThat(run.checkpoints(notices::add).list())
        .extracting(Checkpoint::step)
        .containsExactly(1L);
  }

  @Test
  void oneDriverBeginsAAttempt() {
    AttemptRecords records = new AttemptRecords(fs, folder);
    records.begin(1, "one");
    assertThatThrownBy(() -> records.begin(1, "other"))
        .isInstanceOf(UserException.class)
        .hasMessage(
            "attempt 1 of the run %s must be started by one driver, got another that started it at the same time: wait until it ends, or train under another name (name=...)",
            folder);
    Attempt.of(records, 1, "one").check();
    assertThatThrownBy(() -> Attempt.of(records, 1, "other").check())
        .isInstanceOf(UserException.class)
        .hasMessage(
            "this process belongs to attempt 1 of the run %s, another driver has started it as well: it stops here, and the other one continues",
            folder);
  }

  @Test
  void ofSeveralDriversAtOnceOneGoesOn() throws Exception {
    List<Callable<Boolean>> drivers = new ArrayList<>();
    for (int driver = 0; driver < 4; driver++) {
      String token = "driver " + driver;
      AttemptRecords records = new AttemptRecords(storage.anotherClient(), folder);
      drivers.add(
          () -> {
            try {
              records.begin(1, token);
              return true;
            } catch (UserException e) {
              assertThat(e).hasMessageContaining("must be started by one driver");
              return false;
            }
          });
    }
    List<Future<Boolean>> begun = threads.invokeAll(drivers);
    AttemptRecords records = new AttemptRecords(fs, folder);
    int through = 0;
    int goOn = 0;
    for (int driver = 0; driver < drivers.size(); driver++) {
      if (begun.get(driver).get()) {
        through++;
        goOn += records.token(1).equals("driver " + driver) ? 1 : 0;
      }
    }
    assertThat(goOn).isEqualTo(1);
    // Local files let two of them through; a lock keeps those apart.
    if (storage != Storage.FILE) {
      assertThat(through).isEqualTo(1);
    }
  }

  @Test
  void aDriverThatDiesWhileItBeginsCountsAndChangesNothing() throws IOException {
    Attempt first = begin();
    save(store(first), 1);
    try (OutputStream out = fs.create(new Path(folder, "attempts/00000002.json"))) {
      out.write('{');
    }
    assertThatThrownBy(first::check).hasMessageContaining("attempt 2 has begun");
    Attempt third = begin();
    assertThat(third.number()).isEqualTo(3);
    assertThat(store(third).latest().orElseThrow().step()).isEqualTo(1);
  }

  @Test
  void readsNoCheckpointThatAnEarlierOneCompletesLater() throws IOException {
    Attempt first = begin();
    save(store(first), 1);
    Attempt second = begin();
    // The manifest that a process of the first writes after the second has cleaned up.
    CheckpointManifest late = CheckpointManifest.of(2, 1, null, List.of());
    Path orphan = new Path(folder, "checkpoints/step-00000002/MANIFEST.json");
    try (OutputStream out = fs.create(orphan)) {
      out.write(late.toJson());
    }
    assertThat(store(second).latest().orElseThrow().step()).isEqualTo(1);
    assertThat(notices)
        .containsExactly(
            "Ignoring %s: attempt 1 of the run completed it after a later one had begun; the next save deletes it"
                .formatted(fs.makeQualified(orphan.getParent())));
    save(store(second), 3);
    assertThat(fs.exists(orphan.getParent())).isFalse();
    // What an attempt found, the next one finds too.
    assertThat(store(begin()).list()).extracting(Checkpoint::step).containsExactly(1L, 3L);
  }

  @Test
  void leavesAloneWhatALaterOneIsWriting() throws IOException {
    Attempt first = begin();
    Path later = new Path(folder, "checkpoints/step-00000001-a2");
    fs.mkdirs(later);
    save(store(first), 1);
    assertThat(fs.exists(later)).isTrue();
  }

  @ParameterizedTest
  @EnumSource(Takeover.class)
  void aSuspendedProcessHarmsNothingWhereverItGoesOn(Takeover takeover) throws Exception {
    if (storage != Storage.FILE) {
      // In the midst of a file, and after the last look before the manifest.
      assertThat(suspendAt(CREATION_OF_MANIFEST - 2, takeover)).isTrue();
      assertThat(suspendAt(CREATION_OF_MANIFEST, takeover)).isTrue();
      return;
    }
    int operation = 0;
    while (suspendAt(operation, takeover)) {
      operation++;
    }
    assertThat(operation).isGreaterThan(CREATION_OF_MANIFEST);
  }

  /** Whether a process came to that operation in saving, and lets a later attempt begin there. */
  private boolean suspendAt(int operation, Takeover takeover) throws Exception {
    openNewRun();
    Attempt first = begin();
    save(store(first), 1);
    Later later = new Later(takeover);
    SuspendedFileSystem suspended =
        new SuspendedFileSystem(storage.anotherClient(), operation, later::takeOver);
    CheckpointStore zombie =
        new CheckpointStore(
            suspended,
            new Path(folder, "checkpoints"),
            new AttemptRecords(fs, folder),
            first,
            notices::add);
    boolean saved = false;
    boolean reached;
    try {
      save(zombie, 2);
      saved = true;
      zombie.retain(1, false);
    } catch (UserException e) {
      // It was told, or what it was writing was deleted.
      assertThat(e)
          .hasMessageMatching(
              "(?s)this process belongs to attempt 1 of .*|(writing|deleting) the checkpoint .*|.* must be a complete checkpoint, .*");
    } finally {
      reached = later.hasBegun();
    }
    if (operation < CREATION_OF_MANIFEST) {
      assertThat(saved).isFalse();
    }
    if (!reached) {
      assertThat(saved).isTrue();
    }
    later.finish();
    for (Checkpoint checkpoint : run.checkpoints(notices::add).list()) {
      checkpoint.verify();
    }
    if (reached) {
      Checkpoint latest = run.checkpoints(notices::add).latest().orElseThrow();
      assertThat(latest.attempt()).as("operation %d", operation).isEqualTo(2);
      assertThat(latest.step()).isEqualTo(2);
      assertThat(latest.text("a.json")).isEqualTo("{\"step\":2,\"by\":2}");
      assertThat(latest.text("trainer/b.json")).isEqualTo("{\"step\":2,\"by\":2}");
    }
    return reached;
  }

  /** The later attempt. */
  private final class Later {
    private final Takeover takeover;
    private final CountDownLatch inTheMidst = new CountDownLatch(1);
    private final CountDownLatch goOn = new CountDownLatch(1);
    private Attempt attempt;
    private Future<Checkpoint> saving;

    Later(Takeover takeover) {
      this.takeover = takeover;
    }

    boolean hasBegun() {
      return attempt != null;
    }

    void takeOver() {
      attempt = begin();
      switch (takeover) {
        case BEGUN -> {}
        case SAVED -> save(store(attempt), 2);
        case SAVING -> {
          saving = threads.submit(this::saveSlowly);
          await(inTheMidst);
        }
      }
    }

    private Checkpoint saveSlowly() {
      return Saving.save(
          fs,
          store(attempt),
          2,
          OptionalDouble.empty(),
          writer -> {
            writer.write("a.json", content(2, attempt.number()));
            inTheMidst.countDown();
            await(goOn);
            writer.write("trainer/b.json", content(2, attempt.number()));
          });
    }

    void finish() throws Exception {
      goOn.countDown();
      if (saving != null) {
        saving.get(1, TimeUnit.MINUTES);
      } else if (hasBegun() && takeover == Takeover.BEGUN) {
        save(store(attempt), 2);
      }
    }

    private static void await(CountDownLatch latch) {
      try {
        assertThat(latch.await(1, TimeUnit.MINUTES)).isTrue();
      } catch (InterruptedException e) {
        throw new AssertionError(e);
      }
    }
  }

  /** Does something else before one of its operations, as if its process were suspended there. */
  private static final class SuspendedFileSystem extends WatchedFileSystem {
    private final int at;
    private final Runnable meanwhile;
    private int operations;

    SuspendedFileSystem(FileSystem fs, int at, Runnable meanwhile) {
      super(fs);
      this.at = at;
      this.meanwhile = meanwhile;
    }

    @Override
    boolean fails(Operation operation) {
      if (operations++ == at) {
        meanwhile.run();
      }
      return false;
    }
  }

  private Attempt begin() {
    return run.beginAttempt(notices::add);
  }

  private CheckpointStore store(Attempt attempt) {
    return run.ofAttempt(attempt.number(), attempt.token()).checkpoints(notices::add);
  }

  private Checkpoint save(CheckpointStore to, long step) {
    return Saving.save(
        fs,
        to,
        step,
        OptionalDouble.empty(),
        writer -> {
          String content = content(step, to.attempt());
          writer.write("a.json", content);
          writer.write("trainer/b.json", content);
        });
  }

  private static String content(long step, long attempt) {
    return "{\"step\":%d,\"by\":%d}".formatted(step, attempt);
  }
}
