package dev.firesteel.checkpoint.state;

import dev.firesteel.checkpoint.Checkpoint;
import dev.firesteel.checkpoint.CheckpointWriter;
import dev.firesteel.config.ConfigLoader;
import dev.firesteel.config.RunConfig;
import dev.firesteel.error.UserException;
import dev.firesteel.files.HadoopFiles;
import dev.firesteel.format.huggingface.ModelDirectory;
import dev.firesteel.model.LanguageModel;
import dev.firesteel.optim.AdamW;
import dev.firesteel.tokenizer.Tokenizer;
import java.io.IOException;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The content of a training run's checkpoint: the Hugging Face directory of {@link ModelDirectory},
 * and in {@code trainer/} the optimizer's moments, {@code state.json} and {@code config.yaml}.
 */
public final class TrainingCheckpoint {
  private static final Logger LOG = LoggerFactory.getLogger(TrainingCheckpoint.class);
  private static final String STATE = "trainer/state.json";
  private static final String CONFIG = "trainer/config.yaml";

  private TrainingCheckpoint() {}

  /**
   * Writes one rank's files: each rank its moments, and the first one everything that is common.
   *
   * @param rank of this process, from 0
   * @param worldSize processes that each write their part
   * @param numbers weights and moments of this rank
   */
  public static void write(
      CheckpointWriter writer,
      int rank,
      int worldSize,
      LanguageModel model,
      Tokenizer tokenizer,
      RankNumbers numbers,
      TrainingState state,
      RunConfig config)
      throws IOException {
    OptimizerFiles.write(writer, numbers.moments(), rank + 1, worldSize);
    if (rank == 0) {
      ModelDirectory.write(writer, model, numbers.weights(), tokenizer, config.sample());
      OptimizerFiles.writeLayout(writer, model.parameters());
      writer.write(CONFIG, ConfigLoader.toYaml(config));
      writer.write(STATE, state.toJson());
    }
  }

  /** The run's state. */
  public static TrainingState state(Checkpoint checkpoint) {
    requireTraining(checkpoint);
    return TrainingState.parse(checkpoint.text(STATE), checkpoint + "/" + STATE);
  }

  /** The configuration of the run that wrote a checkpoint. */
  public static RunConfig config(Checkpoint checkpoint) {
    requireTraining(checkpoint);
    return ConfigLoader.parse(checkpoint.text(CONFIG), checkpoint + "/" + CONFIG, List.of());
  }

  /** Overwrites the weights, and the moments that the optimizer owns, bit for bit. */
  public static void read(
      Checkpoint checkpoint, LanguageModel model, AdamW optimizer, TrainingState state) {
    try {
      OptimizerFiles.read(checkpoint, OptimizerState.of(optimizer));
    } catch (IOException e) {
      throw HadoopFiles.explain("reading the optimizer's state in " + checkpoint, e);
    }
    ModelDirectory.readWeights(checkpoint.fileSystem(), checkpoint.directory(), model, LOG::warn);
    optimizer.resumeAfter(state.updates());
  }

  private static void requireTraining(Checkpoint checkpoint) {
    if (!checkpoint.contains(STATE) || !checkpoint.contains(CONFIG)) {
      throw UserException.failure(
          "%s must be the checkpoint of a training run, got one without %s"
              .formatted(checkpoint, STATE));
    }
  }
}
