package dev.firesteel.files;

import dev.firesteel.error.UserException;
import java.io.File;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.StandardOpenOption;
import java.util.UUID;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/**
 * Keeps two processes from writing into one folder at once.
 *
 * <p>On local files it is a lock of the operating system, which ends with its process however that
 * ends, on the file {@value #FILE_NAME}. Other file systems have none of that kind, and a mark that
 * a killed process leaves behind would keep its own resumption out: there nothing is locked.
 */
public final class FolderLock implements AutoCloseable {
  /** Holds the number of the process; deleted at the end. */
  public static final String FILE_NAME = "_lock";

  private final java.nio.file.Path file;
  private final FileChannel channel;

  private final boolean madeFolder;

  private FolderLock(java.nio.file.Path file, FileChannel channel, boolean madeFolder) {
    this.file = file;
    this.channel = channel;
    this.madeFolder = madeFolder;
  }

  /**
   * Takes the lock of a folder, which is made if it is not there.
   *
   * @param otherwise what the user may do instead of waiting, as in "give another name"
   * @throws UserException if another process has it
   */
  public static FolderLock take(FileSystem fs, Path folder, String otherwise) {
    try {
      File local = HadoopFiles.localFile(fs, folder);
      if (local == null) {
        return new FolderLock(null, null, false);
      }
      boolean makes = !local.exists();
      if (!fs.mkdirs(folder)) {
        throw new IOException("Permission denied"); // Hadoop does not tell more.
      }
      java.nio.file.Path file = local.toPath().resolve(FILE_NAME);
      FolderLock lock = null;
      while (lock == null) {
        lock = attempt(folder, file, makes, otherwise);
      }
      return lock;
    } catch (IOException e) {
      throw HadoopFiles.explain("locking the folder " + folder, e);
    }
  }

  /** Null where the file was deleted by its holder between being opened and being locked. */
  private static FolderLock attempt(
      Path folder, java.nio.file.Path file, boolean makes, String otherwise) throws IOException {
    FileChannel channel =
        FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
    boolean taken = false;
    try {
      if (!tryLock(channel)) {
        throw UserException.usage(
            "%s must be written by one process at a time, got process %s writing there: wait until it ends, or %s"
                .formatted(folder, content(file).lines().findFirst().orElse("unknown"), otherwise));
      }
      String mark = ProcessHandle.current().pid() + "\n" + UUID.randomUUID() + "\n";
      channel.truncate(0);
      channel.write(ByteBuffer.wrap(mark.getBytes(StandardCharsets.UTF_8)));
      // Not read back: POSIX ends a process's locks when it closes any of its openings of a file.
      taken = length(file) == mark.length();
      return taken ? new FolderLock(file, channel, makes) : null;
    } finally {
      if (!taken) {
        channel.close();
      }
    }
  }

  private static boolean tryLock(FileChannel channel) throws IOException {
    try {
      FileLock lock = channel.tryLock();
      return lock != null;
    } catch (OverlappingFileLockException e) {
      return false; // Held by this very process.
    }
  }

  private static long length(java.nio.file.Path file) throws IOException {
    try {
      return Files.size(file);
    } catch (NoSuchFileException e) {
      return -1;
    }
  }

  private static String content(java.nio.file.Path file) throws IOException {
    try {
      return Files.readString(file);
    } catch (NoSuchFileException e) {
      return "";
    }
  }

  /**
   * Gives the folder back. The file goes while it is locked: nobody else's can be meant then. So
   * does the folder, if it was made for the lock and nothing came of it.
   */
  @Override
  public void close() {
    if (channel == null) {
      return;
    }
    try (channel) {
      Files.deleteIfExists(file);
      if (madeFolder) {
        Files.delete(file.getParent());
      }
    } catch (DirectoryNotEmptyException e) {
      // What the folder was made for is in it.
    } catch (IOException e) {
      throw HadoopFiles.explain("unlocking " + file, e);
    }
  }
}
