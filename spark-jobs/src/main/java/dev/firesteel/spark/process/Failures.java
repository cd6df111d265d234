package dev.firesteel.spark.process;

import dev.firesteel.error.UserException;
import dev.firesteel.files.HadoopFiles;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.PrintStream;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.file.AccessDeniedException;
import java.nio.file.NoSuchFileException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.security.AccessControlException;
import org.apache.spark.SparkException;
import org.apache.spark.SparkThrowable;

/** Turns any exception of a command into one message for the user and an exit code. */
public final class Failures {
  static final int FAILURE = UserException.Kind.FAILURE.exitCode();
  public static final int USAGE = UserException.Kind.USAGE.exitCode();
  public static final int INTERRUPTED = 130;

  /**
   * Spark reports the failure of a barrier task only as text, without the exception as its cause.
   */
  private static final Pattern USER_EXCEPTION_IN_TEXT =
      Pattern.compile(
          "^(?:.*: )?" + Pattern.quote(UserException.class.getName()) + ": (.+)$",
          Pattern.MULTILINE);

  private static final String STOPPED = "Cannot call methods on a stopped SparkContext";

  private Failures() {}

  /** Prints the message, and the stack trace if {@code verbose}; returns the exit code. */
  public static int report(Throwable failure, boolean verbose, PrintStream err) {
    if (Interruption.exiting()) {
      return INTERRUPTED;
    }
    Diagnosis diagnosis = diagnose(failure, ClusterLog.reason());
    err.println("firesteel: " + HadoopFiles.withPlainPaths(diagnosis.sentence()));
    if (verbose) {
      failure.printStackTrace(err);
    }
    return diagnosis.exitCode();
  }

  /** The message, and the exit code. */
  public record Diagnosis(String sentence, int exitCode) {}

  /**
   * Like the other, if the cluster may have ended the application: any failure is then attributed
   * to that, except for user errors.
   */
  public static Diagnosis diagnose(Throwable failure, Optional<String> endedByCluster) {
    Diagnosis diagnosis = diagnose(failure);
    return endedByCluster
        .filter(reason -> diagnosis.exitCode() != USAGE)
        .map(reason -> new Diagnosis(reason, FAILURE))
        .orElse(diagnosis);
  }

  public static Diagnosis diagnose(Throwable failure) {
    List<Throwable> chain = chain(failure);
    for (Throwable each : chain) {
      if (each instanceof UserException mistake) {
        return new Diagnosis(mistake.getMessage(), mistake.kind().exitCode());
      }
    }
    Optional<String> known = surroundings(failure);
    if (known.isPresent()) {
      return new Diagnosis(known.get(), FAILURE);
    }
    Throwable root = root(failure);
    String what = root.getClass().getSimpleName() + ": " + firstLine(root.getMessage());
    boolean ofSpark = chain.stream().anyMatch(SparkException.class::isInstance);
    return new Diagnosis(
        (ofSpark ? "Spark could not finish the work" : "a bug in Firesteel, please report it")
            + " ("
            + what
            + "); run again with --verbose for the stack trace",
        FAILURE);
  }

  /** The message for a full disk, exhausted memory and the like; empty for all else. */
  public static Optional<String> surroundings(Throwable failure) {
    return chain(failure).stream().map(Failures::knownToUsers).filter(Objects::nonNull).findFirst();
  }

  /** A message for failures of the environment, which our code cannot foresee; or null. */
  private static String knownToUsers(Throwable failure) {
    if (failure instanceof OutOfMemoryError) {
      return "memory is exhausted ("
          + firstLine(failure.getMessage())
          + "): give more, FIRESTEEL_JAVA_OPTS=-Xmx8g for ./firesteel or --driver-memory and"
          + " --executor-memory for spark-submit, or choose a smaller model or batch";
    }
    String message = String.valueOf(failure.getMessage());
    if (message.contains("[INVALID_DRIVER_MEMORY]")) {
      return "Spark needs at least 450 MiB of heap, got "
          + (Runtime.getRuntime().maxMemory() >> 20)
          + " MiB: give more, FIRESTEEL_JAVA_OPTS=-Xmx1g for ./firesteel or --driver-memory for"
          + " spark-submit";
    }
    if (failure instanceof IllegalStateException && message.startsWith(STOPPED)) {
      return "the cluster ended the application: its own log, and the driver's above, say why";
    }
    if (failure instanceof IllegalArgumentException && message.contains("spark.authenticate")) {
      return "Spark refuses its security settings ("
          + firstLine(message)
          + "): see docs/cluster.md, Security";
    }
    if (failure instanceof SparkException) {
      Matcher matcher = USER_EXCEPTION_IN_TEXT.matcher(message);
      return matcher.find() ? matcher.group(1) : null;
    }
    if (!(failure instanceof IOException)) {
      return null;
    }
    if (message.contains("No space left on device") || message.contains("Disk quota exceeded")) {
      return "the disk is full ("
          + firstLine(message)
          + "): free space or choose another folder (data.path, runs_folder, for scratch files"
          + " spark.local.dir or -Djava.io.tmpdir)";
    }
    if (message.contains("Read-only file system")
        || failure instanceof AccessDeniedException
        || failure instanceof AccessControlException) {
      return "permission denied: " + firstLine(message);
    }
    if (failure instanceof FileNotFoundException && message.contains("Permission denied")) {
      return "permission denied: " + firstLine(message);
    }
    if (failure instanceof FileNotFoundException || failure instanceof NoSuchFileException) {
      return "file not found: " + firstLine(message);
    }
    return null;
  }

  /** The file that Spark SQL failed to read, as a display path. */
  public static Optional<String> unreadFile(Throwable failure) {
    return chain(failure).stream()
        .filter(SparkThrowable.class::isInstance)
        .map(SparkThrowable.class::cast)
        .filter(each -> String.valueOf(each.getCondition()).startsWith("FAILED_READ_FILE"))
        .map(each -> each.getMessageParameters().get("path"))
        .filter(Objects::nonNull)
        .map(path -> HadoopFiles.withPlainPaths(decoded(path)))
        .findFirst();
  }

  /** Spark encodes most of the paths that it reports as URIs, but not all. */
  private static String decoded(String path) {
    try {
      return new Path(new URI(path)).toString();
    } catch (URISyntaxException e) {
      return path;
    }
  }

  /** Whether a failure was caused by a file system. */
  public static boolean isOfFiles(Throwable failure) {
    return chain(failure).stream().anyMatch(IOException.class::isInstance);
  }

  /** The root cause. */
  public static Throwable root(Throwable failure) {
    List<Throwable> chain = chain(failure);
    return chain.get(chain.size() - 1);
  }

  /** The failure, its causes and their suppressed exceptions, outermost first, each once. */
  private static List<Throwable> chain(Throwable failure) {
    List<Throwable> chain = new ArrayList<>();
    Set<Throwable> seen = Collections.newSetFromMap(new IdentityHashMap<>());
    for (Throwable each = failure; each != null && seen.add(each); each = each.getCause()) {
      chain.add(each);
    }
    return chain;
  }

  public static String firstLine(String message) {
    return message == null ? "no message" : message.lines().findFirst().orElse("no message");
  }
}
