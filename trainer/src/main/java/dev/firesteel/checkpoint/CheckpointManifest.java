package dev.firesteel.checkpoint;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.firesteel.error.UserException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.List;
import java.util.zip.CRC32C;

/**
 * {@code MANIFEST.json}: which files a checkpoint consists of. Written after all of them, it is
 * what makes them a checkpoint.
 *
 * @param formatVersion of the directory's layout: {@value #FORMAT_VERSION}
 * @param step optimizer steps done
 * @param attempt of the run that saved it
 * @param score of the headline metric at this step, less is better, null where it was not measured:
 *     the value, or its negative where more is better; retention of the best goes by it
 * @param files every other file, in order of path
 * @param crc32c of this manifest's JSON with an empty text here
 */
public record CheckpointManifest(
    int formatVersion,
    long step,
    long attempt,
    Double score,
    List<FileEntry> files,
    String crc32c) {
  static final String FILE_NAME = "MANIFEST.json";
  static final int FORMAT_VERSION = 3;

  /** The version before attempts: all of it was written by the first. */
  private static final int WITHOUT_ATTEMPT = 1;

  /** The version that called attempts generations. */
  private static final int WITH_GENERATION = 2;

  private static final String CHECKSUM = "crc32c";

  public static final ObjectMapper JSON =
      JsonMapper.builder()
          .propertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE)
          .enable(SerializationFeature.INDENT_OUTPUT)
          .enable(DeserializationFeature.FAIL_ON_NULL_FOR_PRIMITIVES)
          .enable(DeserializationFeature.FAIL_ON_MISSING_CREATOR_PROPERTIES)
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .build();

  /**
   * One file. CRC32C finds every flipped bit and burst of up to 32, and costs nothing beside the
   * disk (docs/checkpoints.md has the measurement); it is no protection against forgery.
   *
   * @param path relative to the checkpoint's directory, with slashes
   */
  record FileEntry(String path, long bytes, String crc32c) {}

  public CheckpointManifest {
    files = List.copyOf(files);
  }

  static CheckpointManifest of(long step, long attempt, Double score, List<FileEntry> files) {
    CheckpointManifest unsigned =
        new CheckpointManifest(FORMAT_VERSION, step, attempt, score, files, "");
    String checksum = checksum(JSON.valueToTree(unsigned));
    return new CheckpointManifest(FORMAT_VERSION, step, attempt, score, files, checksum);
  }

  byte[] toJson() {
    return bytes(this);
  }

  private static byte[] bytes(Object manifest) {
    try {
      return (JSON.writeValueAsString(manifest) + "\n").getBytes(StandardCharsets.UTF_8);
    } catch (JsonProcessingException e) {
      throw new AssertionError("records of plain values can be written", e);
    }
  }

  /**
   * Whether the writer came to the end: a file that was being written when the process died is
   * empty or ends earlier.
   */
  static boolean isComplete(byte[] json) {
    int n = json.length;
    return n >= 2 && json[n - 1] == '\n' && json[n - 2] == '}';
  }

  /** Reads a complete manifest; {@code origin} names its file. */
  static CheckpointManifest parse(byte[] json, String origin) {
    try {
      JsonNode tree = JSON.readTree(json);
      int version = tree.path("format_version").asInt();
      if (version < WITHOUT_ATTEMPT || version > FORMAT_VERSION) {
        throw UserException.failure(
            "the checkpoint's %s must have format_version %d, got %d: use the version of Firesteel that wrote it"
                .formatted(origin, FORMAT_VERSION, version));
      }
      ObjectNode manifest = (ObjectNode) tree;
      requireChecksum(manifest, origin);
      if (version == WITHOUT_ATTEMPT) {
        manifest.put("attempt", 1);
      } else if (version == WITH_GENERATION) {
        manifest.set("attempt", manifest.remove("generation"));
      }
      if (version < FORMAT_VERSION) {
        manifest.set("score", manifest.remove("validation_loss"));
      }
      return JSON.treeToValue(manifest, CheckpointManifest.class);
    } catch (IOException e) {
      throw UserException.failure(
          "%s is damaged, it must be JSON as Firesteel writes it: delete its folder to resume from the previous checkpoint"
              .formatted(origin),
          e);
    }
  }

  private static void requireChecksum(ObjectNode manifest, String origin) {
    String expected = manifest.path(CHECKSUM).asText();
    String got = checksum(manifest);
    if (!got.equals(expected)) {
      throw UserException.failure(
          "%s is damaged, it must have the CRC32C %s, got %s: delete its folder to resume from the previous checkpoint"
              .formatted(origin, expected, got));
    }
  }

  /** Of the manifest with an empty text in the checksum's place. */
  private static String checksum(ObjectNode manifest) {
    CRC32C crc = new CRC32C();
    crc.update(bytes(manifest.deepCopy().put(CHECKSUM, "")));
    return hex(crc.getValue());
  }

  static String hex(long crc32c) {
    return HexFormat.of().toHexDigits((int) crc32c);
  }
}
