package dev.firesteel.convert;

import dev.firesteel.backend.Backend;
import dev.firesteel.checkpoint.Attempt;
import dev.firesteel.checkpoint.Checkpoint;
import dev.firesteel.checkpoint.CheckpointWriter;
import dev.firesteel.error.UserException;
import dev.firesteel.files.HadoopFiles;
import dev.firesteel.format.gguf.GgufEncoding;
import dev.firesteel.format.gguf.GgufExport;
import dev.firesteel.format.gguf.GgufFileName;
import dev.firesteel.format.huggingface.ModelDirectory;
import dev.firesteel.format.huggingface.PublishedModel;
import dev.firesteel.format.safetensors.FloatType;
import dev.firesteel.run.SavedModel;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.util.function.Consumer;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSError;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/**
 * Writes a trained model in a format that other tools load, straight from where it is stored. No
 * more than one tensor is in memory, unless adapters have to be merged.
 *
 * @param model a run directory (its last checkpoint), a checkpoint, or a Hugging Face directory
 * @param out where to write; null: in the folder {@value #FOLDER}, under the model's name
 * @param license SPDX identifier; empty if it is not known
 * @param hadoop how file systems are reached
 * @param backend holds a model whose adapters are merged
 * @param notices receives a line about progress and about what is left out
 */
public record ModelExport(
    Path model,
    Path out,
    String license,
    Configuration hadoop,
    Backend backend,
    Consumer<String> notices) {
  /** Where exports lie whose place is not given. */
  public static final String FOLDER = "exports";

  private static final String GGUF = ".gguf";
  private static final int BUFFER_BYTES = 1 << 20;

  /**
   * What was written.
   *
   * @param path of the file or folder
   * @param parameters of the model
   */
  public record Written(Path path, long parameters) {}

  /**
   * Writes a GGUF file. {@code out} is the file if its name ends with {@code .gguf}, else the
   * folder of a file that is named by the convention of the format.
   *
   * @throws UserException if llama.cpp has no such model, or the file exists
   */
  public Written toGguf(GgufEncoding encoding) {
    Path directory = find();
    try (PublishedModel opened = open(directory)) {
      String name = name(directory);
      Path file = out == null ? new Path(FOLDER) : out;
      if (!file.getName().endsWith(GGUF)) {
        file = new Path(file, GgufFileName.of(name, opened.elements(), encoding));
      }
      FileSystem fs = HadoopFiles.fileSystem(file, hadoop);
      try (NewPath place = NewPath.at(fs, file)) {
        try (OutputStream stream =
            new BufferedOutputStream(fs.create(place.partial(), true), BUFFER_BYTES)) {
          GgufExport.write(
              opened.with(Progress.of(opened.tensors(), notices)),
              encoding,
              name,
              license,
              stream,
              notices);
        }
        return new Written(place.complete(), opened.elements());
      }
    } catch (IOException | FSError e) {
      throw HadoopFiles.explain("exporting " + model, e);
    }
  }

  /**
   * Writes a Hugging Face directory: weights, tokenizer, chat template, and a model card.
   *
   * @param maxFileBytes of weights in one file
   * @throws UserException if the directory exists
   */
  public Written toHuggingFace(FloatType type, long maxFileBytes) {
    Path directory = find();
    try (PublishedModel opened = open(directory)) {
      String name = name(directory);
      Path folder = out == null ? new Path(FOLDER, name) : out;
      FileSystem fs = HadoopFiles.fileSystem(folder, hadoop);
      try (NewPath place = NewPath.at(fs, folder)) {
        CheckpointWriter writer =
            new CheckpointWriter(fs, place.partial(), Attempt.unfenced(), () -> {});
        ModelDirectory.write(
            writer, opened.with(Progress.of(opened.tensors(), notices)), type, maxFileBytes);
        writer.write(ModelCard.FILE, ModelCard.of(opened, name, license, directory, hadoop).text());
        return new Written(place.complete(), opened.elements());
      }
    } catch (IOException | FSError e) {
      throw HadoopFiles.explain("exporting " + model, e);
    }
  }

  private Path find() {
    try {
      Path directory = SavedModel.find(model, hadoop);
      Checkpoint.find(HadoopFiles.fileSystem(directory, hadoop), directory)
          .ifPresent(Checkpoint::verify);
      return directory;
    } catch (IOException e) {
      throw HadoopFiles.explain("reading the model in " + model, e);
    }
  }

  private PublishedModel open(Path directory) throws IOException {
    PublishedModel opened =
        PublishedModel.open(HadoopFiles.fileSystem(directory, hadoop), directory, backend, notices);
    try {
      ModelDirectory.requireRows(directory, opened.tokenizer(), opened.config());
      return opened;
    } catch (RuntimeException e) {
      opened.close();
      throw e;
    }
  }

  /** The name of the run that a checkpoint belongs to, or of the directory. */
  private static String name(Path directory) {
    return ModelCard.runOf(directory).orElse(directory).getName();
  }
}
