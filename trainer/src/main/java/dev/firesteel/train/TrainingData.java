package dev.firesteel.train;

import dev.firesteel.data.DatasetManifest;
import dev.firesteel.data.DatasetManifest.Part;
import dev.firesteel.data.DatasetManifest.ShardInfo;
import dev.firesteel.data.TokenDataset;
import dev.firesteel.error.UserException;
import dev.firesteel.files.HadoopFiles;
import dev.firesteel.format.huggingface.TokenizerFiles;
import dev.firesteel.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.Optional;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;

/**
 * Prepared data, opened: the tokenizer and the tokens that it made.
 *
 * @param train training text
 * @param validation validation text; empty where none was set apart
 */
public record TrainingData(
    Tokenizer tokenizer, TokenDataset train, Optional<TokenDataset> validation) {

  /**
   * Opens a folder of prepared data, such as {@code data.path} names.
   *
   * @throws UserException if it holds no prepared data, or damaged data
   */
  public static TrainingData open(Path folder, Configuration hadoop) {
    TokenDataset train = TokenDataset.open(folder, Part.TRAIN, hadoop);
    DatasetManifest manifest = train.manifest();
    Tokenizer tokenizer = tokenizer(folder, manifest, hadoop);
    Optional<TokenDataset> validation =
        manifest.validation().shards().isEmpty()
            ? Optional.empty()
            : Optional.of(TokenDataset.open(folder, Part.VALIDATION, hadoop));
    return new TrainingData(tokenizer, train, validation);
  }

  private static Tokenizer tokenizer(Path folder, DatasetManifest manifest, Configuration hadoop) {
    Path file = new Path(folder, manifest.tokenizer().file());
    Tokenizer tokenizer;
    try {
      tokenizer = TokenizerFiles.read(HadoopFiles.fileSystem(folder, hadoop), file);
    } catch (IOException e) {
      throw HadoopFiles.explain("reading the tokenizer " + file, e);
    }
    if (!tokenizer.sha256().equals(manifest.tokenizer().sha256())) {
      throw UserException.failure(
          "the tokenizer %s must be the one of the shards beside it (SHA-256 %s), got %s: prepare the data again"
              .formatted(file, manifest.tokenizer().sha256(), tokenizer.sha256()));
    }
    return tokenizer;
  }

  /**
   * Stands for all tokens: SHA-256 of the hashes of the shards, in order. Unlike the manifest's own
   * hash it does not change when equal data is prepared again.
   */
  public String sha256() {
    MessageDigest digest = HadoopFiles.sha256();
    for (Part part : Part.values()) {
      for (ShardInfo shard : train.manifest().part(part).shards()) {
        digest.update(
            (part.title() + " " + shard.bin().sha256() + "\n").getBytes(StandardCharsets.UTF_8));
      }
    }
    return HexFormat.of().formatHex(digest.digest());
  }
}
