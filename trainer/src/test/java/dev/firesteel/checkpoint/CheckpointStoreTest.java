package dev.firesteel.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.firesteel.array.Shape;
import dev.firesteel.error.UserException;
import dev.firesteel.format.safetensors.HostTensor;
import dev.firesteel.format.safetensors.Safetensors;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalDouble;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.LocatedFileStatus;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.RemoteIterator;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

@ParameterizedClass
@EnumSource(Storage.class)
class CheckpointStoreTest {
  @Parameter Storage storage;
  private final List<String> notices = new ArrayList<>();
  private FileSystem fs;
  private Path folder;
  private CheckpointStore store;

  @BeforeEach
  void openStore() {
    fs = storage.fileSystem();
    folder = storage.newFolder();
    store = store(fs);
  }

  @Test
  void readsBackWhatItSaved() throws IOException {
    Checkpoint saved = save(store, 100, OptionalDouble.of(2.5));

    assertThat(saved.directory().getName()).isEqualTo("step-00000100");
    Checkpoint latest = store.latest().orElseThrow();
    latest.verify();
    assertThat(latest.step()).isEqualTo(100);
    assertThat(latest.score()).hasValue(2.5);
    assertThat(latest.text("config.json")).isEqualTo("{\"step\":100}");
    assertThat(latest.contains("trainer/state.json")).isTrue();
    assertThat(latest.bytes())
        .isEqualTo(
            latest.text("config.json").length()
                + latest.text("trainer/state.json").length()
                + fs.getFileStatus(file(100, "model.safetensors")).getLen());
    assertThat(notices).isEmpty();
  }

  @Test
  void hasNoneBeforeTheFirst() {
    assertThat(store.latest()).isEmpty();
  }

  @Test
  void leavesNothingButItsFiles() throws IOException {
    save(store, 1, OptionalDouble.empty());
    List<String> files = new ArrayList<>();
    for (RemoteIterator<LocatedFileStatus> left = fs.listFiles(folder, true); left.hasNext(); ) {
      files.add(left.next().getPath().getName());
    }
    assertThat(files)
        .containsExactlyInAnyOrder(
            "MANIFEST.json", "config.json", "model.safetensors", "state.json");
  }

  @Test
  void keepsTheNewestAndTheBest() {
    save(store, 1, OptionalDouble.of(3));
    save(store, 2, OptionalDouble.of(2));
    save(store, 3, OptionalDouble.of(2));
    save(store, 4, OptionalDouble.empty());
    save(store, 5, OptionalDouble.of(4));

    assertThat(store.retain(2, true)).isEqualTo(2);
    assertThat(store.list()).extracting(Checkpoint::step).containsExactly(2L, 4L, 5L);
    assertThat(store.retain(1, false)).isEqualTo(2);
    assertThat(store.list()).extracting(Checkpoint::step).containsExactly(5L);
  }

  @Test
  void ignoresAHalfWrittenOneAndDeletesItOnTheNextSave() throws IOException {
    save(store, 1, OptionalDouble.empty());
    save(store, 2, OptionalDouble.empty());
    fs.delete(file(2, "MANIFEST.json"), false);

    assertThat(store.latest().orElseThrow().step()).isEqualTo(1);
    assertThat(notices)
        .containsExactly(
            "Ignoring %s: it was not written completely (no complete MANIFEST.json); the next save deletes it"
                .formatted(checkpoint(2)));
    notices.clear();
    save(store, 3, OptionalDouble.empty());
    assertThat(notices)
        .containsExactly("Deleted %s, which was not written completely".formatted(checkpoint(2)));
    assertThat(fs.exists(checkpoint(2))).isFalse();
    assertThat(store.list()).extracting(Checkpoint::step).containsExactly(1L, 3L);
  }

  @Test
  void takesATruncatedManifestForHalfWritten() throws IOException {
    save(store, 1, OptionalDouble.empty());
    save(store, 2, OptionalDouble.empty());
    byte[] manifest = read(file(2, "MANIFEST.json"));
    for (int length = 0; length < manifest.length; length += stride(manifest.length)) {
      write(file(2, "MANIFEST.json"), Arrays.copyOf(manifest, length));
      assertThat(store.latest().orElseThrow().step()).isEqualTo(1);
    }
  }

  @Test
  void commitsNoFileThatWasCutShort() {
    save(store, 1, OptionalDouble.empty());
    Path file = file(2, "config.json");
    assertThatThrownBy(
            () ->
                Saving.save(
                    fs,
                    store,
                    2,
                    OptionalDouble.empty(),
                    writer -> {
                      writer.write("config.json", "{}");
                      write(file, new byte[1]);
                    }))
        .isInstanceOf(UserException.class)
        .hasMessage(
            "writing the checkpoint %s failed: %s has 1 bytes after 2 were written"
                .formatted(checkpoint(2), file));
    assertThat(store.list()).extracting(Checkpoint::step).containsExactly(1L);
  }

  @Test
  void namesATruncatedFile() throws IOException {
    Checkpoint saved = save(store, 7, OptionalDouble.empty());
    Path file = file(7, "model.safetensors");
    byte[] bytes = read(file);
    write(file, Arrays.copyOf(bytes, bytes.length - 3));
    assertThatThrownBy(saved::verify)
        .isInstanceOf(UserException.class)
        .hasMessage(
            "the checkpoint file %s/model.safetensors is damaged, it must have %d bytes, got %d: restore it, or delete %s to resume from the previous checkpoint"
                .formatted(saved, bytes.length, bytes.length - 3, saved));
  }

  @Test
  void namesAFileWithAFlippedBit() throws IOException {
    Checkpoint saved = save(store, 7, OptionalDouble.empty());
    for (String name : List.of("model.safetensors", "config.json", "trainer/state.json")) {
      Path file = file(7, name);
      byte[] bytes = read(file);
      byte[] flipped = bytes.clone();
      flipped[bytes.length / 2] ^= 0x10;
      write(file, flipped);
      assertThatThrownBy(saved::verify)
          .isInstanceOf(UserException.class)
          .hasMessageStartingWith(
              "the checkpoint file %s/%s is damaged, it must have the CRC32C "
                  .formatted(saved, name))
          .hasMessageMatching(
              ".* the CRC32C [0-9a-f]{8}, got [0-9a-f]{8}: restore it, or delete .*");
      write(file, bytes);
      saved.verify();
    }
  }

  @Test
  void namesAMissingFile() throws IOException {
    Checkpoint saved = save(store, 7, OptionalDouble.empty());
    fs.delete(file(7, "config.json"), false);
    assertThatThrownBy(saved::verify)
        .isInstanceOf(UserException.class)
        .hasMessageStartingWith(
            "the checkpoint file %s/config.json is damaged, it must exist, got nothing there: "
                .formatted(saved));
  }

  @Test
  void refusesAManifestWithAFlippedBit() throws IOException {
    save(store, 7, OptionalDouble.of(1.25));
    Path file = file(7, "MANIFEST.json");
    byte[] bytes = read(file);
    // The last byte but one and the last are how the end of writing is told.
    for (int i = 0; i < bytes.length - 2; i += stride(bytes.length)) {
      byte[] flipped = bytes.clone();
      flipped[i] ^= 1;
      write(file, flipped);
      assertThatThrownBy(store::latest)
          .as("byte %d", i)
          .isInstanceOf(UserException.class)
          .hasMessageContaining("MANIFEST.json");
    }
  }

  @Test
  void refusesAnotherFormatVersion() throws IOException {
    save(store, 7, OptionalDouble.empty());
    Path file = file(7, "MANIFEST.json");
    String json = new String(read(file), StandardCharsets.UTF_8);
    write(
        file,
        json.replace("\"format_version\" : 3", "\"format_version\" : 4")
            .getBytes(StandardCharsets.UTF_8));
    assertThatThrownBy(store::latest)
        .isInstanceOf(UserException.class)
        .hasMessage(
            "the checkpoint's %s/MANIFEST.json must have format_version 3, got 4: use the version of Firesteel that wrote it"
                .formatted(checkpoint(7)));
  }

  /** As the versions before attempts, and with generations, wrote it. */
  @ParameterizedTest
  @CsvSource({"1, '', 7add983e, 1", "2, '\"generation\" : 4,', 5b441915, 4"})
  void readsOlderFormatVersions(int version, String generation, String crc32c, long attempt)
      throws IOException {
    write(file(7, "config.json"), "{}".getBytes(StandardCharsets.UTF_8));
    write(
        file(7, "MANIFEST.json"),
        """
            {
              "format_version" : %d,
              "step" : 7, %s
              "validation_loss" : 2.5,
              "files" : [ {
                "path" : "config.json",
                "bytes" : 2,
                "crc32c" : "297bd0aa"
              } ],
              "crc32c" : "%s"
            }
            """
            .formatted(version, generation, crc32c)
            .getBytes(StandardCharsets.UTF_8));
    Checkpoint saved = store.latest().orElseThrow();
    saved.verify();
    assertThat(saved.step()).isEqualTo(7);
    assertThat(saved.attempt()).isEqualTo(attempt);
    assertThat(saved.score()).hasValue(2.5);
  }

  @Test
  void refusesADirectoryWithoutManifest() throws IOException {
    fs.mkdirs(new Path(folder, "elsewhere"));
    assertThatThrownBy(() -> Checkpoint.open(fs, new Path(folder, "elsewhere")))
        .isInstanceOf(UserException.class)
        .hasMessage(
            "%s must be a complete checkpoint, got a folder without a complete MANIFEST.json: choose another checkpoint"
                .formatted(new Path(folder, "elsewhere")));
  }

  @ParameterizedTest
  @EnumSource(FailingFileSystem.Mode.class)
  void neverLosesACheckpointHoweverFarASaveGets(FailingFileSystem.Mode mode) throws IOException {
    save(store, 1, OptionalDouble.empty());
    int operations = 0;
    for (boolean saved = false; !saved; operations += storage == Storage.FILE ? 1 : 3) {
      CheckpointStore failing = store(FailingFileSystem.after(fs, mode, operations));
      try {
        save(failing, 2, OptionalDouble.empty());
        saved = true;
      } catch (UserException e) {
        assertThat(e)
            .hasMessage(
                "writing the checkpoint %s failed, the disk or quota is full: free space or choose another folder"
                    .formatted(checkpoint(2)));
      }
      List<Checkpoint> left = store.list();
      left.forEach(Checkpoint::verify);
      assertThat(left).extracting(Checkpoint::step).startsWith(1L);
      // A manifest that came to its end makes a checkpoint, whatever its writer was told.
      if (mode == FailingFileSystem.Mode.DISK_FULL && !saved && left.size() == 1) {
        assertThat(fs.exists(checkpoint(2))).isFalse();
      }
      // A process may die after the manifest's last byte and before it hears so.
      if (left.size() == 2) {
        store.delete(left.get(1));
      }
    }
    // mkdirs, three files of at least create, write and close, and the manifest.
    assertThat(operations).isGreaterThan(12);
  }

  @ParameterizedTest
  @EnumSource(FailingFileSystem.Mode.class)
  void neverLeavesAPartOfACheckpointHoweverFarADeletionGets(FailingFileSystem.Mode mode)
      throws IOException {
    for (int operations = 0; operations < 3; operations++) {
      Checkpoint saved = save(store, 10 + operations, OptionalDouble.empty());
      try {
        store(FailingFileSystem.after(fs, mode, operations)).delete(saved);
      } catch (UserException e) {
        assertThat(e).hasMessageStartingWith("deleting the checkpoint " + saved + " failed");
      }
      store.list().forEach(Checkpoint::verify);
    }
  }

  @Test
  void saysWhatCannotBeWritten() throws IOException {
    write(new Path(folder, "file"), new byte[] {1});
    Path below = new Path(folder, "file/checkpoints");
    CheckpointStore belowFile = store(fs, below);
    assertThatThrownBy(() -> save(belowFile, 1, OptionalDouble.empty()))
        .isInstanceOf(UserException.class)
        .hasMessage(
            "writing the checkpoint %s failed, a file is where a folder must be: choose another folder"
                .formatted(new Path(below, "step-00000001")));
  }

  @Test
  void refusesToWriteACheckpointTwice() {
    save(store, 1, OptionalDouble.empty());
    assertThatThrownBy(() -> save(store, 1, OptionalDouble.empty()))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageEndingWith("step-00000001 exists already");
    assertThat(store.list()).hasSize(1);
  }

  private CheckpointStore store(FileSystem on) {
    return store(on, folder);
  }

  private CheckpointStore store(FileSystem on, Path directory) {
    return new CheckpointStore(
        on, directory, new AttemptRecords(on, folder), Attempt.unfenced(), notices::add);
  }

  private Checkpoint save(CheckpointStore to, long step, OptionalDouble validationLoss) {
    return Saving.save(
        fs,
        to,
        step,
        validationLoss,
        writer -> {
          writer.write("config.json", "{\"step\":" + step + "}");
          try (OutputStream out = writer.create("model.safetensors")) {
            Safetensors.write(
                List.of(HostTensor.of("w", Shape.of(3), 1, 2, 3)),
                Safetensors.PYTORCH_METADATA,
                out);
          }
          writer.write("trainer/state.json", "{}");
        });
  }

  private Path checkpoint(long step) {
    return new Path(folder, CheckpointStore.name(step, 1));
  }

  private Path file(long step, String name) {
    return new Path(checkpoint(step), name);
  }

  private byte[] read(Path file) throws IOException {
    try (InputStream in = fs.open(file)) {
      return in.readAllBytes();
    }
  }

  private void write(Path file, byte[] content) throws IOException {
    try (OutputStream out = fs.create(file, true)) {
      out.write(content);
    }
  }

  /** All bytes of a local file, some where each takes a message to a server. */
  private int stride(int length) {
    return storage == Storage.FILE ? 1 : length / 4;
  }
}
