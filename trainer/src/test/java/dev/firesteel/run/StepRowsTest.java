package dev.firesteel.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.firesteel.checkpoint.Attempt;
import dev.firesteel.checkpoint.Storage;
import dev.firesteel.error.UserException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.EnumSource;

@ParameterizedClass
@EnumSource(Storage.class)
class StepRowsTest {
  @Parameter Storage storage;
  private FileSystem fs;
  private Path folder;
  private Path file;

  @BeforeEach
  void makeFolder() throws IOException {
    fs = storage.fileSystem();
    folder = storage.newFolder();
    file = new Path(folder, "metrics.jsonl");
    fs.mkdirs(folder);
  }

  @Test
  void keepsTheRowsUpToAStep() throws IOException {
    try (StepRows rows = open(-1)) {
      for (int step = 0; step < 5; step++) {
        rows.append(row(step));
      }
    }
    assertThat(content())
        .isEqualTo("{\"step\":0}\n{\"step\":1}\n{\"step\":2}\n{\"step\":3}\n{\"step\":4}\n");
    try (StepRows rows = open(2)) {
      rows.append(row(3).put("again", true));
    }
    assertThat(content())
        .isEqualTo("{\"step\":0}\n{\"step\":1}\n{\"step\":2}\n{\"step\":3,\"again\":true}\n");
    open(-1).close();
    assertThat(content()).isEmpty();
  }

  @Test
  void dropsALineThatWasNotWrittenToItsEnd() throws IOException {
    write(file, "{\"step\":1}\n{\"step\":2");
    try (StepRows rows = open(9)) {
      rows.append(row(2));
    }
    assertThat(content()).isEqualTo("{\"step\":1}\n{\"step\":2}\n");
  }

  @Test
  void showsEachRowAtOnceWhereTheFileSystemAppends() throws IOException {
    write(file, "{\"step\":1}\n");
    try (StepRows rows = open(1)) {
      rows.append(row(2));
      assertThat(content())
          .isEqualTo(storage == Storage.S3A ? "{\"step\":1}\n" : "{\"step\":1}\n{\"step\":2}\n");
    }
  }

  @Test
  void showsAllRowsOnSync() throws IOException {
    write(file, "{\"step\":1}\n");
    try (StepRows rows = open(1)) {
      rows.append(row(2));
      rows.sync();
      assertThat(content()).isEqualTo("{\"step\":1}\n{\"step\":2}\n");
      rows.append(row(3));
      rows.sync();
      assertThat(content()).isEqualTo("{\"step\":1}\n{\"step\":2}\n{\"step\":3}\n");
    }
  }

  @Test
  void goesOnAfterAProcessThatWasKilledWithTheFileOpen() throws IOException {
    write(file, "{\"step\":1}\n");
    StepRows killed = StepRows.open(storage.anotherClient(), file, 1, Attempt.unfenced());
    killed.append(row(2));
    killed.sync();

    try (StepRows rows = open(2)) {
      rows.append(row(3));
    }
    assertThat(content()).isEqualTo("{\"step\":1}\n{\"step\":2}\n{\"step\":3}\n");
  }

  @Test
  void anEarlierWriterOfHdfsCanAppendNoMore() throws IOException {
    assumeThat(storage).isEqualTo(Storage.HDFS);
    StepRows earlier = StepRows.open(storage.anotherClient(), file, -1, Attempt.unfenced());
    earlier.append(row(1));
    try (StepRows rows = open(1)) {
      rows.append(row(2));
      assertThatThrownBy(
              () -> {
                earlier.append(row(2));
                earlier.sync();
              })
          .isInstanceOf(UserException.class)
          .hasMessageStartingWith("writing " + file + " failed");
    }
    assertThat(content()).isEqualTo("{\"step\":1}\n{\"step\":2}\n");
  }

  @Test
  void findsTheRowsOfAReplacementThatWasCutShort() throws IOException {
    Path beside = new Path(folder, ".metrics.jsonl.new");
    // The old file is deleted, the new one not yet renamed.
    write(beside, "{\"step\":1}\n");
    open(5).close();
    assertThat(content()).isEqualTo("{\"step\":1}\n");
    // The new one was not written to its end: the old one counts.
    write(beside, "{\"st");
    open(5).close();
    assertThat(content()).isEqualTo("{\"step\":1}\n");
  }

  @Test
  void refusesWhatAreNoRows() throws IOException {
    write(file, "{\"step\":1}\nnonsense\n");
    assertThatThrownBy(() -> open(5))
        .isInstanceOf(UserException.class)
        .hasMessage(
            file
                + " must hold JSON objects with a step, one a line, got \"nonsense\": fix or delete it");
    write(file, "{\"loss\":1}\n");
    assertThatThrownBy(() -> open(5))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("got \"{\"loss\":1}\"");
  }

  private StepRows open(long step) {
    return StepRows.open(fs, file, step, Attempt.unfenced());
  }

  private static ObjectNode row(int step) {
    return JsonNodeFactory.instance.objectNode().put("step", step);
  }

  private void write(Path to, String text) throws IOException {
    try (OutputStream out = fs.create(to, true)) {
      out.write(text.getBytes(StandardCharsets.UTF_8));
    }
  }

  private String content() throws IOException {
    try (InputStream in = fs.open(file)) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    }
  }
}
