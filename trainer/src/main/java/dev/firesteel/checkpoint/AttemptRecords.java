package dev.firesteel.checkpoint;

import com.fasterxml.jackson.annotation.JsonAlias;
import com.fasterxml.jackson.core.JsonProcessingException;
import dev.firesteel.error.UserException;
import dev.firesteel.files.HadoopFiles;
import dev.firesteel.files.HostName;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.FSDataOutputStreamBuilder;
import org.apache.hadoop.fs.FSError;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Options.CreateFileOptionKeys;
import org.apache.hadoop.fs.Path;

/**
 * The folder {@code attempts} of a run directory. {@code 00000004.json} records that the fourth
 * attempt has begun, and who began it; {@code 00000004-inherits.json} lists the checkpoints that it
 * found. Each file is written once and never changed or deleted, so there is never a moment at
 * which a later attempt could be overlooked.
 */
public final class AttemptRecords {
  private static final String FOLDER = "attempts";

  /** What releases before 0.1.0 called the folder; a run that has it keeps it. */
  private static final String OLD_FOLDER = "generations";

  private static final Pattern BEGUN = Pattern.compile("(\\d{8,})\\.json");
  private static final Pattern INHERITS = Pattern.compile("(\\d{8,})-inherits\\.json");

  private final FileSystem fs;
  private final Path run;
  private Path folder; // null until it is looked up

  /** Who began an attempt. */
  record Begun(@JsonAlias("generation") long attempt, String token, String host, long processId) {}

  /** The names of the checkpoints that an attempt found. */
  record Inherits(@JsonAlias("generation") long attempt, List<String> checkpoints) {
    Inherits {
      checkpoints = List.copyOf(checkpoints);
    }
  }

  public AttemptRecords(FileSystem fs, Path run) {
    this.fs = fs;
    this.run = run;
  }

  Path run() {
    return run;
  }

  /**
   * The folder of the records: processes of one run must agree on it, even if their releases
   * differ.
   */
  private synchronized Path folder() {
    if (folder == null) {
      Path old = new Path(run, OLD_FOLDER);
      try {
        folder = fs.exists(old) ? old : new Path(run, FOLDER);
      } catch (IOException e) {
        throw HadoopFiles.explain("looking for " + old, e);
      }
    }
    return folder;
  }

  /** The latest attempt that has begun; empty if there is none. */
  public OptionalLong last() {
    return numbers(BEGUN).stream().mapToLong(Long::longValue).max();
  }

  /**
   * Begins an attempt. If the file system lets only one of several writers create a file (HDFS, S3
   * with conditional writes), the others fail here; elsewhere {@link Attempt#check()} detects them
   * by the token.
   */
  void begin(long number, String token) {
    Path file = new Path(folder(), name(number, ""));
    try {
      create(file, new Begun(number, token, HostName.get(), ProcessHandle.current().pid()));
    } catch (IOException | FSError e) { // Hadoop's local files fail as an error.
      if (last().orElse(0) >= number) {
        throw UserException.failure(
            "attempt %d of the run %s must be started by one driver, got another that started it at the same time: wait until it ends, or train under another name (name=...)"
                .formatted(number, run),
            e);
      }
      throw HadoopFiles.explain("writing " + file, e);
    }
  }

  /** Records the checkpoints that an attempt found when it began. */
  void inherit(long number, List<String> checkpoints) {
    Path file = new Path(folder(), name(number, "-inherits"));
    try {
      create(file, new Inherits(number, checkpoints));
    } catch (IOException | FSError e) { // Hadoop's local files fail as an error.
      throw HadoopFiles.explain("writing " + file, e);
    }
  }

  /** The token of an attempt; empty if its record is incomplete. */
  String token(long number) {
    return read(name(number, ""), Begun.class).map(Begun::token).orElse("");
  }

  /**
   * Which checkpoints count: those of the latest attempt that has started writing, and those that
   * it found when it began. All others were completed later by an earlier attempt, and some of
   * their files may have been deleted meanwhile.
   */
  Predicate<Checkpoint> trusted() {
    List<Long> recorded =
        numbers(INHERITS).stream().sorted(Comparator.<Long>naturalOrder().reversed()).toList();
    for (long number : recorded) {
      Optional<Inherits> inherits = read(name(number, "-inherits"), Inherits.class);
      if (inherits.isPresent()) {
        Set<String> names = Set.copyOf(inherits.get().checkpoints());
        return checkpoint ->
            checkpoint.attempt() == number || names.contains(checkpoint.directory().getName());
      }
    }
    return checkpoint -> true;
  }

  private static String name(long number, String suffix) {
    return String.format(Locale.ROOT, "%08d%s.json", number, suffix);
  }

  private List<Long> numbers(Pattern pattern) {
    List<Long> numbers = new ArrayList<>();
    try {
      for (FileStatus status : fs.listStatus(folder())) {
        Matcher matcher = pattern.matcher(status.getPath().getName());
        if (matcher.matches()) {
          numbers.add(Long.parseLong(matcher.group(1)));
        }
      }
    } catch (FileNotFoundException e) {
      return List.of();
    } catch (IOException e) {
      throw HadoopFiles.explain("listing " + folder(), e);
    }
    return numbers;
  }

  private void create(Path file, Object content) throws IOException {
    byte[] json =
        (CheckpointManifest.JSON.writeValueAsString(content) + "\n")
            .getBytes(StandardCharsets.UTF_8);
    FSDataOutputStreamBuilder<?, ?> builder = fs.createFile(file);
    builder.create().overwrite(false).recursive();
    builder.opt(CreateFileOptionKeys.FS_OPTION_CREATE_CONDITIONAL_OVERWRITE, true);
    try (FSDataOutputStream out = builder.build()) {
      out.write(json);
      CheckpointWriter.sync(out);
    }
  }

  /** A file's content; empty if it is missing or incomplete. */
  private <T> Optional<T> read(String name, Class<T> type) {
    Path file = new Path(folder(), name);
    try (InputStream in = fs.open(file)) {
      byte[] json = in.readAllBytes();
      return CheckpointManifest.isComplete(json)
          ? Optional.of(CheckpointManifest.JSON.readValue(json, type))
          : Optional.empty();
    } catch (FileNotFoundException e) {
      return Optional.empty();
    } catch (JsonProcessingException e) {
      throw UserException.failure(
          "%s must be JSON as Firesteel writes it, got something else: restore it, or delete %s if no other process trains this run"
              .formatted(file, folder()),
          e);
    } catch (IOException e) {
      throw HadoopFiles.explain("reading " + file, e);
    }
  }
}
