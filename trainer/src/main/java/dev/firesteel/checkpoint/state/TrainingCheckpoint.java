package dev.firesteel.checkpoint.state;

import dev.firesteel.chat.ChatTemplate;
import dev.firesteel.checkpoint.Checkpoint;
import dev.firesteel.checkpoint.CheckpointWriter;
import dev.firesteel.config.ConfigLoader;
import dev.firesteel.config.StageConfig;
import dev.firesteel.error.UserException;
import dev.firesteel.files.HadoopFiles;
import dev.firesteel.format.huggingface.HuggingFaceNames;
import dev.firesteel.format.huggingface.ModelDirectory;
import dev.firesteel.tokenizer.Tokenizer;
import java.io.IOException;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What a training run writes to and reads from a checkpoint: a Hugging Face directory ({@link
 * ModelDirectory}) for each model, and in {@code trainer/} the moments of their optimizers, {@code
 * state.json} and {@code config.yaml}.
 */
public final class TrainingCheckpoint {
  private static final Logger LOG = LoggerFactory.getLogger(TrainingCheckpoint.class);
  private static final String TRAINER = "trainer/";
  private static final String STATE = TRAINER + "state.json";
  private static final String CONFIG = TRAINER + "config.yaml";

  private TrainingCheckpoint() {}

  /**
   * Rejects models that a checkpoint cannot represent.
   *
   * @throws IllegalStateException that names the first parameter of which a part would be lost, or
   *     a name that two models have
   */
  public static void requireSavable(List<ModelState> models) {
    Set<String> names = new HashSet<>();
    for (ModelState model : models) {
      if (!names.add(model.name())) {
        throw new IllegalStateException(
            "each model of a checkpoint must have a name of its own, got %s twice"
                .formatted(model.name()));
      }
    }
    models.forEach(model -> HuggingFaceNames.tensors(model.model()));
  }

  /**
   * Writes one rank's files: its moments and, on rank 0, what all ranks share.
   *
   * @param rank rank of this process, from 0
   * @param worldSize number of ranks, each writing its part
   * @param models models of the stage; the first is at the root of the checkpoint
   * @param numbers this rank's weights and moments of each model
   */
  public static void write(
      CheckpointWriter writer,
      int rank,
      int worldSize,
      List<ModelState> models,
      Tokenizer tokenizer,
      Optional<ChatTemplate> template,
      List<RankNumbers> numbers,
      TrainingState state,
      StageConfig config)
      throws IOException {
    for (int i = 0; i < models.size(); i++) {
      ModelState model = models.get(i);
      String trainer = trainerFolder(models, i);
      if (numbers.get(i).moments() != null) {
        OptimizerFiles.write(writer, trainer, numbers.get(i).moments(), rank + 1, worldSize);
      }
      if (rank == 0) {
        ModelDirectory.write(
            writer.in(modelFolder(models, i)),
            model.model(),
            numbers.get(i).weights(),
            tokenizer,
            template,
            config.sample());
        OptimizerFiles.writeLayout(writer, trainer, model.model().parameters());
      }
    }
    if (rank == 0) {
      writer.write(CONFIG, ConfigLoader.toYaml(config));
      writer.write(STATE, state.toJson());
    }
  }

  private static String modelFolder(List<ModelState> models, int index) {
    return index == 0 ? "" : "models/" + models.get(index).name() + "/";
  }

  private static String trainerFolder(List<ModelState> models, int index) {
    return index == 0 ? TRAINER : TRAINER + models.get(index).name() + "/";
  }

  /** The state of the run at the checkpoint. */
  public static TrainingState state(Checkpoint checkpoint) {
    requireTraining(checkpoint);
    return TrainingState.parse(checkpoint.text(STATE), checkpoint + "/" + STATE);
  }

  /**
   * The configuration of the run that wrote a checkpoint.
   *
   * @param root root record of the run's stage
   */
  public static <T extends StageConfig> T config(Checkpoint checkpoint, Class<T> root) {
    requireTraining(checkpoint);
    return root.cast(
        ConfigLoader.parse(
            root.asSubclass(Record.class),
            checkpoint.text(CONFIG),
            checkpoint + "/" + CONFIG,
            List.of()));
  }

  /**
   * The configuration of the run that wrote a checkpoint, as YAML; empty if the directory is not
   * such a checkpoint.
   */
  public static Optional<String> configText(FileSystem fs, Path directory) {
    return Checkpoint.find(fs, directory)
        .filter(checkpoint -> checkpoint.contains(CONFIG))
        .map(checkpoint -> checkpoint.text(CONFIG));
  }

  /** Overwrites the models' weights, and the moments that their optimizers hold, bit for bit. */
  public static void read(Checkpoint checkpoint, List<ModelState> models, TrainingState state) {
    for (int i = 0; i < models.size(); i++) {
      ModelState model = models.get(i);
      if (model.optimizer() != null) {
        try {
          OptimizerFiles.read(
              checkpoint, trainerFolder(models, i), OptimizerState.of(model.optimizer()));
        } catch (IOException e) {
          throw HadoopFiles.explain("reading the optimizer's state in " + checkpoint, e);
        }
        model.optimizer().resumeAfter(state.updatesOf(model.name(), checkpoint));
      }
      String folder = modelFolder(models, i);
      ModelDirectory.readWeights(
          checkpoint.fileSystem(),
          folder.isEmpty() ? checkpoint.directory() : new Path(checkpoint.directory(), folder),
          model.model(),
          LOG::warn);
    }
  }

  private static void requireTraining(Checkpoint checkpoint) {
    if (!checkpoint.contains(STATE) || !checkpoint.contains(CONFIG)) {
      throw UserException.failure(
          "%s must be the checkpoint of a training run, got one without %s"
              .formatted(checkpoint, STATE));
    }
  }
}
