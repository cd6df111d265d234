package dev.firesteel.data;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.firesteel.error.UserException;
import dev.firesteel.files.HadoopFiles;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/**
 * The contents of a folder of prepared data: {@code manifest.json}, written after everything else,
 * so that a folder without it holds no data.
 *
 * @param version of this file's format: 1
 * @param source {@code data.source} as configured; of a table with the state that was read, such as
 *     {@code table:db.texts (delta version 12)}
 * @param settingsSha256 hash of the settings that shaped the shards
 * @param inputs the files that were read
 * @param tokenizer the tokenizer of the shards
 * @param tokenEncoding how a token is stored in a {@code .bin} file
 * @param split how validation text was selected: {@code hash} or {@code tail}
 * @param documents how the documents were counted
 * @param train the training text
 * @param validation the validation text, possibly without shards
 */
public record DatasetManifest(
    int version,
    String source,
    String settingsSha256,
    Inputs inputs,
    TokenizerInfo tokenizer,
    TokenEncoding tokenEncoding,
    String split,
    DocumentCounts documents,
    SplitInfo train,
    SplitInfo validation) {

  public static final String FILE_NAME = "manifest.json";
  public static final int VERSION = 1;

  /** Which split of the text. */
  public enum Part {
    TRAIN("train"),
    VALIDATION("validation");

    private final String title;

    Part(String title) {
      this.title = title;
    }

    /** The name in file names. */
    public String title() {
      return title;
    }
  }

  /**
   * The files that were read.
   *
   * @param sha256 hash of their relative names, lengths and modification times; of a table with
   *     versions, of the version
   */
  public record Inputs(long files, long bytes, String sha256) {}

  /** The tokenizer: its file in the data's folder, that file's hash, its number of tokens. */
  public record TokenizerInfo(String file, String sha256, int vocabularySize) {}

  /**
   * How the documents were counted: {@code read} is the sum of the others.
   *
   * @param empty dropped, without text or with white space only
   * @param malformed dropped, lines that are not one JSON object, invalid UTF-8, NUL characters
   * @param missingText dropped, records whose text field is absent or not a string
   * @param duplicate dropped, their text occurred before
   * @param overLimit dropped, beyond {@code data.max_documents}
   */
  public record DocumentCounts(
      long read,
      long empty,
      long malformed,
      long missingText,
      long duplicate,
      long overLimit,
      long kept) {

    /** All that were read but not kept. */
    public long dropped() {
      return read - kept;
    }
  }

  /**
   * One split of the text.
   *
   * @param textBytes bytes of the text in UTF-8, the denominator of bits per byte
   */
  public record SplitInfo(long documents, long tokens, long textBytes, List<ShardInfo> shards) {
    public SplitInfo {
      shards = List.copyOf(shards);
    }
  }

  /** One shard: {@code <name>.bin} and {@code <name>.idx}. */
  public record ShardInfo(String name, long documents, long tokens, FileInfo bin, FileInfo idx) {}

  /** Length and SHA-256 (hexadecimal) of a file. */
  public record FileInfo(long bytes, String sha256) {}

  static final ObjectMapper JSON =
      JsonMapper.builder()
          .propertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE)
          .enable(SerializationFeature.INDENT_OUTPUT)
          .enable(DeserializationFeature.FAIL_ON_NULL_FOR_PRIMITIVES)
          .enable(DeserializationFeature.FAIL_ON_MISSING_CREATOR_PROPERTIES)
          .build();

  /** The split with its shards. */
  public SplitInfo part(Part part) {
    return part == Part.TRAIN ? train : validation;
  }

  /** SHA-256 of the manifest's JSON: identifies all bytes of the data. */
  public String sha256() {
    return HexFormat.of()
        .formatHex(HadoopFiles.sha256().digest(toJson().getBytes(StandardCharsets.UTF_8)));
  }

  /** The text of {@code manifest.json}. */
  public String toJson() {
    try {
      return JSON.writeValueAsString(this) + "\n";
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

  /** The manifest of a folder; empty if there is none, and therefore no data. */
  public static Optional<DatasetManifest> find(Path folder, Configuration conf) {
    Path file = new Path(folder, FILE_NAME);
    byte[] json;
    try {
      FileSystem fs = HadoopFiles.fileSystem(folder, conf);
      try (var in = fs.open(file)) {
        json = in.readAllBytes();
      }
    } catch (FileNotFoundException e) {
      return Optional.empty();
    } catch (IOException e) {
      throw HadoopFiles.explain("reading the manifest " + file, e);
    }
    return Optional.of(parse(json, file));
  }

  /** The manifest of a folder that must have one. */
  public static DatasetManifest read(Path folder, Configuration conf) {
    return find(folder, conf)
        .orElseThrow(
            () ->
                UserException.usage(
                    "%s must hold prepared data, got no %s there: run the command prepare first"
                        .formatted(folder, FILE_NAME)));
  }

  private static DatasetManifest parse(byte[] json, Path file) {
    DatasetManifest manifest;
    try {
      manifest = JSON.readValue(json, DatasetManifest.class);
    } catch (IOException e) {
      throw UserException.failure(
          "the manifest %s is damaged: delete its folder and run the command prepare again"
              .formatted(file),
          e);
    }
    if (manifest.version != VERSION) {
      throw UserException.failure(
          "the manifest %s must have version %d, got %d: prepare the data again with this version of Firesteel"
              .formatted(file, VERSION, manifest.version));
    }
    return manifest;
  }
}
