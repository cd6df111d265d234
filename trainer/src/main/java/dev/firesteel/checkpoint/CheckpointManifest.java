package dev.firesteel.checkpoint;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
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
 * @param validationLoss in nats per token where it was measured at this step, else null; retention
 *     of the best goes by it
 * @param files every other file, in order of path
 * @param crc32c of this manifest's JSON with an empty text here
 */
record CheckpointManifest(
    int formatVersion, long step, Double validationLoss, List<FileEntry> files, String crc32c) {
  static final String FILE_NAME = "MANIFEST.json";
  static final int FORMAT_VERSION = 1;

  static final ObjectMapper JSON =
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

  CheckpointManifest {
    files = List.copyOf(files);
  }

  static CheckpointManifest of(long step, Double validationLoss, List<FileEntry> files) {
    CheckpointManifest unsigned =
        new CheckpointManifest(FORMAT_VERSION, step, validationLoss, files, "");
    return unsigned.withChecksum(unsigned.checksum());
  }

  byte[] toJson() {
    try {
      return (JSON.writeValueAsString(this) + "\n").getBytes(StandardCharsets.UTF_8);
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
    CheckpointManifest manifest;
    try {
      int version = JSON.readTree(json).path("format_version").asInt();
      if (version != FORMAT_VERSION) {
        throw UserException.failure(
            "the checkpoint's %s must have format_version %d, got %d: use the version of Firesteel that wrote it"
                .formatted(origin, FORMAT_VERSION, version));
      }
      manifest = JSON.readValue(json, CheckpointManifest.class);
    } catch (IOException e) {
      throw UserException.failure(
          "%s is damaged, it must be JSON as Firesteel writes it: delete its folder to go on from the checkpoint before"
              .formatted(origin),
          e);
    }
    String expected = manifest.crc32c;
    String got = manifest.withChecksum("").checksum();
    if (!got.equals(expected)) {
      throw UserException.failure(
          "%s is damaged, it must have the CRC32C %s, got %s: delete its folder to go on from the checkpoint before"
              .formatted(origin, expected, got));
    }
    return manifest;
  }

  private CheckpointManifest withChecksum(String checksum) {
    return new CheckpointManifest(formatVersion, step, validationLoss, files, checksum);
  }

  private String checksum() {
    CRC32C crc = new CRC32C();
    crc.update(toJson());
    return hex(crc.getValue());
  }

  static String hex(long crc32c) {
    return HexFormat.of().toHexDigits((int) crc32c);
  }
}
