package dev.firesteel.files;

import dev.firesteel.error.UserException;
import java.io.File;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.AccessDeniedException;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Locale;
import java.util.regex.Pattern;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSError;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.LocalFileSystem;
import org.apache.hadoop.fs.ParentNotDirectoryException;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.UnsupportedFileSystemException;
import org.apache.hadoop.security.AccessControlException;

/** Helpers for files on Hadoop's file systems. */
public final class HadoopFiles {
  private static final int BUFFER_BYTES = 1 << 20;
  private static final Pattern LOCAL_SCHEME = Pattern.compile("\\bfile:/(//)?(?=[^/\\s])");

  private HadoopFiles() {}

  /**
   * The file system of a path. Local files are read and written as they are, without Hadoop's
   * {@code .crc} companions: the manifest's checksums replace them. A local name that this JVM
   * cannot represent is rejected, here or when its folder is listed ({@link LocalNames}).
   *
   * @throws UserException if Hadoop has no file system for the path's scheme
   */
  public static FileSystem fileSystem(Path path, Configuration conf) throws IOException {
    FileSystem fs;
    try {
      fs = path.getFileSystem(conf);
    } catch (UnsupportedFileSystemException e) {
      throw UserException.usage(
          "%s must be on a file system that Hadoop supports here: %s"
              .formatted(path, e.getMessage()),
          e);
    } catch (RuntimeException e) {
      // Hadoop's wrapping of a file system whose class is missing.
      if (e.getCause() instanceof ClassNotFoundException) {
        throw UserException.usage(
            "%s needs a file system whose classes are missing: add its jar to Spark's jars (for s3a: org.apache.hadoop:hadoop-aws)"
                .formatted(path),
            e);
      }
      throw e;
    }
    if (!(fs instanceof LocalFileSystem)) {
      return fs;
    }
    LocalNames.requireRepresentable(fs.makeQualified(path).toUri().getPath());
    return LocalFiles.open(fs.getUri(), conf);
  }

  /** The path with its scheme and in full, as a process with another working directory needs it. */
  public static Path qualified(Path path, Configuration conf) {
    try {
      return fileSystem(path, conf).makeQualified(path);
    } catch (IOException e) {
      throw explain("finding the file system of " + path, e);
    }
  }

  /** The path as a local file, or null if it is on another file system. */
  public static File localFile(FileSystem fs, Path path) {
    Path qualified = fs.makeQualified(path);
    return "file".equals(qualified.toUri().getScheme())
        ? new File(qualified.toUri().getPath())
        : null;
  }

  /**
   * Display text: local paths as used in a shell, where Hadoop writes {@code file:/tmp/x} or {@code
   * file:///tmp/x}. Those of other file systems keep their scheme.
   */
  public static String withPlainPaths(String text) {
    return LOCAL_SCHEME.matcher(text).replaceAll("/");
  }

  /** A SHA-256 digest. */
  public static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every JDK has SHA-256", e);
    }
  }

  /** SHA-256 of a file, in hexadecimal. */
  public static String sha256(FileSystem fs, Path file) throws IOException {
    MessageDigest digest = sha256();
    try (InputStream in = new DigestInputStream(fs.open(file), digest)) {
      byte[] buffer = new byte[BUFFER_BYTES];
      while (in.read(buffer) >= 0) {
        // Reading the stream updates the digest.
      }
    }
    return HexFormat.of().formatHex(digest.digest());
  }

  public static void copy(InputStream in, OutputStream out) throws IOException {
    byte[] buffer = new byte[BUFFER_BYTES];
    for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
      out.write(buffer, 0, n);
    }
  }

  /**
   * Explains a failed access in one message: no permission, a full disk, a missing file, or the
   * file system's own message.
   *
   * @param doing what was attempted, for instance "writing the token shard data/x/train-00000.bin"
   */
  public static UserException explain(String doing, Throwable failure) {
    for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
      if (cause instanceof UserException already) {
        return already;
      }
      String message = String.valueOf(cause.getMessage());
      String lower = message.toLowerCase(Locale.ROOT);
      // HDFS reports this as an access error, S3A as an existing file.
      if (cause instanceof ParentNotDirectoryException
          || lower.contains("is not a directory")
          || lower.contains("since it is a file")) {
        return UserException.failure(
            doing + " failed, a file is where a folder must be: choose another folder", failure);
      }
      if (lower.contains("no space left") || lower.contains("quota")) {
        return UserException.failure(
            doing + " failed, the disk or quota is full: free space or choose another folder",
            failure);
      }
      if (cause instanceof AccessDeniedException
          || cause instanceof AccessControlException
          || lower.contains("permission denied")
          || lower.contains("read-only file system")) {
        return UserException.failure(
            doing + " failed, permission denied: change the permissions or choose another folder",
            failure);
      }
    }
    if (failure instanceof FileNotFoundException) {
      return UserException.failure(doing + " failed, the file does not exist", failure);
    }
    String reason =
        failure instanceof FSError && failure.getCause() != null
            ? failure.getCause().getMessage()
            : failure.getMessage();
    return UserException.failure(doing + " failed: " + firstLine(reason, failure), failure);
  }

  private static String firstLine(String message, Throwable failure) {
    return message == null
        ? failure.getClass().getSimpleName()
        : message.lines().findFirst().orElse(failure.getClass().getSimpleName());
  }
}
