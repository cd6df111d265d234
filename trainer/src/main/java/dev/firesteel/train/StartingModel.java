package dev.firesteel.train;

import dev.firesteel.checkpoint.Checkpoint;
import dev.firesteel.checkpoint.state.TrainingCheckpoint;
import dev.firesteel.collective.Collective;
import dev.firesteel.config.ConfigDraft;
import dev.firesteel.config.ConfigLoader;
import dev.firesteel.config.ModelConfig;
import dev.firesteel.config.PretrainConfig;
import dev.firesteel.config.RlConfig;
import dev.firesteel.config.StageConfig;
import dev.firesteel.config.TokenizerConfig;
import dev.firesteel.error.UserException;
import dev.firesteel.files.HadoopFiles;
import dev.firesteel.format.huggingface.ModelDirectory;
import dev.firesteel.model.LanguageModel;
import dev.firesteel.model.ScoredModel;
import dev.firesteel.nn.Parameter;
import dev.firesteel.nn.Segment;
import dev.firesteel.run.RunDirectory;
import dev.firesteel.run.SavedModel;
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

  private static final String REWARD_MODEL = "rewards.model";

  /** Keys of the section {@code model} that may differ from the model's. */
  private static final Set<String> FREE = Set.of("from", "dropout", "init_std");

  private StartingModel() {}

  /**
   * The configuration of a draft, completed with the keys of its model, if it names one.
   *
   * @throws UserException if there is no such model, or a given key contradicts it
   */
  public static <C extends Record & StageConfig> C resolve(
      ConfigDraft<C> draft, Configuration hadoop) {
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
    if (RlConfig.class.isAssignableFrom(draft.root()) && !draft.value(REWARD_MODEL).isEmpty()) {
      Path model = SavedModel.find(new Path(draft.value(REWARD_MODEL)), hadoop);
      draft.put("rewards", "model", HadoopFiles.qualified(model, hadoop).toString());
    }
    return start(draft, from, hadoop);
  }

  /**
   * The configuration of a draft whose model has not been trained yet, to find mistakes early.
   *
   * @param model what the model will be
   * @param owner of the model, for messages
   * @throws UserException if a given key contradicts the model, or is wrong itself
   */
  public static <C extends Record & StageConfig> C expect(
      ConfigDraft<C> draft, ModelConfig model, String owner) {
    ConfigDraft<C> copy = draft.copy();
    copy.require("model", model, FREE, owner);
    return copy.resolve();
  }

  private static <C extends Record & StageConfig> void resume(
      ConfigDraft<C> draft, String from, Checkpoint own, Configuration hadoop) {
    ResumeCheck.requireStage(
        own, TrainingCheckpoint.state(own), draft.value("name"), StageConfig.stageOf(draft.root()));
    C saved = TrainingCheckpoint.config(own, draft.root());
    String source = saved.model().from();
    if (source.isEmpty()
        || !isWithin(new Path(source), HadoopFiles.qualified(new Path(from), hadoop))) {
      throw UserException.usage(
          "%s must be %s as in the checkpoint %s, got %s: change it back, or train under another name (name=...)"
              .formatted(FROM, source.isEmpty() ? "empty" : source, own, from));
    }
    draft.require("model", saved.model(), FREE, "the checkpoint " + own);
    draft.put("model", "from", source);
    if (saved instanceof RlConfig rl && !rl.rewards().model().isEmpty()) {
      String was = rl.rewards().model();
      String given = draft.value(REWARD_MODEL);
      if (!given.isEmpty()
          && isWithin(new Path(was), HadoopFiles.qualified(new Path(given), hadoop))) {
        draft.put("rewards", "model", was);
      }
    }
    if (saved instanceof PretrainConfig pretraining) {
      draft
          .as(PretrainConfig.class)
          .ifPresent(mine -> StartingTokenizer.resume(mine, pretraining.tokenizer(), own, hadoop));
    }
  }

  /** Whether a checkpoint or model is the given one or belongs to the given run. */
  private static boolean isWithin(Path source, Path given) {
    Path folder = source.getParent();
    return source.equals(given) || (folder != null && given.equals(folder.getParent()));
  }

  private static <C extends Record & StageConfig> C start(
      ConfigDraft<C> draft, String from, Configuration hadoop) {
    String owner = "the model " + from;
    Path directory = HadoopFiles.qualified(SavedModel.find(new Path(from), hadoop), hadoop);
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
    return draft
        .as(PretrainConfig.class)
        .map(
            pretraining ->
                draft
                    .root()
                    .cast(
                        StartingTokenizer.start(
                            pretraining,
                            directory,
                            section(TokenizerConfig.class, "tokenizer", yaml, directory),
                            owner,
                            hadoop)))
        .orElseGet(draft::resolve);
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
    requireVisible(fs, path, FROM);
    if (!ModelDirectory.readTokenizer(fs, path).sha256().equals(tokenizer.sha256())) {
      throw UserException.usage(
          "the data must be prepared with the tokenizer of %s %s, got a different tokenizer: prepare it with the same %s"
              .formatted(FROM, path, FROM));
    }
    ModelDirectory.requireRows(path, tokenizer, model.config());
    if (collective.rank() == 0) {
      Checkpoint.find(fs, path).ifPresent(Checkpoint::verify);
    }
    ModelDirectory.readBackbone(fs, path, model, LOG::warn);
    requireSame(path, model.parameters().weights(), FROM, collective);
  }

  /**
   * Reads a reward model, the same on every rank.
   *
   * @throws UserException if a rank cannot read it or reads a different one
   */
  public static ScoredModel readReward(String directory, TrainingContext context) {
    Path path = new Path(directory);
    FileSystem fs = fileSystem(path, context.run().configuration());
    requireVisible(fs, path, REWARD_MODEL);
    if (context.collective().rank() == 0) {
      Checkpoint.find(fs, path).ifPresent(Checkpoint::verify);
    }
    ScoredModel model = ModelDirectory.readReward(fs, path, context.backend(), LOG::warn);
    requireSame(path, model.parameters().weights(), REWARD_MODEL, context.collective());
    return model;
  }

  /** The file system of a path. */
  public static FileSystem fileSystem(String path, Configuration hadoop) {
    return fileSystem(new Path(path), hadoop);
  }

  private static void requireVisible(FileSystem fs, Path path, String key) {
    try {
      if (fs.exists(path)) {
        return;
      }
    } catch (IOException e) {
      throw HadoopFiles.explain("looking for " + path, e);
    }
    throw UserException.usage(
        "%s must be a directory that every trainer can read, got nothing at %s: put the model on a file system that all machines share, or name one that its run has not deleted"
            .formatted(key, path));
  }

  private static void requireSame(Path path, Segment weights, String key, Collective collective) {
    byte[] mine = ByteBuffer.allocate(Long.BYTES).putLong(checksum(weights)).array();
    byte[][] all = collective.allGather(mine);
    for (int rank = 0; rank < all.length; rank++) {
      if (ByteBuffer.wrap(all[rank]).getLong() != ByteBuffer.wrap(mine).getLong()) {
        throw UserException.failure(
            "all trainers must read the same weights from %s %s, got different weights on ranks %d and %d: put the model on a file system that all machines share"
                .formatted(key, path, rank, collective.rank()));
      }
    }
  }

  /** CRC-32C of weights, in the order of the parameters. */
  public static long checksum(Segment weights) {
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

  static FileSystem fileSystem(Path path, Configuration hadoop) {
    try {
      return HadoopFiles.fileSystem(path, hadoop);
    } catch (IOException e) {
      throw HadoopFiles.explain("finding the file system of " + path, e);
    }
  }
}
