package dev.firesteel.files;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import dev.firesteel.error.UserException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
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
    fs = HadoopFiles.fileSystem(folder, new Configuration());
  }

  @Test
  void refusesTheSecondUntilTheFirstEnds() {
    try (FolderLock first = take()) {
      assertThat(first).isNotNull();
      assertThatThrownBy(this::take)
          .isInstanceOf(UserException.class)
          .hasMessage(
              "%s must be written by one process at a time, got process %d writing there: wait until it ends, or give another name",
              folder, ProcessHandle.current().pid());
    }
    assertThat(temporary).as("the folder was made for the lock").isEmptyDirectory();
    take().close();
  }

  @Test
  void keepsAnotherProcessOut() throws Exception {
    try (FolderLock lock = take()) {
      assertThat(lock).isNotNull();
      Process other =
          new ProcessBuilder(
                  java.nio.file.Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                  "-Xmx64m",
                  "-cp",
                  System.getProperty("java.class.path"),
                  OtherProcess.class.getName(),
                  folder.toString())
              .redirectErrorStream(true)
              .start();
      String said = new String(other.getInputStream().readAllBytes(), StandardCharsets.UTF_8);

      assertThat(other.waitFor()).as(said).isEqualTo(2);
      assertThat(said).contains("got process " + ProcessHandle.current().pid() + " writing there");
    }
  }

  /** Takes the lock of the folder that it is given; 2 where it is refused. */
  static final class OtherProcess {
    public static void main(String[] args) throws IOException {
      Path folder = new Path(args[0]);
      try (FolderLock lock =
          FolderLock.take(
              HadoopFiles.fileSystem(folder, new Configuration()), folder, "give another name")) {
        System.err.println("taken by " + (lock == null ? "nobody" : "another process"));
      } catch (UserException e) {
        System.err.println(e.getMessage());
        System.exit(e.kind().exitCode());
      }
    }
  }

  @Test
  void keepsTheFolderThatHasBecomeOfUse() throws IOException {
    java.nio.file.Path result = temporary.resolve("run").resolve("result");
    try (FolderLock lock = take()) {
      assertThat(lock).isNotNull();
      Files.writeString(result, "x");
    }
    assertThat(temporary.resolve("run")).isDirectoryContaining(result::equals);
  }

  @Test
  void takesOverWhatAKilledProcessLeft() throws IOException {
    Files.createDirectory(temporary.resolve("run"));
    Files.writeString(temporary.resolve("run").resolve(FolderLock.FILE_NAME), "4711\nlonger\n");

    take().close();

    assertThat(temporary.resolve("run")).isEmptyDirectory();
  }

  @Test
  void saysThatTheFolderCannotBeMade() {
    // Not even root may make a folder there.
    assumeThat(java.nio.file.Path.of("/proc/self")).as("Linux has /proc").exists();
    Path nowhere = new Path("/proc/firesteel/run");

    assertThatThrownBy(() -> FolderLock.take(fs, nowhere, "give another name"))
        .isInstanceOf(UserException.class)
        .hasMessage(
            "locking the folder /proc/firesteel/run failed, permission denied: change the permissions or choose another folder");
  }

  @Test
  void locksNothingWhereLocksWouldOutliveTheirProcess() throws IOException {
    Configuration conf = new Configuration();
    ConfigUtil.addLink(conf, "table", "/run", temporary.toUri());
    Path elsewhere = new Path("viewfs://table/run");
    FileSystem view = HadoopFiles.fileSystem(elsewhere, conf);

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
