package dev.firesteel.data;

import com.fasterxml.jackson.core.JsonProcessingException;
import dev.firesteel.error.UserException;
import dev.firesteel.files.HadoopFiles;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/**
 * The contents of a folder of prepared examples: {@code manifest.json}, written after everything
 * else, so that a folder without it holds no examples.
 *
 * @param version of this file's format: 1
 * @param kind what the stage makes of a record
 * @param source {@code data.source} as configured
 * @param settingsSha256 hash of the settings that determine the examples
 * @param inputs the files that were read
 * @param tokenizer the tokenizer of the examples
 * @param template source of the chat template, which models that are trained on the examples keep;
 *     empty if they were put together without one
 * @param counts what became of the records
 * @param train the training examples
 * @param validation the validation examples, possibly none
 */
public record ExampleManifest(
    int version,
    String kind,
    String source,
    String settingsSha256,
    DatasetManifest.Inputs inputs,
    DatasetManifest.TokenizerInfo tokenizer,
    String template,
    Counts counts,
    SplitInfo train,
    SplitInfo validation) {

  /** Name of the file. */
  public static final String FILE_NAME = "manifest.json";

  public static final int VERSION = 1;

  /**
   * What became of the records: {@code read} is the sum of {@code kept}, {@code overLimit} and the
   * values of {@code bad} and {@code dropped}.
   *
   * @param bad records with a defect, by its label
   * @param dropped sound records that are left out, by the reason's label
   * @param truncated kept examples that lost tokens
   * @param overLimit records beyond {@code data.max_examples}
   * @param first the first record of each of these reasons: its place and what is wrong
   */
  public record Counts(
      long read,
      long kept,
      Map<String, Long> bad,
      Map<String, Long> dropped,
      long truncated,
      long overLimit,
      Map<String, String> first) {

    /** Copies the maps. */
    public Counts {
      bad = new TreeMap<>(bad);
      dropped = new TreeMap<>(dropped);
      first = new TreeMap<>(first);
    }

    /** Bad records. */
    public long badCount() {
      return bad.values().stream().mapToLong(Long::longValue).sum();
    }
  }

  /**
   * One split of the examples.
   *
   * @param documents of all examples
   * @param tokens of all documents
   * @param trained tokens that are targets
   * @param longest tokens of the longest document
   */
  public record SplitInfo(
      long examples,
      long documents,
      long tokens,
      long trained,
      int longest,
      List<FileEntry> files) {
    /** Copies the list. */
    public SplitInfo {
      files = List.copyOf(files);
    }
  }

  /** A file of examples, a line each. */
  public record FileEntry(String name, long examples, long bytes, String sha256) {}

  /** The split with its files. */
  public SplitInfo part(DatasetManifest.Part part) {
    return part == DatasetManifest.Part.TRAIN ? train : validation;
  }

  /** The text of {@code manifest.json}. */
  public String toJson() {
    try {
      return DatasetManifest.JSON.writeValueAsString(this) + "\n";
    } catch (JsonProcessingException e) {
      throw new AssertionError("records of plain values can be written", e);
    }
  }

  /** Writes {@code manifest.json}; call it when all other files are closed. */
  public void write(Path folder, Configuration conf) {
    Path file = new Path(folder, FILE_NAME);
    try {
      FileSystem fs = HadoopFiles.fileSystem(folder, conf);
      try (OutputStream out = fs.create(file, true)) {
        out.write(toJson().getBytes(StandardCharsets.UTF_8));
      }
    } catch (IOException e) {
      throw HadoopFiles.explain("writing the manifest " + file, e);
    }
  }

  /** The manifest of a folder; empty if there is none, and therefore no examples. */
  public static Optional<ExampleManifest> find(Path folder, Configuration conf) {
    Path file = new Path(folder, FILE_NAME);
    try (InputStream in = HadoopFiles.fileSystem(folder, conf).open(file)) {
      ExampleManifest manifest =
          DatasetManifest.JSON.readValue(in.readAllBytes(), ExampleManifest.class);
      if (manifest.version() != VERSION) {
        throw UserException.usage(
            "%s must have version %d, got %d: prepare the examples again"
                .formatted(file, VERSION, manifest.version()));
      }
      return Optional.of(manifest);
    } catch (FileNotFoundException e) {
      return Optional.empty();
    } catch (JsonProcessingException e) {
      throw UserException.usage(
          "%s must be the manifest of prepared examples, got something else: set data.path to another folder"
              .formatted(file),
          e);
    } catch (IOException e) {
      throw HadoopFiles.explain("reading the manifest " + file, e);
    }
  }

  /**
   * The manifest of a folder.
   *
   * @throws UserException if there is none
   */
  public static ExampleManifest read(Path folder, Configuration conf) {
    return find(folder, conf)
        .orElseThrow(
            () ->
                UserException.usage(
                    "%s must hold prepared examples, got no %s there: run the stage's command, which prepares them"
                        .formatted(folder, FILE_NAME)));
  }
}
