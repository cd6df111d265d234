package dev.firesteel.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import dev.firesteel.error.UserException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.hadoop.conf.Configuration;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

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
            "%s must be JSON as Firesteel writes it, got something else: restore it, or delete it to go on without the record of earlier sessions",
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
}
