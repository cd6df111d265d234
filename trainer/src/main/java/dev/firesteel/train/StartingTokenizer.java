package dev.firesteel.train;

import dev.firesteel.checkpoint.Checkpoint;
import dev.firesteel.config.ConfigDraft;
import dev.firesteel.config.PretrainConfig;
import dev.firesteel.config.TokenizerConfig;
import dev.firesteel.data.DatasetManifest;
import dev.firesteel.error.UserException;
import dev.firesteel.files.HadoopFiles;
import dev.firesteel.format.huggingface.ModelDirectory;
import dev.firesteel.format.huggingface.TokenizerFiles;
import dev.firesteel.tokenizer.BpeTokenizer;
import dev.firesteel.tokenizer.CharTokenizer;
import dev.firesteel.tokenizer.SplitPattern;
import dev.firesteel.tokenizer.Tokenizer;
import java.io.IOException;
import java.util.Optional;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;

/**
 * The tokenizer of continued pretraining: that of the model named by {@code model.from}, with which
 * the text is prepared.
 */
final class StartingTokenizer {
  private StartingTokenizer() {}

  /** Completes the section {@code tokenizer} of a run that has a checkpoint. */
  static void resume(
      ConfigDraft<PretrainConfig> draft,
      TokenizerConfig saved,
      Checkpoint own,
      Configuration hadoop) {
    if (!draft.value("tokenizer.file").equals(saved.file())) {
      requireFile(
          draft,
          ModelDirectory.readTokenizer(own.fileSystem(), own.directory()),
          "the checkpoint " + own,
          hadoop);
    }
    draft.set("tokenizer", saved);
  }

  /**
   * The configuration of a new run.
   *
   * @param directory of the model
   * @param trained how its tokenizer was trained; empty if that is unknown
   */
  static PretrainConfig start(
      ConfigDraft<PretrainConfig> draft,
      Path directory,
      Optional<TokenizerConfig> trained,
      String owner,
      Configuration hadoop) {
    Tokenizer tokenizer =
        ModelDirectory.readTokenizer(StartingModel.fileSystem(directory, hadoop), directory);
    requireTokenizer(draft, tokenizer, trained, owner, hadoop);
    return trained
        .flatMap(settings -> withPreparedData(draft, settings, tokenizer, hadoop))
        .orElseGet(() -> withTokenizer(draft, tokenizer, directory));
  }

  /** The data that the model was trained on, if the configuration asks for the same. */
  private static Optional<PretrainConfig> withPreparedData(
      ConfigDraft<PretrainConfig> draft,
      TokenizerConfig trained,
      Tokenizer tokenizer,
      Configuration hadoop) {
    ConfigDraft<PretrainConfig> same = draft.copy();
    same.set("tokenizer", trained);
    PretrainConfig config = same.resolve();
    Optional<Tokenizer> given =
        trained.file().isEmpty() ? Optional.empty() : Optional.of(tokenizer);
    String settings = TrainingData.settingsSha256(config.preparation(), given);
    return DatasetManifest.find(new Path(config.data().path()), hadoop)
        .filter(manifest -> manifest.tokenizer().sha256().equals(tokenizer.sha256()))
        .filter(manifest -> manifest.settingsSha256().equals(settings))
        .map(manifest -> config);
  }

  private static PretrainConfig withTokenizer(
      ConfigDraft<PretrainConfig> draft, Tokenizer tokenizer, Path directory) {
    draft.set(
        "tokenizer",
        new TokenizerConfig(
            kind(tokenizer),
            tokenizer.vocabularySize(),
            pattern(tokenizer),
            new Path(directory, ModelDirectory.TOKENIZER).toString(),
            Long.parseLong(draft.value("tokenizer.training_bytes"))));
    return draft.resolve();
  }

  /** A key may be given if it describes the tokenizer or how it was trained. */
  private static void requireTokenizer(
      ConfigDraft<PretrainConfig> draft,
      Tokenizer tokenizer,
      Optional<TokenizerConfig> trained,
      String owner,
      Configuration hadoop) {
    requireFile(draft, tokenizer, owner, hadoop);
    String kind = ConfigDraft.text(kind(tokenizer));
    Optional<String> trainedKind = trained.map(settings -> ConfigDraft.text(settings.kind()));
    requireOneOf(draft, "tokenizer.kind", kind, trainedKind, owner);
    if (kind(tokenizer) == TokenizerConfig.Kind.BPE) {
      requireOneOf(
          draft,
          "tokenizer.vocabulary_size",
          String.valueOf(tokenizer.vocabularySize()),
          trained.map(settings -> String.valueOf(settings.vocabularySize())),
          owner);
      requireOneOf(
          draft,
          "tokenizer.pattern",
          ConfigDraft.text(pattern(tokenizer)),
          trained.map(settings -> ConfigDraft.text(settings.pattern())),
          owner);
    }
  }

  private static void requireOneOf(
      ConfigDraft<PretrainConfig> draft,
      String key,
      String actual,
      Optional<String> trained,
      String owner) {
    draft
        .given(key)
        .filter(given -> !given.equals(actual) && trained.filter(given::equals).isEmpty())
        .ifPresent(
            given -> {
              throw UserException.usage(
                  "%s must be %s as in %s, got %s: leave it out"
                      .formatted(key, actual, owner, given));
            });
  }

  private static void requireFile(
      ConfigDraft<PretrainConfig> draft, Tokenizer tokenizer, String owner, Configuration hadoop) {
    String given = draft.value("tokenizer.file");
    if (given.isEmpty()) {
      return;
    }
    Path file = new Path(given);
    try {
      if (TokenizerFiles.read(StartingModel.fileSystem(file, hadoop), file)
          .sha256()
          .equals(tokenizer.sha256())) {
        return;
      }
    } catch (IOException e) {
      throw HadoopFiles.explain("reading tokenizer.file " + file, e);
    }
    throw UserException.usage(
        "tokenizer.file must be the tokenizer of %s, got a different tokenizer in %s: leave it out"
            .formatted(owner, given));
  }

  private static TokenizerConfig.Kind kind(Tokenizer tokenizer) {
    if (tokenizer instanceof CharTokenizer) {
      return TokenizerConfig.Kind.CHAR;
    }
    return tokenizer instanceof BpeTokenizer bpe && bpe.mergeCount() == 0
        ? TokenizerConfig.Kind.BYTE
        : TokenizerConfig.Kind.BPE;
  }

  /** The key's default for tokenizers that do not split by a pattern. */
  private static SplitPattern pattern(Tokenizer tokenizer) {
    return tokenizer instanceof BpeTokenizer bpe ? bpe.pattern() : SplitPattern.GPT2;
  }
}
