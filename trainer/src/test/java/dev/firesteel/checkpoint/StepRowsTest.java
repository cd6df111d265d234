package dev.firesteel.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.firesteel.error.UserException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.FilterFileSystem;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class StepRowsTest {
  @TempDir Path folder;

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void keepsTheRowsUpToAStep(boolean appends) throws IOException {
    try (StepRows rows = open(appends, -1)) {
      for (int step = 0; step < 5; step++) {
        rows.append(row(step));
      }
    }
    assertThat(content())
        .isEqualTo("{\"step\":0}\n{\"step\":1}\n{\"step\":2}\n{\"step\":3}\n{\"step\":4}\n");
    try (StepRows rows = open(appends, 2)) {
      rows.append(row(3).put("again", true));
    }
    assertThat(content())
        .isEqualTo("{\"step\":0}\n{\"step\":1}\n{\"step\":2}\n{\"step\":3,\"again\":true}\n");
    open(appends, -1).close();
    assertThat(content()).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void dropsALineThatWasNotWrittenToItsEnd(boolean appends) throws IOException {
    Files.writeString(file(), "{\"step\":1}\n{\"step\":2");
    try (StepRows rows = open(appends, 9)) {
      rows.append(row(2));
    }
    assertThat(content()).isEqualTo("{\"step\":1}\n{\"step\":2}\n");
  }

  @Test
  void showsEachRowAtOnceWhereTheFileSystemAppends() throws IOException {
    try (StepRows rows = open(true, -1)) {
      rows.append(row(1));
      assertThat(content()).isEqualTo("{\"step\":1}\n");
    }
  }

  @Test
  void writesTheWholeFileOnSyncWhereItDoesNot() throws IOException {
    Files.writeString(file(), "{\"step\":1}\n");
    try (StepRows rows = open(false, 1)) {
      rows.append(row(2));
      assertThat(content()).isEqualTo("{\"step\":1}\n");
      rows.sync();
      assertThat(content()).isEqualTo("{\"step\":1}\n{\"step\":2}\n");
    }
  }

  @Test
  void findsTheRowsOfAReplacementThatWasCutShort() throws IOException {
    // The old file is deleted, the new one not yet renamed.
    Files.writeString(folder.resolve(".metrics.jsonl.new"), "{\"step\":1}\n");
    open(true, 5).close();
    assertThat(content()).isEqualTo("{\"step\":1}\n");
    // The new one was not written to its end: the old one counts.
    Files.writeString(folder.resolve(".metrics.jsonl.new"), "{\"st");
    open(true, 5).close();
    assertThat(content()).isEqualTo("{\"step\":1}\n");
  }

  @Test
  void refusesWhatAreNoRows() throws IOException {
    Files.writeString(file(), "{\"step\":1}\nnonsense\n");
    assertThatThrownBy(() -> open(true, 5))
        .isInstanceOf(UserException.class)
        .hasMessage(
            file()
                + " must hold JSON objects with a step, one a line, got \"nonsense\": mend or delete it");
    Files.writeString(file(), "{\"loss\":1}\n");
    assertThatThrownBy(() -> open(true, 5))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("got \"{\"loss\":1}\"");
  }

  private StepRows open(boolean appends, long step) throws IOException {
    FileSystem local = FailingFileSystem.local();
    FileSystem fs =
        appends
            ? local
            : new FilterFileSystem(local) {
              @Override
              public boolean hasPathCapability(org.apache.hadoop.fs.Path path, String capability) {
                return false;
              }
            };
    return StepRows.open(fs, new org.apache.hadoop.fs.Path(file().toString()), step);
  }

  private static ObjectNode row(int step) {
    return JsonNodeFactory.instance.objectNode().put("step", step);
  }

  private Path file() {
    return folder.resolve("metrics.jsonl");
  }

  private String content() throws IOException {
    return Files.readString(file());
  }
}
