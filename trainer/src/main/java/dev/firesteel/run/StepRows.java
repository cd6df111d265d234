package dev.firesteel.run;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.firesteel.checkpoint.Attempt;
import dev.firesteel.error.UserException;
import dev.firesteel.files.HadoopFiles;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.apache.hadoop.fs.CommonPathCapabilities;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.FSError;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.LeaseRecoverable;
import org.apache.hadoop.fs.Path;

/**
 * A file of JSON objects, one per line, each with a key {@code step}, in order of step: {@code
 * metrics.jsonl}. Rows are appended during the run; a run that resumes from a checkpoint drops the
 * rows of later steps, so that no step appears twice.
 *
 * <p>If the file system cannot append (object stores), rows are kept in memory and the file is
 * rewritten by {@link #sync}.
 */
public final class StepRows implements AutoCloseable {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final String STEP = "step";
  private static final Duration LEASE_RECOVERY = Duration.ofMinutes(2);
  private static final Duration LEASE_POLL = Duration.ofMillis(200);

  private final FileSystem fs;
  private final Path file;
  private final Attempt attempt;

  /** Null if the file system cannot append. */
  private final FSDataOutputStream out;

  private final ByteArrayOutputStream kept;
  private boolean dirty;

  private StepRows(
      FileSystem fs,
      Path file,
      Attempt attempt,
      FSDataOutputStream out,
      ByteArrayOutputStream kept) {
    this.fs = fs;
    this.file = file;
    this.attempt = attempt;
    this.out = out;
    this.kept = kept;
  }

  static StepRows open(FileSystem fs, Path file, long step, Attempt attempt) {
    attempt.check();
    try {
      RunDirectory.recover(fs, file);
      takeFromLastWriter(fs, file);
      byte[] content = fs.exists(file) ? readAll(fs, file) : new byte[0];
      int end = endOfStep(content, step, file);
      if (end < content.length) {
        RunDirectory.replace(fs, file, Arrays.copyOf(content, end));
      }
      if (fs.hasPathCapability(file, CommonPathCapabilities.FS_APPEND)) {
        FSDataOutputStream out = fs.exists(file) ? fs.append(file) : fs.create(file, false);
        return new StepRows(fs, file, attempt, out, null);
      }
      ByteArrayOutputStream kept = new ByteArrayOutputStream();
      kept.write(content, 0, end);
      return new StepRows(fs, file, attempt, null, kept);
    } catch (IOException e) {
      throw HadoopFiles.explain("opening " + file, e);
    }
  }

  /**
   * A process that was killed while it had an HDFS file open remains its writer for a minute or
   * more, and keeps others from appending. After this call it can no longer write, should it still
   * be alive.
   */
  private static void takeFromLastWriter(FileSystem fs, Path file) throws IOException {
    if (!(fs instanceof LeaseRecoverable leases) || !fs.exists(file)) {
      return;
    }
    long deadline = System.nanoTime() + LEASE_RECOVERY.toNanos();
    while (!leases.recoverLease(file)) {
      if (System.nanoTime() > deadline) {
        throw new IOException(
            "its last writer's lease did not end within " + LEASE_RECOVERY.toSeconds() + " s");
      }
      try {
        Thread.sleep(LEASE_POLL.toMillis());
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new InterruptedIOException("interrupted while waiting for the lease of " + file);
      }
    }
  }

  /** The rows in a file's content; an incomplete last line is ignored. */
  public static List<JsonNode> parse(byte[] content, String origin) {
    List<JsonNode> rows = new ArrayList<>();
    for (int start = 0, end; (end = lineEnd(content, start)) > 0; start = end) {
      rows.add(row(content, start, end, origin));
    }
    return rows;
  }

  /** Appends a row. */
  public void append(ObjectNode row) {
    try {
      byte[] line = (JSON.writeValueAsString(row) + "\n").getBytes(StandardCharsets.UTF_8);
      if (out == null) {
        kept.write(line);
        dirty = true;
      } else {
        out.write(line);
        out.hflush();
      }
    } catch (IOException | FSError e) { // Hadoop's local files fail as an error.
      throw HadoopFiles.explain("writing " + file, e);
    }
  }

  /**
   * Returns when all rows so far are visible to readers; called before a checkpoint.
   *
   * @throws UserException if they cannot be written, or a later attempt of the run has begun
   */
  public void sync() {
    attempt.check();
    try {
      if (out != null) {
        out.hsync();
      } else if (dirty) {
        try (FSDataOutputStream whole = fs.create(file, true)) {
          kept.writeTo(whole);
        }
        dirty = false;
      }
    } catch (IOException | FSError e) { // Hadoop's local files fail as an error.
      throw HadoopFiles.explain("writing " + file, e);
    }
  }

  @Override
  @SuppressWarnings("try") // The file is closed even if writing its rows fails.
  public void close() {
    try (FSDataOutputStream file = out) {
      sync();
    } catch (IOException | FSError e) { // Hadoop's local files fail as an error.
      throw HadoopFiles.explain("writing " + file, e);
    }
  }

  /** The byte after the last row that belongs to {@code step} or an earlier one. */
  private static int endOfStep(byte[] content, long step, Path file) {
    int start = 0;
    for (int end; (end = lineEnd(content, start)) > 0; start = end) {
      if (row(content, start, end, file.toString()).path(STEP).asLong() > step) {
        return start;
      }
    }
    return start;
  }

  private static JsonNode row(byte[] content, int start, int end, String origin) {
    try {
      JsonNode row = JSON.readTree(content, start, end - start);
      if (row.path(STEP).isIntegralNumber()) {
        return row;
      }
    } catch (JsonProcessingException e) {
      throw damaged(content, start, end, origin, e);
    } catch (IOException e) {
      throw new AssertionError("nothing is read but an array", e);
    }
    throw damaged(content, start, end, origin, null);
  }

  private static UserException damaged(
      byte[] content, int start, int end, String origin, Exception cause) {
    return UserException.failure(
        "%s must hold JSON objects with a step, one a line, got \"%s\": fix or delete it"
            .formatted(
                origin, new String(content, start, end - start, StandardCharsets.UTF_8).strip()),
        cause);
  }

  /** The byte after the line break of the line at {@code start}; 0 if there is none. */
  private static int lineEnd(byte[] content, int start) {
    for (int i = start; i < content.length; i++) {
      if (content[i] == '\n') {
        return i + 1;
      }
    }
    return 0;
  }

  private static byte[] readAll(FileSystem fs, Path file) throws IOException {
    try (InputStream in = fs.open(file)) {
      return in.readAllBytes();
    }
  }
}
