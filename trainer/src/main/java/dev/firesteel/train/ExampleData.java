package dev.firesteel.train;

import dev.firesteel.chat.ChatTemplate;
import dev.firesteel.chat.ChatTokens;
import dev.firesteel.data.DatasetManifest.Part;
import dev.firesteel.data.ExampleDataset;
import dev.firesteel.data.ExampleManifest;
import dev.firesteel.error.UserException;
import dev.firesteel.files.HadoopFiles;
import dev.firesteel.tokenizer.Tokenizer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.Optional;
import java.util.Set;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;

/**
 * Opened prepared examples: the tokenizer and the examples that it encoded.
 *
 * @param train training examples
 * @param validation validation examples, possibly none
 */
public record ExampleData(Tokenizer tokenizer, ExampleDataset train, ExampleDataset validation) {
  /**
   * Opens a folder of prepared examples, such as {@code data.path}.
   *
   * @throws UserException if there are none, or a file is damaged
   */
  public static ExampleData open(Path folder, Configuration hadoop) {
    ExampleDataset train = ExampleDataset.open(folder, Part.TRAIN, hadoop);
    if (train.size() == 0) {
      throw UserException.usage(
          "%s must hold training examples, got none: lower data.validation_fraction or give more records"
              .formatted(folder));
    }
    return new ExampleData(
        tokenizer(folder, train.manifest(), hadoop),
        train,
        ExampleDataset.open(folder, Part.VALIDATION, hadoop));
  }

  private static Tokenizer tokenizer(Path folder, ExampleManifest manifest, Configuration hadoop) {
    return PreparedTokenizer.read(
        folder,
        manifest.tokenizer(),
        "examples",
        "delete the folder and run the stage again",
        hadoop);
  }

  /** The chat template of the examples; empty if they were put together without one. */
  public Optional<ChatTemplate> template() {
    String source = train.manifest().template();
    return source.isEmpty()
        ? Optional.empty()
        : Optional.of(ChatTemplate.of("of the prepared examples", source));
  }

  /**
   * The tokens that end an answer: generation stops at each of them. Without a template that is the
   * tokenizer's end-of-text token.
   *
   * @throws UserException if there is neither
   */
  public Set<Integer> endTokens() {
    Optional<ChatTemplate> template = template();
    if (template.isPresent()) {
      return ChatTokens.of(template.get(), tokenizer).endTokens();
    }
    return Set.of(
        tokenizer
            .endOfText()
            .orElseThrow(
                () ->
                    UserException.usage(
                        "answers need a tokenizer with an end-of-text token, got one without: name it as eos_token in tokenizer_config.json")));
  }

  /** Identifies all examples: SHA-256 of the hashes of their files, in order. */
  public String sha256() {
    MessageDigest digest = HadoopFiles.sha256();
    for (Part part : Part.values()) {
      for (ExampleManifest.FileEntry file : train.manifest().part(part).files()) {
        digest.update((part.title() + " " + file.sha256() + "\n").getBytes(StandardCharsets.UTF_8));
      }
    }
    return HexFormat.of().formatHex(digest.digest());
  }
}
