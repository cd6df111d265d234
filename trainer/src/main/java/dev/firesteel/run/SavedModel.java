package dev.firesteel.run;

import dev.firesteel.backend.Backend;
import dev.firesteel.chat.ChatTemplate;
import dev.firesteel.checkpoint.Checkpoint;
import dev.firesteel.checkpoint.CheckpointStore;
import dev.firesteel.error.UserException;
import dev.firesteel.files.HadoopFiles;
import dev.firesteel.format.huggingface.ChatTemplateFiles;
import dev.firesteel.format.huggingface.ModelDirectory;
import dev.firesteel.format.huggingface.TokenizerFiles;
import dev.firesteel.model.LanguageModel;
import dev.firesteel.tokenizer.DocumentTokens;
import dev.firesteel.tokenizer.Tokenizer;
import java.io.IOException;
import java.util.Optional;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A model as specified by a user, with its tokenizer: a run directory (its last checkpoint), a
 * checkpoint, or any Hugging Face directory of a supported architecture.
 *
 * @param directory where the model was found
 * @param model its weights in memory; released by {@link #close}
 * @param tokenizer that it was trained with
 * @param documents which of its tokens begin and end a document
 */
public record SavedModel(
    Path directory, LanguageModel model, Tokenizer tokenizer, DocumentTokens documents)
    implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(SavedModel.class);

  /**
   * Reads a model; a checkpoint's files are verified first.
   *
   * @throws UserException if there is none, or it is damaged
   */
  public static SavedModel open(Path path, Configuration hadoop, Backend backend) {
    try {
      FileSystem fs = HadoopFiles.fileSystem(path, hadoop);
      Path directory = find(path, hadoop);
      Checkpoint.find(fs, directory).ifPresent(Checkpoint::verify);
      Tokenizer tokenizer = ModelDirectory.readTokenizer(fs, directory);
      DocumentTokens documents = TokenizerFiles.documentTokens(fs, directory, tokenizer);
      return new SavedModel(
          directory, ModelDirectory.read(fs, directory, backend, LOG::warn), tokenizer, documents);
    } catch (IOException e) {
      throw HadoopFiles.explain("reading the model in " + path, e);
    }
  }

  /**
   * Where the model that a path names lies: the last checkpoint of a run, a checkpoint, or a
   * Hugging Face directory. Its files are not looked at.
   *
   * @throws UserException if there is none
   */
  public static Path find(Path path, Configuration hadoop) {
    try {
      FileSystem fs = HadoopFiles.fileSystem(path, hadoop);
      CheckpointStore run = RunDirectory.at(path, hadoop).checkpoints(LOG::warn);
      if (fs.exists(run.directory())) {
        return run.latest()
            .orElseThrow(
                () ->
                    UserException.failure(
                        "the run %s must have a complete checkpoint, got none yet: train it first"
                            .formatted(path)))
            .directory();
      }
      if (Checkpoint.find(fs, path).isEmpty()
          && !fs.exists(new Path(path, ModelDirectory.CONFIG))) {
        throw UserException.usage(
            "%s must be a run directory, a checkpoint or a Hugging Face model directory, got %s"
                .formatted(path, fs.exists(path) ? "neither" : "nothing of that name"));
      }
      return path;
    } catch (IOException e) {
      throw HadoopFiles.explain("looking for the model in " + path, e);
    }
  }

  /**
   * The chat template of the tokenizer; empty for a base model.
   *
   * @throws UserException if it cannot be read
   */
  public Optional<ChatTemplate> chatTemplate(Configuration hadoop) {
    try {
      return ChatTemplateFiles.read(HadoopFiles.fileSystem(directory, hadoop), directory);
    } catch (IOException e) {
      throw HadoopFiles.explain("reading the chat template in " + directory, e);
    }
  }

  /**
   * The chat template of a choice: the name of a built-in one, {@code tokenizer} or a file, as in
   * {@link ChatTemplateFiles#choose}.
   *
   * @throws UserException if there is none, or it cannot be read
   */
  public ChatTemplate chatTemplate(String choice, Configuration hadoop) {
    try {
      return ChatTemplateFiles.choose(
          choice, HadoopFiles.fileSystem(directory, hadoop), directory, hadoop);
    } catch (IOException e) {
      throw HadoopFiles.explain("reading the chat template in " + directory, e);
    }
  }

  @Override
  public void close() {
    model.close();
  }
}
