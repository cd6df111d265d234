package dev.firesteel.train;

import dev.firesteel.config.PreparationSettings;
import dev.firesteel.config.PretrainConfig;
import dev.firesteel.data.DatasetManifest;
import dev.firesteel.data.DatasetManifest.Part;
import dev.firesteel.data.DatasetManifest.ShardInfo;
import dev.firesteel.data.SampleOrder;
import dev.firesteel.data.TokenDataset;
import dev.firesteel.error.UserException;
import dev.firesteel.files.HadoopFiles;
import dev.firesteel.tokenizer.Tokenizer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.Optional;
import java.util.OptionalInt;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;

/**
 * Opened prepared data: the tokenizer and the tokens that it produced.
 *
 * @param train training text
 * @param validation validation text; empty if none was held out
 */
public record TrainingData(
    Tokenizer tokenizer, TokenDataset train, Optional<TokenDataset> validation) {

  /**
   * Part of {@link #settingsSha256}: increment it when the same settings produce different bytes.
   */
  private static final int PREPARATION_VERSION = 2;

  /**
   * Opens a folder of prepared data, such as {@code data.path}.
   *
   * @throws UserException if there is no prepared data, or it is damaged
   */
  public static TrainingData open(Path folder, Configuration hadoop) {
    TokenDataset train = TokenDataset.open(folder, Part.TRAIN, hadoop);
    DatasetManifest manifest = train.manifest();
    Tokenizer tokenizer =
        PreparedTokenizer.read(
            folder, manifest.tokenizer(), "shards", "prepare the data again", hadoop);
    Optional<TokenDataset> validation =
        manifest.validation().shards().isEmpty()
            ? Optional.empty()
            : Optional.of(TokenDataset.open(folder, Part.VALIDATION, hadoop));
    return new TrainingData(tokenizer, train, validation);
  }

  /**
   * The hash that prepared data records of the settings that produced it: equal if the same
   * settings and the same tokenizer give the same bytes.
   *
   * @param given the tokenizer of {@code tokenizer.file}; empty if one is trained
   */
  public static String settingsSha256(PreparationSettings settings, Optional<Tokenizer> given) {
    String text =
        PREPARATION_VERSION
            + "\n"
            + settings.hash()
            + "\n"
            + given.map(TrainingData::identity).orElse("");
    return HexFormat.of()
        .formatHex(HadoopFiles.sha256().digest(text.getBytes(StandardCharsets.UTF_8)));
  }

  /** The token that separates documents, if its name differs from Firesteel's own. */
  public static Optional<String> otherSeparator(Tokenizer tokenizer) {
    OptionalInt end = tokenizer.endOfText();
    return end.isEmpty()
        ? Optional.empty()
        : Optional.of(tokenizer.token(end.getAsInt()))
            .filter(token -> !token.equals(Tokenizer.END_OF_TEXT));
  }

  private static String identity(Tokenizer tokenizer) {
    return tokenizer.sha256() + otherSeparator(tokenizer).map(token -> "\n" + token).orElse("");
  }

  /** The configuration with the number of steps that {@code training.epochs} takes on this text. */
  public PretrainConfig resolveSteps(PretrainConfig config) {
    return resolveSteps(config, train.tokens());
  }

  /**
   * The configuration with the number of steps that {@code training.epochs} takes.
   *
   * @param trainingTokens tokens of the training text
   * @throws UserException if {@code training.steps} is given as well and differs, or the text is
   *     shorter than one sequence
   */
  public static PretrainConfig resolveSteps(PretrainConfig config, long trainingTokens) {
    return config.withSamples(
        SampleOrder.of(
                config.data().sampling(),
                config.seed(),
                trainingTokens,
                config.training().sequenceLength())
            .samplesPerEpoch());
  }

  /**
   * Identifies all tokens: SHA-256 of the hashes of the shards, in order. Unlike the manifest's own
   * hash, it does not change when equal data is prepared again.
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
