package dev.firesteel.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.firesteel.array.Shape;
import dev.firesteel.collective.SingleProcess;
import dev.firesteel.error.UserException;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalDouble;
import org.apache.hadoop.fs.FileSystem;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class CheckpointStoreTest {
  @TempDir Path folder;
  private final List<String> notices = new ArrayList<>();
  private CheckpointStore store;

  @BeforeEach
  void openStore() throws IOException {
    store = store(FailingFileSystem.local());
  }

  @Test
  void readsBackWhatItSaved() {
    Checkpoint saved = save(store, 100, OptionalDouble.of(2.5));

    assertThat(saved.directory().getName()).isEqualTo("step-00000100");
    Checkpoint latest = store.latest().orElseThrow();
    latest.verify();
    assertThat(latest.step()).isEqualTo(100);
    assertThat(latest.validationLoss()).hasValue(2.5);
    assertThat(latest.text("config.json")).isEqualTo("{\"step\":100}");
    assertThat(latest.contains("trainer/state.json")).isTrue();
    assertThat(latest.bytes())
        .isEqualTo(
            latest.text("config.json").length()
                + latest.text("trainer/state.json").length()
                + file(100, "model.safetensors").toFile().length());
    assertThat(notices).isEmpty();
  }

  @Test
  void hasNoneBeforeTheFirst() {
    assertThat(store.latest()).isEmpty();
  }

  @Test
  void leavesNothingButItsFiles() throws IOException {
    save(store, 1, OptionalDouble.empty());
    try (var files = Files.walk(folder)) {
      assertThat(files.filter(Files::isRegularFile).map(p -> p.getFileName().toString()))
          .containsExactlyInAnyOrder(
              "MANIFEST.json", "config.json", "model.safetensors", "state.json");
    }
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
    Files.delete(file(2, "MANIFEST.json"));

    assertThat(store.latest().orElseThrow().step()).isEqualTo(1);
    assertThat(notices)
        .containsExactly(
            "Ignoring %s: it was not written to the end (no complete MANIFEST.json); the next save deletes it"
                .formatted(uri(2)));
    notices.clear();
    save(store, 3, OptionalDouble.empty());
    assertThat(notices)
        .containsExactly("Deleted %s, which was not written to the end".formatted(uri(2)));
    assertThat(folder.resolve("step-00000002")).doesNotExist();
    assertThat(store.list()).extracting(Checkpoint::step).containsExactly(1L, 3L);
  }

  @Test
  void takesATruncatedManifestForHalfWritten() throws IOException {
    save(store, 1, OptionalDouble.empty());
    save(store, 2, OptionalDouble.empty());
    byte[] manifest = Files.readAllBytes(file(2, "MANIFEST.json"));
    for (int length = 0; length < manifest.length; length++) {
      Files.write(file(2, "MANIFEST.json"), java.util.Arrays.copyOf(manifest, length));
      assertThat(store.latest().orElseThrow().step()).isEqualTo(1);
    }
  }

  @Test
  void namesATruncatedFile() throws IOException {
    Checkpoint saved = save(store, 7, OptionalDouble.empty());
    Path file = file(7, "model.safetensors");
    byte[] bytes = Files.readAllBytes(file);
    Files.write(file, java.util.Arrays.copyOf(bytes, bytes.length - 3));
    assertThatThrownBy(saved::verify)
        .isInstanceOf(UserException.class)
        .hasMessage(
            "the checkpoint file %s/model.safetensors is damaged, it must have %d bytes, got %d: restore it, or delete %s to go on from the checkpoint before"
                .formatted(saved, bytes.length, bytes.length - 3, saved));
  }

  @Test
  void namesAFileWithAFlippedBit() throws IOException {
    Checkpoint saved = save(store, 7, OptionalDouble.empty());
    for (String name : List.of("model.safetensors", "config.json", "trainer/state.json")) {
      Path file = file(7, name);
      byte[] bytes = Files.readAllBytes(file);
      byte[] flipped = bytes.clone();
      flipped[bytes.length / 2] ^= 0x10;
      Files.write(file, flipped);
      assertThatThrownBy(saved::verify)
          .isInstanceOf(UserException.class)
          .hasMessageStartingWith(
              "the checkpoint file %s/%s is damaged, it must have the CRC32C "
                  .formatted(saved, name))
          .hasMessageMatching(
              ".* the CRC32C [0-9a-f]{8}, got [0-9a-f]{8}: restore it, or delete .*");
      Files.write(file, bytes);
      saved.verify();
    }
  }

  @Test
  void namesAMissingFile() throws IOException {
    Checkpoint saved = save(store, 7, OptionalDouble.empty());
    Files.delete(file(7, "config.json"));
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
    byte[] bytes = Files.readAllBytes(file);
    // The last byte but one and the last are how the end of writing is told.
    for (int i = 0; i < bytes.length - 2; i++) {
      byte[] flipped = bytes.clone();
      flipped[i] ^= 1;
      Files.write(file, flipped);
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
    Files.writeString(
        file, Files.readString(file).replace("\"format_version\" : 1", "\"format_version\" : 2"));
    assertThatThrownBy(store::latest)
        .isInstanceOf(UserException.class)
        .hasMessage(
            "the checkpoint's %s/MANIFEST.json must have format_version 1, got 2: use the version of Firesteel that wrote it"
                .formatted(uri(7)));
  }

  @Test
  void refusesADirectoryWithoutManifest() throws IOException {
    Files.createDirectory(folder.resolve("elsewhere"));
    FileSystem fs = FailingFileSystem.local();
    assertThatThrownBy(() -> Checkpoint.open(fs, path("elsewhere")))
        .isInstanceOf(UserException.class)
        .hasMessage(
            "%s must be a complete checkpoint, got a folder without a complete MANIFEST.json: choose another checkpoint"
                .formatted(path("elsewhere")));
  }

  @ParameterizedTest
  @EnumSource(FailingFileSystem.Mode.class)
  void neverLosesACheckpointHoweverFarASaveGets(FailingFileSystem.Mode mode) throws IOException {
    save(store, 1, OptionalDouble.empty());
    int operations = 0;
    for (boolean saved = false; !saved; operations++) {
      CheckpointStore failing = store(FailingFileSystem.after(mode, operations));
      try {
        save(failing, 2, OptionalDouble.empty());
        saved = true;
      } catch (UserException e) {
        assertThat(e)
            .hasMessage(
                "writing the checkpoint %s failed, the disk or quota is full: free space or choose another folder"
                    .formatted(path("step-00000002")));
      }
      List<Checkpoint> left = store.list();
      left.forEach(Checkpoint::verify);
      assertThat(left).extracting(Checkpoint::step).startsWith(1L);
      if (mode == FailingFileSystem.Mode.DISK_FULL && !saved) {
        assertThat(folder.resolve("step-00000002")).doesNotExist();
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
        store(FailingFileSystem.after(mode, operations)).delete(saved);
      } catch (UserException e) {
        assertThat(e).hasMessageStartingWith("deleting the checkpoint " + saved + " failed");
      }
      store.list().forEach(Checkpoint::verify);
    }
  }

  @Test
  void saysWhatCannotBeWritten() throws IOException {
    Files.writeString(folder.resolve("file"), "no folder");
    CheckpointStore below =
        new CheckpointStore(FailingFileSystem.local(), path("file/checkpoints"), notices::add);
    assertThatThrownBy(() -> save(below, 1, OptionalDouble.empty()))
        .isInstanceOf(UserException.class)
        .hasMessage(
            "writing the checkpoint %s failed, a file is where a folder must be: choose another folder"
                .formatted(path("file/checkpoints/step-00000001")));
  }

  @Test
  void refusesToWriteACheckpointTwice() {
    save(store, 1, OptionalDouble.empty());
    assertThatThrownBy(() -> save(store, 1, OptionalDouble.empty()))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageEndingWith("step-00000001 exists already");
    assertThat(store.list()).hasSize(1);
  }

  private CheckpointStore store(FileSystem fs) {
    return new CheckpointStore(fs, new org.apache.hadoop.fs.Path(folder.toString()), notices::add);
  }

  private static Checkpoint save(CheckpointStore to, long step, OptionalDouble validationLoss) {
    return to.save(
        step,
        validationLoss,
        new SingleProcess(),
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

  private Path file(long step, String name) {
    return folder.resolve(CheckpointStore.name(step)).resolve(name);
  }

  private org.apache.hadoop.fs.Path path(String name) {
    return new org.apache.hadoop.fs.Path(folder.toString(), name);
  }

  /** As a listing names it. */
  private String uri(long step) {
    return "file:" + folder.resolve(CheckpointStore.name(step));
  }
}
