package dev.firesteel.train;

import dev.firesteel.checkpoint.Checkpoint;
import dev.firesteel.checkpoint.state.TrainingCheckpoint;
import dev.firesteel.collective.Collective;
import dev.firesteel.config.ConfigDraft;
import dev.firesteel.config.ConfigLoader;
import dev.firesteel.config.ModelConfig;
import dev.firesteel.config.PretrainConfig;
import dev.firesteel.config.StageConfig;
import dev.firesteel.config.TokenizerConfig;
import dev.firesteel.data.DatasetManifest;
import dev.firesteel.error.UserException;
import dev.firesteel.files.HadoopFiles;
import dev.firesteel.format.huggingface.ModelDirectory;
import dev.firesteel.format.huggingface.TokenizerFiles;
import dev.firesteel.model.LanguageModel;
import dev.firesteel.nn.Parameter;
import dev.firesteel.nn.Segment;
import dev.firesteel.run.RunDirectory;
import dev.firesteel.run.SavedModel;
import dev.firesteel.tokenizer.BpeTokenizer;
import dev.firesteel.tokenizer.CharTokenizer;
import dev.firesteel.tokenizer.SplitPattern;
import dev.firesteel.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Optional;
import java.util.Set;
import java.util.zip.CRC32C;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The model, named by {@code model.from}, that training starts from instead of random weights.
 *
 * <p>{@link #resolve} completes the configuration before a run: architecture, sizes and tokenizer
 * are taken from the model, and {@code model.from} becomes the full path of the directory that
 * contains the weights. {@link #load} reads the weights at the first step. Once a run has a
 * checkpoint of its own, it no longer needs the source: both the configuration and the weights then
 * come from the checkpoint.
 */
public final class StartingModel {
  private static final Logger LOG = LoggerFactory.getLogger(StartingModel.class);

  private static final String FROM = "model.from";

  /** Keys of the section {@code model} that may differ from the model's. */
  private static final Set<String> FREE = Set.of("from", "dropout", "init_std");

  private StartingModel() {}

  /**
   * The configuration of a draft, completed with the keys of its model, if it names one.
   *
   * @throws UserException if there is no such model, or a given key contradicts it
   */
  public static PretrainConfig resolve(ConfigDraft<PretrainConfig> draft, Configuration hadoop) {
    String from = draft.value(FROM);
    if (from.isEmpty()) {
      return draft.resolve();
    }
    StageConfig.requirePlace(draft.value("name"), draft.value("runs_folder"));
    Path run = new Path(draft.value("runs_folder"), draft.value("name"));
    Optional<Checkpoint> own =
        RunDirectory.at(run, hadoop).checkpoints(notice -> LOG.debug("{}", notice)).latest();
    if (own.isPresent()) {
      resume(draft, from, own.get(), hadoop);
      return draft.resolve();
    }
    return start(draft, from, hadoop);
  }

  private static void resume(
      ConfigDraft<PretrainConfig> draft, String from, Checkpoint own, Configuration hadoop) {
    PretrainConfig saved = TrainingCheckpoint.config(own, PretrainConfig.class);
    String source = saved.model().from();
    if (source.isEmpty() || !isWithin(new Path(source), qualified(new Path(from), hadoop))) {
      throw UserException.usage(
          "%s must be %s as in the checkpoint %s, got %s: change it back, or train under another name (name=...)"
              .formatted(FROM, source.isEmpty() ? "empty" : source, own, from));
    }
    String owner = "the checkpoint " + own;
    draft.require("model", saved.model(), FREE, owner);
    draft.put("model", "from", source);
    if (!draft.value("tokenizer.file").equals(saved.tokenizer().file())) {
      requireFile(
          draft, ModelDirectory.readTokenizer(own.fileSystem(), own.directory()), owner, hadoop);
    }
    draft.set("tokenizer", saved.tokenizer());
  }

  /** Whether a checkpoint or model is the given one or belongs to the given run. */
  private static boolean isWithin(Path source, Path given) {
    Path folder = source.getParent();
    return source.equals(given) || (folder != null && given.equals(folder.getParent()));
  }

  private static PretrainConfig start(
      ConfigDraft<PretrainConfig> draft, String from, Configuration hadoop) {
    String owner = "the model " + from;
    Path directory = qualified(SavedModel.find(new Path(from), hadoop), hadoop);
    FileSystem fs = fileSystem(directory, hadoop);
    ModelConfig published = ModelDirectory.readConfig(fs, directory);
    Optional<String> yaml = TrainingCheckpoint.configText(fs, directory);
    // A checkpoint records more than its config.json, such as the RoPE layout.
    ModelConfig model =
        section(ModelConfig.class, "model", yaml, directory)
            .map(ours -> ours.withVocabularySize(published.vocabularySize()))
            .orElse(published);
    draft.require("model", model, FREE, owner);
    draft.put("model", "from", directory.toString());

    Tokenizer tokenizer = ModelDirectory.readTokenizer(fs, directory);
    Optional<TokenizerConfig> trained =
        section(TokenizerConfig.class, "tokenizer", yaml, directory);
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
      if (TokenizerFiles.read(fileSystem(file, hadoop), file).sha256().equals(tokenizer.sha256())) {
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

  private static <R extends Record> Optional<R> section(
      Class<R> record, String name, Optional<String> yaml, Path directory) {
    return yaml.flatMap(
        text ->
            ConfigLoader.parseSection(
                record, name, text, "the configuration of the checkpoint " + directory));
  }

  /**
   * Overwrites a model's weights with those of a directory found by {@link #resolve}, bit-identical
   * on every rank.
   *
   * @param tokenizer the data's tokenizer
   * @throws UserException if a rank cannot read the weights or reads different ones, or if the
   *     tokenizers differ
   */
  public static void load(
      String directory,
      LanguageModel model,
      Tokenizer tokenizer,
      Collective collective,
      Configuration hadoop) {
    Path path = new Path(directory);
    FileSystem fs = fileSystem(path, hadoop);
    requireVisible(fs, path);
    if (!ModelDirectory.readTokenizer(fs, path).sha256().equals(tokenizer.sha256())) {
      throw UserException.usage(
          "the data must be prepared with the tokenizer of %s %s, got a different tokenizer: prepare it with the same %s"
              .formatted(FROM, path, FROM));
    }
    if (collective.rank() == 0) {
      Checkpoint.find(fs, path).ifPresent(Checkpoint::verify);
    }
    ModelDirectory.readBackbone(fs, path, model, LOG::warn);
    requireSame(path, model.parameters().weights(), collective);
  }

  private static void requireVisible(FileSystem fs, Path path) {
    try {
      if (fs.exists(path)) {
        return;
      }
    } catch (IOException e) {
      throw HadoopFiles.explain("looking for " + path, e);
    }
    throw UserException.usage(
        "%s must be a directory that every trainer can read, got nothing at %s: put the model on a file system that all machines share, or name one that its run has not deleted"
            .formatted(FROM, path));
  }

  private static void requireSame(Path path, Segment weights, Collective collective) {
    byte[] mine = ByteBuffer.allocate(Long.BYTES).putLong(checksum(weights)).array();
    byte[][] all = collective.allGather(mine);
    for (int rank = 0; rank < all.length; rank++) {
      if (ByteBuffer.wrap(all[rank]).getLong() != ByteBuffer.wrap(mine).getLong()) {
        throw UserException.failure(
            "all trainers must read the same weights from %s %s, got different weights on ranks %d and %d: put the model on a file system that all machines share"
                .formatted(FROM, path, rank, collective.rank()));
      }
    }
  }

  private static long checksum(Segment weights) {
    CRC32C crc = new CRC32C();
    for (Parameter parameter : weights.parameters().parameters()) {
      float[] values = new float[Math.toIntExact(parameter.size())];
      weights.memory().download(weights.view(parameter), values, 0);
      ByteBuffer bytes = ByteBuffer.allocate(Float.BYTES * Math.min(values.length, 1 << 16));
      for (float value : values) {
        if (!bytes.hasRemaining()) {
          crc.update(bytes.flip());
          bytes.clear();
        }
        bytes.putFloat(value);
      }
      crc.update(bytes.flip());
    }
    return crc.getValue();
  }

  private static Path qualified(Path path, Configuration hadoop) {
    return fileSystem(path, hadoop).makeQualified(path);
  }

  private static FileSystem fileSystem(Path path, Configuration hadoop) {
    try {
      return HadoopFiles.fileSystem(path, hadoop);
    } catch (IOException e) {
      throw HadoopFiles.explain("finding the file system of " + path, e);
    }
  }
}
