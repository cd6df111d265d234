package dev.firesteel.data;

import com.fasterxml.jackson.core.JsonProcessingException;
import dev.firesteel.error.UserException;
import dev.firesteel.example.Example;
import dev.firesteel.files.HadoopFiles;
import java.io.BufferedReader;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.regex.Pattern;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/** One split of prepared examples, in memory, in the order of its files. Immutable. */
public final class ExampleDataset {
  /** File names are chosen by the writer; any other in a manifest could point elsewhere. */
  private static final Pattern FILE_NAME = Pattern.compile("[\\w-]+\\.jsonl");

  private final ExampleManifest manifest;
  private final List<Example> examples;

  private ExampleDataset(ExampleManifest manifest, List<Example> examples) {
    this.manifest = manifest;
    this.examples = List.copyOf(examples);
  }

  /**
   * Reads one split of a folder of prepared examples, and compares its files with the manifest.
   *
   * @throws UserException if the folder holds none, or a file is missing or changed
   */
  public static ExampleDataset open(Path folder, DatasetManifest.Part part, Configuration conf) {
    ExampleManifest manifest = ExampleManifest.read(folder, conf);
    List<Example> examples = new ArrayList<>();
    for (ExampleManifest.FileEntry file : manifest.part(part).files()) {
      if (!FILE_NAME.matcher(file.name()).matches()) {
        throw UserException.failure(
            "the manifest of %s must name files in its own folder, got \"%s\": delete the folder and run the stage again"
                .formatted(folder, file.name()));
      }
      Path path = new Path(folder, file.name());
      try {
        read(HadoopFiles.fileSystem(folder, conf), path, file, examples);
      } catch (FileNotFoundException e) {
        throw damaged(path, "is missing", e);
      } catch (JsonProcessingException | IllegalArgumentException e) {
        throw damaged(path, "has a line that is no example", e);
      } catch (IOException e) {
        throw HadoopFiles.explain("reading " + path, e);
      }
    }
    return new ExampleDataset(manifest, examples);
  }

  private static void read(
      FileSystem fs, Path path, ExampleManifest.FileEntry file, List<Example> into)
      throws IOException {
    MessageDigest digest = HadoopFiles.sha256();
    try (BufferedReader lines =
        new BufferedReader(
            new InputStreamReader(
                new DigestInputStream(fs.open(path), digest), StandardCharsets.UTF_8))) {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        into.add(ExampleLine.parse(line));
      }
    }
    String sha256 = HexFormat.of().formatHex(digest.digest());
    if (!sha256.equals(file.sha256())) {
      throw damaged(
          path, "must have the SHA-256 %s, got %s".formatted(file.sha256(), sha256), null);
    }
  }

  private static UserException damaged(Path path, String what, Exception cause) {
    return UserException.failure(
        "the prepared examples %s: %s; delete their folder and run the stage again"
            .formatted(path, what),
        cause);
  }

  public ExampleManifest manifest() {
    return manifest;
  }

  /** The number of examples. */
  public int size() {
    return examples.size();
  }

  /** An example, from 0. */
  public Example get(int index) {
    return examples.get(index);
  }

  /** All examples. */
  public List<Example> examples() {
    return examples;
  }
}
