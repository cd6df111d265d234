package dev.firesteel.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import dev.firesteel.checkpoint.FailingFileSystem;
import dev.firesteel.checkpoint.Storage;
import dev.firesteel.error.UserException;
import dev.firesteel.files.FolderLock;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class RunDirectoryTest {
  @TempDir private Path folder;
  private RunDirectory run;

  @BeforeEach
  void openDirectory() {
    run = RunDirectory.at(new org.apache.hadoop.fs.Path(folder.toString()), new Configuration());
  }

  @Test
  void aFullDiskIsToldAndLeavesTheFileAsItWas() throws IOException {
    Path full = Path.of("/dev/full");
    assumeThat(full).as("Linux has a device that is always full").exists();
    Path file = Files.writeString(folder.resolve("config.yaml"), "old");
    Files.createSymbolicLink(folder.resolve(".config.yaml.new"), full);

    assertThatThrownBy(() -> run.replace("config.yaml", "new".getBytes(StandardCharsets.UTF_8)))
        .isInstanceOf(UserException.class)
        .hasMessage(
            "writing %s failed, the disk or quota is full: free space or choose another folder",
            file);
    assertThat(file).hasContent("old");
  }

  @Test
  void saysWhatToDoAboutDamagedRecords() throws IOException {
    Path file = Files.writeString(folder.resolve(RunDirectory.RUN), "{\"sessions\": [");

    assertThatThrownBy(() -> run.addSession(RunSession.now(0, "reference", 1, 1, "", "", "")))
        .isInstanceOf(UserException.class)
        .hasMessage(
            "%s must be JSON as Firesteel writes it, got something else: restore it, or delete it to continue without the record of earlier sessions",
            file);
    assertThat(file).hasContent("{\"sessions\": [");
  }

  @Test
  void oneProcessAtATimeTrainsARun() {
    try (var lock = run.lock()) {
      assertThat(lock).isNotNull();
      assertThatThrownBy(run::lock)
          .isInstanceOf(UserException.class)
          .hasMessageContaining("train under another name (name=...)");
    }
  }

  @ParameterizedTest
  @EnumSource(Storage.class)
  void replacesAFileSoThatOneOfBothCanBeRead(Storage storage) throws IOException {
    org.apache.hadoop.fs.Path path = storage.newFolder();
    RunDirectory stored = RunDirectory.at(path, storage.configuration());
    assertThat(stored.read("report.html")).isEmpty();
    stored.replace("report.html", new byte[] {1});
    stored.replace("report.html", new byte[] {2, 3});
    assertThat(stored.read("report.html")).hasValue(new byte[] {2, 3});

    FileSystem fs = storage.fileSystem();
    org.apache.hadoop.fs.Path file = new org.apache.hadoop.fs.Path(path, "report.html");
    int operations = 0;
    for (boolean replaced = false; !replaced; operations++) {
      byte[] content = {9, (byte) operations};
      try {
        RunDirectory.replace(
            FailingFileSystem.after(fs, FailingFileSystem.Mode.KILLED, operations), file, content);
        replaced = true;
      } catch (IOException e) {
        assertThat(e).hasMessageContaining("No space left");
      }
      assertThat(stored.read("report.html"))
          .hasValueSatisfying(read -> assertThat(read).isIn(new byte[] {2, 3}, content));
      stored.replace("report.html", new byte[] {2, 3});
    }
    // Creating, writing and closing the file beside, and deleting the old one.
    assertThat(operations).isGreaterThan(3);
  }

  @ParameterizedTest
  @EnumSource(Storage.class)
  void addsSessions(Storage storage) {
    RunDirectory stored = RunDirectory.at(storage.newFolder(), storage.configuration());
    try (FolderLock lock = stored.lock()) {
      assertThat(lock).isNotNull();
      stored.addSession(RunSession.now(0, "reference", 1, 1, "", "", ""));
      stored.addSession(RunSession.now(7, "reference", 1, 1, "", "", ""));
    }
    assertThat(stored.run().path("sessions")).hasSize(2);
    assertThat(stored.run().path("sessions").path(1).path("from_step").asInt()).isEqualTo(7);
  }
}
