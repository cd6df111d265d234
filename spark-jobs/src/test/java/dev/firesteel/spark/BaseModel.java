package dev.firesteel.spark;

import dev.firesteel.array.DType;
import dev.firesteel.backend.reference.ReferenceBackend;
import dev.firesteel.checkpoint.Attempt;
import dev.firesteel.checkpoint.CheckpointWriter;
import dev.firesteel.config.ConfigLoader;
import dev.firesteel.config.PretrainConfig;
import dev.firesteel.format.huggingface.ModelDirectory;
import dev.firesteel.model.LanguageModel;
import dev.firesteel.model.Models;
import dev.firesteel.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;

/** A model that stages start from, where what it says does not matter: it is not trained. */
public final class BaseModel {
  private BaseModel() {}

  /** Writes one of a layer of width 16. */
  public static void write(Path to, Tokenizer tokenizer, int contextLength) throws IOException {
    PretrainConfig config =
        ConfigLoader.load(
            PretrainConfig.class,
            List.of(
                "data.source=none",
                "model.layers=1",
                "model.width=16",
                "model.heads=2",
                "model.context_length=" + contextLength));
    try (ReferenceBackend backend = new ReferenceBackend();
        LanguageModel model =
            Models.create(
                config.model().withVocabularySize(tokenizer.vocabularySize()),
                backend,
                DType.F32,
                1)) {
      ModelDirectory.write(
          new CheckpointWriter(
              FileSystem.getLocal(new Configuration()),
              new org.apache.hadoop.fs.Path(to.toUri()),
              Attempt.unfenced(),
              () -> {}),
          model,
          tokenizer,
          config.sample());
    }
  }
}
