package dev.firesteel.convert;

import dev.firesteel.backend.Backend;
import dev.firesteel.backend.BackendKind;
import dev.firesteel.backend.BackendOptions;
import dev.firesteel.backend.Precision;
import dev.firesteel.backend.choice.Backends;
import dev.firesteel.checkpoint.Attempt;
import dev.firesteel.checkpoint.CheckpointWriter;
import dev.firesteel.config.ModelConfig;
import dev.firesteel.config.SampleConfig;
import dev.firesteel.files.HadoopFiles;
import dev.firesteel.format.huggingface.ModelDirectory;
import dev.firesteel.model.LanguageModel;
import dev.firesteel.model.Models;
import dev.firesteel.model.TestModels;
import dev.firesteel.nn.Parameter;
import dev.firesteel.nn.Segment;
import dev.firesteel.tokenizer.Tokenizer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;

/** Model directories of tiny random models. */
final class SavedModels {
  static final Configuration HADOOP = new Configuration(false);

  private SavedModels() {}

  static Backend backend() {
    return Backends.create(new BackendOptions(BackendKind.CPU, Precision.FP32, 2));
  }

  static FileSystem fs() {
    try {
      return HadoopFiles.fileSystem(new org.apache.hadoop.fs.Path("/"), HADOOP);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static org.apache.hadoop.fs.Path hadoop(Path path) {
    return new org.apache.hadoop.fs.Path(path.toString());
  }

  /**
   * Writes a model with weights large enough for clear choices of the next token. Tokens that are
   * not printable ASCII have an embedding and a head of 0, so that it hardly ever generates them.
   */
  static void write(Backend backend, ModelConfig config, Tokenizer tokenizer, long seed, Path to)
      throws IOException {
    ModelConfig sized =
        TestModels.withInitStd(config, 0.15).withVocabularySize(tokenizer.vocabularySize() + 3);
    try (LanguageModel model = Models.create(sized, backend, seed)) {
      silence(model, "embedding.weight", tokenizer);
      if (!sized.tieEmbeddings()) {
        silence(model, "head.weight", tokenizer);
      }
      ModelDirectory.write(
          new CheckpointWriter(fs(), hadoop(to), Attempt.unfenced(), () -> {}),
          model,
          tokenizer,
          new SampleConfig("", 0, 64, 0, 0, 1));
    }
  }

  private static void silence(LanguageModel model, String name, Tokenizer tokenizer) {
    Parameter rows = model.parameters().parameter(name);
    Segment weights = model.parameters().weights();
    int width = rows.shape().last();
    for (int id = 0; id < rows.shape().dim(0); id++) {
      if (id >= tokenizer.vocabularySize()
          || tokenizer.isSpecial(id)
          || !isPrintable(tokenizer.decodeBytes(id))) {
        long start = rows.offset() + (long) id * width;
        weights.memory().upload(new float[width], 0, weights.range(start, start + width));
      }
    }
  }

  private static boolean isPrintable(byte[] bytes) {
    return new String(bytes, StandardCharsets.ISO_8859_1)
        .chars()
        .allMatch(c -> c >= ' ' && c < 127);
  }
}
