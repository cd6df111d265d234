package dev.firesteel.convert;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.firesteel.backend.Backend;
import dev.firesteel.config.ModelConfig;
import dev.firesteel.error.UserException;
import dev.firesteel.format.gguf.GgufEncoding;
import dev.firesteel.format.gguf.GgufSource;
import dev.firesteel.format.huggingface.PublishedModel;
import dev.firesteel.format.llama2c.Llama2cFiles;
import dev.firesteel.format.llama2c.Llama2cSource;
import dev.firesteel.format.safetensors.TensorSource;
import dev.firesteel.hostile.HostileCases;
import dev.firesteel.hostile.MemoryFiles;
import dev.firesteel.model.TestModels;
import dev.firesteel.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Damaged files of other tools, of which all that is left is read. */
class HostileFilesTest {
  @TempDir private Path folder;
  private final float[] buffer = new float[1 << 16];

  @Test
  void damagedGgufFilesAreReadOrRefused() throws Exception {
    List<byte[]> files = ggufFiles(folder);
    MemoryFiles fs = new MemoryFiles();
    HostileCases.run(
        "GGUF",
        6,
        mutator -> {
          byte[] damaged = mutator.header(mutator.oneOf(files));
          readAll(GgufSource.open(fs, fs.put("model.gguf", damaged), notice -> {}));
        });
  }

  /** Found by a million damaged files: sizes that overflow an int when they are multiplied. */
  @Test
  void sizesThatNoTensorHasAreRefused() throws IOException {
    byte[] llama = ggufFiles(folder).get(5); // float32, without keys of ours
    refuses(
        withNumber(llama, Integer.MAX_VALUE, "llama.feed_forward_length"),
        "must describe a model whose tensors have less than 2^31 rows and columns, got larger ones (integer overflow)");
    refuses(
        withNumber(
            llama,
            1 << 29,
            "llama.attention.key_length",
            "llama.attention.value_length",
            "llama.rope.dimension_count"),
        "must describe a model whose tensors have less than 2^31 rows and columns, got larger ones");
  }

  private static void refuses(byte[] file, String message) {
    MemoryFiles fs = new MemoryFiles();
    assertThatThrownBy(() -> GgufSource.open(fs, fs.put("model.gguf", file), notice -> {}))
        .isInstanceOf(UserException.class)
        .hasMessageStartingWith("the metadata of memory:/model.gguf ")
        .hasMessageContaining(message);
  }

  /** The same file with another number as the value of keys, each of four bytes after its type. */
  private static byte[] withNumber(byte[] file, int number, String... keys) {
    byte[] changed = file.clone();
    String text = new String(file, StandardCharsets.ISO_8859_1);
    for (String key : keys) {
      ByteBuffer.wrap(changed)
          .order(ByteOrder.LITTLE_ENDIAN)
          .putInt(text.indexOf(key) + key.length() + Integer.BYTES, number);
    }
    return changed;
  }

  /** Files of small models in two encodings, with and without what only our own files say. */
  static List<byte[]> ggufFiles(Path folder) throws IOException {
    List<byte[]> files = new ArrayList<>();
    try (Backend backend = SavedModels.backend()) {
      Tokenizer tokenizer = TextTokenizers.bpe();
      List<ModelConfig> models =
          List.of(TestModels.gpt2(1, 8, 2, 8, 0), TestModels.llama(1, 32, 4, 2, 32, 8, 0));
      for (ModelConfig config : models) {
        Path directory = folder.resolve("model" + files.size());
        SavedModels.write(backend, config, tokenizer, 1, directory);
        for (GgufEncoding encoding : List.of(GgufEncoding.F32, GgufEncoding.Q4_K_M)) {
          Path file = folder.resolve(encoding + config.architecture().name() + ".gguf");
          new ModelExport(
                  SavedModels.hadoop(directory),
                  SavedModels.hadoop(file),
                  "",
                  SavedModels.HADOOP,
                  backend,
                  notice -> {})
              .toGguf(encoding);
          byte[] whole = Files.readAllBytes(file);
          files.add(whole);
          // What only other tools write: no keys of ours.
          files.add(renamed(whole, "firesteel.config.json", "tokenizer.huggingface.json"));
        }
      }
    }
    return files;
  }

  @Test
  void damagedLlama2cFilesAreReadOrRefused() throws Exception {
    byte[] tokenizer = Llama2cFiles.tokenizer();
    List<byte[]> files = new ArrayList<>();
    for (int version = 0; version < 2; version++) {
      for (boolean tied : new boolean[] {false, true}) {
        files.add(Llama2cFiles.model(version, tied));
      }
    }
    MemoryFiles fs = new MemoryFiles();
    HostileCases.run(
        "llama2.c",
        7,
        mutator -> {
          byte[] model = mutator.oneOf(files);
          boolean ofTokenizer = mutator.below(2) == 0;
          fs.put("tokenizer.bin", ofTokenizer ? mutator.header(tokenizer) : tokenizer);
          readAll(
              Llama2cSource.open(
                  fs, fs.put("model.bin", ofTokenizer ? model : mutator.header(model)), null));
        });
  }

  /** The same file with the first letter of keys changed. */
  private static byte[] renamed(byte[] file, String... keys) {
    byte[] changed = file.clone();
    String text = new String(file, StandardCharsets.ISO_8859_1);
    for (String key : keys) {
      changed[text.indexOf(key)] = 'x';
    }
    return changed;
  }

  private void readAll(PublishedModel opened) throws IOException {
    try (PublishedModel model = opened) {
      for (TensorSource tensor : model.tensors()) {
        long size = tensor.shape().size();
        for (long from = 0; from < size; from += buffer.length) {
          tensor.read(from, buffer, (int) Math.min(buffer.length, size - from));
        }
      }
    }
  }
}
