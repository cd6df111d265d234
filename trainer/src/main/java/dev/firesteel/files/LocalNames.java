package dev.firesteel.files;

import dev.firesteel.error.UserException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;

/**
 * Names of local files and command-line arguments, which Java decodes with the encoding of the
 * locale ({@code sun.jnu.encoding}, fixed before {@code main}). In the locale {@code C}, common in
 * containers and cron, that is ASCII: a file with any other name is listed under one that does not
 * exist, and Hadoop then skips it as if it had been deleted meanwhile.
 */
public final class LocalNames {
  /** Java's replacement for bytes that it cannot decode. */
  private static final char UNDECODABLE = '\uFFFD';

  private LocalNames() {}

  /** The encoding in which this JVM reads the names of local files, as Java names it. */
  public static String encoding() {
    return System.getProperty("sun.jnu.encoding", StandardCharsets.UTF_8.name());
  }

  /** Whether any name can be read. */
  public static boolean isUtf8() {
    return encoding().equalsIgnoreCase(StandardCharsets.UTF_8.name());
  }

  /** How to start a JVM that reads any name. */
  public static String remedy() {
    return "set LC_ALL=C.UTF-8 in the environment before Java starts (executors: --conf"
        + " spark.executorEnv.LC_ALL=C.UTF-8)";
  }

  /**
   * Rejects a process whose arguments or working directory were decoded wrongly.
   *
   * @throws UserException that names the setting
   */
  public static void requireIntactArguments(String... arguments) {
    if (isUtf8()) {
      return; // Then the user really passed U+FFFD.
    }
    for (String argument : arguments) {
      if (argument.indexOf(UNDECODABLE) >= 0) {
        throw undecodable("the argument \"" + argument + "\"");
      }
    }
    String directory = System.getProperty("user.dir");
    if (!isRepresentable(directory) || !Files.isDirectory(Path.of(directory))) {
      throw undecodable("the working directory " + directory);
    }
  }

  /**
   * Rejects a path that this JVM cannot encode.
   *
   * @throws UserException that names the setting
   */
  static void requireRepresentable(String path) {
    if (!isUtf8() && !isRepresentable(path)) {
      throw undecodable("the path " + path);
    }
  }

  /**
   * Rejects a folder that holds a file that this JVM cannot open by the name that it reads.
   *
   * @throws UserException that names the file, and the setting if that is the cause
   */
  static void requireReadable(Path folder) throws IOException {
    try (DirectoryStream<Path> files = Files.newDirectoryStream(folder)) {
      for (Path file : files) {
        if (!survives(file.getFileName())) {
          throw isUtf8()
              ? UserException.usage(
                  "the name of %s must be UTF-8, got other bytes: rename it".formatted(file))
              : undecodable("the name of " + file);
        }
      }
    }
  }

  /** A path keeps the bytes of the file name; its text may not. */
  private static boolean survives(Path name) {
    return isRepresentable(name.toString()) && Path.of(name.toString()).equals(name);
  }

  private static boolean isRepresentable(String path) {
    try {
      return Path.of(path).getNameCount() >= 0;
    } catch (InvalidPathException e) {
      return false;
    }
  }

  private static UserException undecodable(String what) {
    return UserException.usage(
        "%s must be readable in the encoding of the locale, got %s, which lacks its characters: %s"
            .formatted(what, encoding(), remedy()));
  }
}
