package dev.firesteel.hostile;

import dev.firesteel.error.UserException;
import dev.firesteel.format.gguf.GgufSource;
import dev.firesteel.format.huggingface.ChatTemplateFiles;
import dev.firesteel.format.huggingface.ModelDirectory;
import dev.firesteel.format.huggingface.ModelTensors;
import dev.firesteel.format.huggingface.PublishedModel;
import dev.firesteel.format.llama2c.Llama2cFiles;
import dev.firesteel.format.llama2c.Llama2cSource;
import dev.firesteel.format.safetensors.SafetensorsFile;
import dev.firesteel.format.safetensors.TensorInfo;
import dev.firesteel.format.safetensors.TensorSource;
import dev.firesteel.tokenizer.Tokenizer;
import dev.firesteel.tokenizer.Tokenizers;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.util.Arrays;
import org.apache.hadoop.fs.Path;

/**
 * The target of Jazzer, a fuzzer that looks for inputs of new branches (docs/CONTRIBUTING.md has
 * the command). The first byte of an input chooses the reader, the others are its file.
 */
public final class CoverageGuided {
  private static final MemoryFiles FILES = new MemoryFiles();

  private CoverageGuided() {}

  /** Reads one input; an exception other than the documented one is a finding. */
  public static void fuzzerTestOneInput(byte[] input) throws IOException {
    if (input.length == 0) {
      return;
    }
    byte[] file = Arrays.copyOfRange(input, 1, input.length);
    try {
      read(Math.floorMod(input[0], 8), file);
    } catch (UserException e) {
      if (e.getMessage().codePoints().anyMatch(Character::isISOControl)) {
        throw new AssertionError("a message with control characters", e);
      }
    }
  }

  private static void read(int reader, byte[] file) throws IOException {
    switch (reader) {
      case 0 -> readTensors(FILES.put("m/model.safetensors", file));
      case 1 -> {
        Tokenizer tokenizer = Tokenizers.load(new ByteArrayInputStream(file), "tokenizer.json");
        tokenizer.decode(
            tokenizer.encode("The quick  brown fox's 3rd \u4f60\u597d \ud83d\ude42\n"));
        Tokenizers.load(tokenizer.toJson(), "saved");
      }
      case 2 -> ModelDirectory.readConfig(FILES, FILES.put("c/config.json", file).getParent());
      case 3 -> {
        Path folder = FILES.put("i/model.safetensors.index.json", file).getParent();
        ModelTensors.open(FILES, folder).close();
      }
      case 4 -> {
        Path folder = FILES.put("t/tokenizer_config.json", file).getParent();
        ChatTemplateFiles.read(FILES, folder);
      }
      case 5 -> readFirst(GgufSource.open(FILES, FILES.put("g.gguf", file), notice -> {}));
      case 6 -> {
        FILES.put("l/tokenizer.bin", Llama2cFiles.tokenizer());
        readFirst(Llama2cSource.open(FILES, FILES.put("l/model.bin", file), null));
      }
      default -> {
        FILES.put("l/tokenizer.bin", file);
        Path model = FILES.put("l/model.bin", Llama2cFiles.model(0, true));
        readFirst(Llama2cSource.open(FILES, model, null));
      }
    }
  }

  private static void readFirst(PublishedModel opened) throws IOException {
    try (PublishedModel model = opened) {
      for (TensorSource tensor : model.tensors()) {
        // Blocks have up to 256 elements.
        int count = (int) Math.min(256, tensor.shape().size());
        tensor.read(0, new float[count], count);
      }
    }
  }

  private static void readTensors(Path path) throws IOException {
    try (SafetensorsFile file = SafetensorsFile.open(FILES, path)) {
      float[] buffer = new float[1024];
      for (TensorInfo info : file.tensors().values()) {
        if (SafetensorsFile.isFloat(info)) {
          int count = (int) Math.min(buffer.length, info.shape().size());
          file.read(info.name(), info.shape().size() - count, buffer, count);
        }
      }
    }
  }
}
