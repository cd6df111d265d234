package dev.firesteel.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.firesteel.error.UserException;
import java.io.IOException;
import java.nio.file.Files;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.viewfs.ConfigUtil;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FolderLockTest {
  @TempDir private java.nio.file.Path temporary;
  private Path folder;
  private FileSystem fs;

  @BeforeEach
  void openFileSystem() throws IOException {
    folder = new Path(temporary.resolve("run").toString());
    fs = DataFiles.fileSystem(folder, new Configuration());
  }

  @Test
  void refusesTheSecondUntilTheFirstEnds() {
    try (FolderLock first = take()) {
      assertThat(first).isNotNull();
      assertThatThrownBy(this::take)
          .isInstanceOf(UserException.class)
          .hasMessage(
              "%s must be written by one process at a time, got process %d at work there: wait for its end, or give another name",
              folder, ProcessHandle.current().pid());
    }
    assertThat(temporary.resolve("run")).isEmptyDirectory();
    take().close();
  }

  @Test
  void takesOverWhatAKilledProcessLeft() throws IOException {
    Files.createDirectory(temporary.resolve("run"));
    Files.writeString(temporary.resolve("run").resolve(FolderLock.FILE_NAME), "4711\nlonger\n");

    take().close();

    assertThat(temporary.resolve("run")).isEmptyDirectory();
  }

  @Test
  void locksNothingWhereLocksWouldOutliveTheirProcess() throws IOException {
    Configuration conf = new Configuration();
    ConfigUtil.addLink(conf, "table", "/run", temporary.toUri());
    Path elsewhere = new Path("viewfs://table/run");
    FileSystem view = DataFiles.fileSystem(elsewhere, conf);

    try (FolderLock first = FolderLock.take(view, elsewhere, "give another name");
        FolderLock second = FolderLock.take(view, elsewhere, "give another name")) {
      assertThat(first).isNotSameAs(second);
    }
    assertThat(temporary).isEmptyDirectory();
  }

  private FolderLock take() {
    return FolderLock.take(fs, folder, "give another name");
  }
}
