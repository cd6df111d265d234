package dev.firesteel.convert;

import dev.firesteel.backend.Backend;
import dev.firesteel.checkpoint.Attempt;
import dev.firesteel.checkpoint.CheckpointWriter;
import dev.firesteel.config.ModelConfig;
import dev.firesteel.error.UserException;
import dev.firesteel.files.HadoopFiles;
import dev.firesteel.format.gguf.GgufSource;
import dev.firesteel.format.huggingface.ModelDirectory;
import dev.firesteel.format.huggingface.ModelTensors;
import dev.firesteel.format.huggingface.PublishedModel;
import dev.firesteel.format.llama2c.Llama2cSource;
import dev.firesteel.format.safetensors.FloatType;
import dev.firesteel.format.safetensors.TensorSource;
import dev.firesteel.run.SavedModel;
import java.io.IOException;
import java.util.function.Consumer;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSError;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/**
 * Reads a model of another tool and writes a model directory in float32, tensor by tensor.
 *
 * @param from a Hugging Face directory, a run or a checkpoint; a file {@code .gguf}; a file {@code
 *     .bin} of llama2.c
 * @param out the folder to write
 * @param tokenizer of a file of llama2.c; null: looked for beside it
 * @param vocabularySize rows of the embedding; 0: as they are
 * @param hadoop how file systems are reached
 * @param backend holds a model whose adapters are merged
 * @param notices receives a line about progress and about what is left out
 */
public record ModelImport(
    Path from,
    Path out,
    Path tokenizer,
    int vocabularySize,
    Configuration hadoop,
    Backend backend,
    Consumer<String> notices) {

  /**
   * What was written.
   *
   * @param path of the folder
   * @param config of the model
   * @param tokens of its tokenizer
   */
  public record Written(Path path, ModelConfig config, long parameters, int tokens) {}

  /**
   * Imports the model.
   *
   * @throws UserException if there is none, or one that is not supported, or the folder exists
   */
  public Written run() {
    try (PublishedModel opened = open()) {
      PublishedModel model =
          vocabularySize == 0 ? opened : ResizedVocabulary.of(opened, vocabularySize);
      ModelDirectory.requireRows(from, model.tokenizer(), model.config());
      FileSystem fs = HadoopFiles.fileSystem(out, hadoop);
      try (NewPath place = NewPath.at(fs, out)) {
        ModelDirectory.write(
            new CheckpointWriter(fs, place.partial(), Attempt.unfenced(), () -> {}),
            model.with(Progress.of(model.tensors(), notices)),
            FloatType.F32,
            ModelTensors.MAX_FILE_BYTES);
        return new Written(
            place.complete(),
            model.config(),
            model.tensors().stream().map(TensorSource::shape).mapToLong(each -> each.size()).sum(),
            model.tokenizer().vocabularySize());
      }
    } catch (IOException | FSError e) {
      throw HadoopFiles.explain("importing " + from, e);
    }
  }

  private PublishedModel open() throws IOException {
    FileSystem fs = HadoopFiles.fileSystem(from, hadoop);
    if (!fs.exists(from)) {
      throw UserException.usage(
          "%s must be a model directory, a file .gguf or a file .bin of llama2.c, got nothing of that name"
              .formatted(from));
    }
    if (fs.getFileStatus(from).isDirectory()) {
      return PublishedModel.open(fs, SavedModel.find(from, hadoop), backend, notices);
    }
    if (from.getName().endsWith(".gguf")) {
      return GgufSource.open(fs, from, notices);
    }
    if (from.getName().endsWith(".bin")) {
      return Llama2cSource.open(fs, from, tokenizer);
    }
    throw UserException.usage(
        "%s must be a model directory, a file .gguf or a file .bin of llama2.c, got a file of another name: give it the ending of its format"
            .formatted(from));
  }
}
