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
import java.util.OptionalLong;
import java.util.UUID;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/**
 * Keeps two processes from writing into the same folder.
 *
 * <p>On local files it is an operating-system lock on the file {@value #FILE_NAME}, which is
 * released when its process ends, however it ends. Other file systems have no such lock, and a
 * marker file left behind by a killed process would block its own resumption: there nothing is
 * locked.
 */
public final class FolderLock implements AutoCloseable {
  /** Holds the process id; deleted at the end. */
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
   * Locks a folder, which is created if necessary.
   *
   * @param otherwise what the user may do instead of waiting, for instance "give another name"
   * @throws UserException if another process holds the lock
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

  /** Null if the file was deleted by its holder between being opened and being locked. */
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
      // Not read back: POSIX releases a process's locks when it closes any of its handles of a
      // file.
      taken = length(file) == mark.length();
      return taken ? new FolderLock(file, channel, makes) : null;
    } finally {
      if (!taken) {
        channel.close();
      }
    }
  }

  /**
   * The process named in a folder's lock file, which a killed one leaves behind. The lock is not
   * tried: that could release it, if this process holds it.
   *
   * @return empty if there is no lock file or it names none
   */
  public static OptionalLong process(FileSystem fs, Path folder) {
    File local = HadoopFiles.localFile(fs, folder);
    if (local == null) {
      return OptionalLong.empty();
    }
    try {
      return content(local.toPath().resolve(FILE_NAME))
          .lines()
          .filter(line -> line.matches("\\d{1,18}"))
          .mapToLong(Long::parseLong)
          .findFirst();
    } catch (IOException e) {
      return OptionalLong.empty(); // Of another user: it is not known.
    }
  }

  private static boolean tryLock(FileChannel channel) throws IOException {
    try {
      FileLock lock = channel.tryLock();
      return lock != null;
    } catch (OverlappingFileLockException e) {
      return false; // Held by this same process.
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
   * Releases the lock. The file is deleted while it is locked, so it cannot be another process's.
   * So is the folder, if it was created for the lock and is still empty.
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
      // The folder is in use.
    } catch (IOException e) {
      throw HadoopFiles.explain("unlocking " + file, e);
    }
  }
}
