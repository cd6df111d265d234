package dev.firesteel.spark.cli;

import dev.firesteel.config.ExampleStageConfig;
import dev.firesteel.config.PretrainConfig;
import dev.firesteel.config.StageConfig;
import dev.firesteel.config.TokenizerConfig;
import dev.firesteel.data.DatasetManifest;
import dev.firesteel.data.ExampleManifest;
import dev.firesteel.error.UserException;
import dev.firesteel.files.HadoopFiles;
import dev.firesteel.stage.Stages;
import dev.firesteel.tokenizer.Tokenizers;
import dev.firesteel.train.TrainingData;
import java.io.IOException;
import java.io.InputStream;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/**
 * What a plan knows about a run's data.
 *
 * @param folder where it is or will be
 * @param prepared whether it exists
 * @param vocabularySize the number of rows of the embedding
 * @param trainingTokens 0 if the data is not prepared
 */
record PlannedData(String folder, boolean prepared, int vocabularySize, long trainingTokens) {

  private static final int BYTES = 256;

  static PlannedData of(StageConfig config, Configuration hadoop) {
    if (config instanceof PretrainConfig pretraining) {
      return of(pretraining, hadoop);
    }
    Path folder = new Path(config.dataFolder());
    return ExampleManifest.find(folder, hadoop)
        .map(
            manifest ->
                new PlannedData(
                    folder.toString(),
                    true,
                    config.model().vocabularySize(),
                    manifest.train().tokens()))
        .orElseGet(
            () -> new PlannedData(folder.toString(), false, config.model().vocabularySize(), 0));
  }

  private static PlannedData of(PretrainConfig config, Configuration hadoop) {
    Path folder = new Path(config.data().path());
    if (exists(new Path(folder, DatasetManifest.FILE_NAME), hadoop)) {
      DatasetManifest manifest = DatasetManifest.read(folder, hadoop);
      return new PlannedData(
          folder.toString(),
          true,
          rows(config, manifest.tokenizer().vocabularySize()),
          manifest.train().tokens());
    }
    return new PlannedData(folder.toString(), false, rows(config, tokens(config, hadoop)), 0);
  }

  /**
   * The configuration with the number of steps that {@code training.epochs} takes.
   *
   * @throws UserException if that is not known yet
   */
  StageConfig resolveSteps(StageConfig config, Configuration hadoop) {
    if (config.training().epochs() == 0) {
      return config;
    }
    if (!prepared) {
      throw UserException.usage(
          "a plan needs the number of steps, which training.epochs gives only for prepared data, got none in "
              + config.dataFolder()
              + ": run prepare first, or give training.steps instead");
    }
    return config instanceof PretrainConfig pretraining
        ? TrainingData.resolveSteps(pretraining, trainingTokens)
        : Stages.resolveSteps((ExampleStageConfig) config, hadoop);
  }

  private static int rows(PretrainConfig config, int tokens) {
    return config.model().vocabularySize() == 0 ? tokens : config.model().vocabularySize();
  }

  /** Of a tokenizer that may not exist yet. */
  private static int tokens(PretrainConfig config, Configuration hadoop) {
    TokenizerConfig tokenizer = config.tokenizer();
    if (!tokenizer.file().isEmpty()) {
      return tokensOf(new Path(tokenizer.file()), hadoop);
    }
    return switch (tokenizer.kind()) {
      case BPE -> tokenizer.vocabularySize();
      case BYTE -> BYTES + 1;
      case CHAR -> {
        if (config.model().vocabularySize() == 0) {
          throw UserException.usage(
              "a plan needs the number of characters in the text, which only prepare counts, got"
                  + " tokenizer.kind char and no prepared data in "
                  + config.data().path()
                  + ": run prepare first, or set model.vocabulary_size");
        }
        yield config.model().vocabularySize();
      }
    };
  }

  private static int tokensOf(Path file, Configuration hadoop) {
    try (InputStream in = HadoopFiles.fileSystem(file, hadoop).open(file)) {
      return Tokenizers.load(in, file.toString()).vocabularySize();
    } catch (IOException e) {
      throw HadoopFiles.explain("reading the tokenizer " + file, e);
    }
  }

  private static boolean exists(Path file, Configuration hadoop) {
    try {
      FileSystem fs = HadoopFiles.fileSystem(file, hadoop);
      return fs.exists(file);
    } catch (IOException e) {
      throw HadoopFiles.explain("looking for " + file, e);
    }
  }
}
