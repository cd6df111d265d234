package dev.firesteel.spark.cli;

import dev.firesteel.array.Shape;
import dev.firesteel.config.ConfigLoader;
import dev.firesteel.config.PretrainConfig;
import dev.firesteel.format.huggingface.HuggingFaceConfig;
import dev.firesteel.format.huggingface.HuggingFaceNames;
import dev.firesteel.format.huggingface.HuggingFaceTensor;
import dev.firesteel.format.safetensors.FloatType;
import dev.firesteel.format.safetensors.Safetensors;
import dev.firesteel.format.safetensors.TensorSource;
import dev.firesteel.model.LanguageModel;
import dev.firesteel.model.Models;
import dev.firesteel.tokenizer.BpeTokenizer;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** A model directory with a tiny model whose weights are all 0.5. */
final class ModelFolder {
  private ModelFolder() {}

  /** A tensor whose elements are all 0.5. */
  private record Halves(String name, Shape shape) implements TensorSource {
    @Override
    public void read(long from, float[] into, int count) {
      Arrays.fill(into, 0, count, 0.5f);
    }
  }

  /** Writes a model over bytes with a context of 16; returns the folder's path. */
  static String write(Path directory) throws IOException {
    return write(directory, 16);
  }

  /** The same with another context. */
  static String write(Path directory, int contextLength) throws IOException {
    PretrainConfig config =
        ConfigLoader.load(
            PretrainConfig.class,
            List.of(
                "data.source=none",
                "model.architecture=gpt2",
                "model.layers=1",
                "model.heads=2",
                "model.width=8",
                "model.context_length=" + contextLength,
                "model.vocabulary_size=257"));
    Files.createDirectory(directory);
    List<Halves> tensors = new ArrayList<>();
    try (LanguageModel declared = Models.declare(config.model())) {
      for (HuggingFaceTensor tensor : HuggingFaceNames.tensors(declared)) {
        tensors.add(new Halves(tensor.name(), tensor.shape()));
      }
    }
    try (OutputStream stream = Files.newOutputStream(directory.resolve("model.safetensors"))) {
      Safetensors.write(tensors, Safetensors.PYTORCH_METADATA, stream);
    }
    Files.writeString(
        directory.resolve("config.json"),
        HuggingFaceConfig.write(config.model(), FloatType.F32).toString());
    Files.writeString(directory.resolve("tokenizer.json"), BpeTokenizer.bytes().toJson());
    return directory.toString();
  }
}
