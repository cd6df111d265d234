package dev.firesteel.config;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.firesteel.tokenizer.SplitPattern;
import java.util.Locale;

/**
 * The settings that determine the bytes that {@code prepare} writes: the key under which prepared
 * data is reused. Equal settings and equal input files give the same data; anything else in a
 * configuration may differ.
 */
public record PreparationSettings(
    String source,
    DataConfig.Format format,
    String textField,
    DataConfig.DocumentUnit documentUnit,
    DataConfig.Split split,
    double validationFraction,
    boolean deduplicate,
    long maxDocuments,
    long shardTokens,
    DataConfig.TokenType tokenType,
    TokenizerConfig tokenizer) {

  private static final int HASH_DIGITS = 8;

  static PreparationSettings of(DataConfig data, TokenizerConfig tokenizer) {
    return new PreparationSettings(
        data.source(),
        data.format(),
        data.textField(),
        data.documentUnit(),
        data.split(),
        data.validationFraction(),
        data.deduplicate(),
        data.maxDocuments(),
        data.shardTokens(),
        data.tokenType(),
        tokenizer);
  }

  /**
   * SHA-256 of the settings' YAML, in hexadecimal. {@code tokenizer.pattern} counts only if it is
   * not GPT-2's, so that data keeps the hash that it had before there was a choice.
   */
  public String hash() {
    ObjectNode settings = ConfigLoader.tree(this);
    if (tokenizer.pattern() == SplitPattern.GPT2) {
      ((ObjectNode) settings.get("tokenizer")).remove("pattern");
    }
    return ConfigLoader.hash(settings);
  }

  /**
   * {@code data/<name>-<hash>}: different settings use a different folder, so nothing is
   * overwritten.
   */
  String derivedPath() {
    return folder(source, hash());
  }

  static String folder(String source, String hash) {
    return "data/" + sourceName(source) + "-" + hash.substring(0, HASH_DIGITS);
  }

  /**
   * The source's last path segment, without its extension, in characters valid on any file system.
   */
  private static String sourceName(String source) {
    String trimmed = source.replaceAll("/+$", "");
    String last = trimmed.substring(trimmed.lastIndexOf('/') + 1);
    String stem = last.replaceAll("(?<=.)\\.[A-Za-z0-9]+$", "");
    String plain =
        stem.replaceAll("[^A-Za-z0-9._-]+", "-")
            .replaceAll("^[.-]+|-+$", "")
            .toLowerCase(Locale.ROOT);
    return plain.isEmpty() ? "text" : plain;
  }
}
