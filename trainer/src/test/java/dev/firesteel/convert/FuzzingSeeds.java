package dev.firesteel.convert;

import dev.firesteel.format.huggingface.HuggingFaceConfig;
import dev.firesteel.format.llama2c.Llama2cFiles;
import dev.firesteel.format.safetensors.FloatType;
import dev.firesteel.format.safetensors.StoredTensor;
import dev.firesteel.model.TestModels;
import dev.firesteel.tokenizer.BpeTokenizer;
import dev.firesteel.tokenizer.CharTokenizer;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.apache.hadoop.fs.FileUtil;

/**
 * Writes files for {@link dev.firesteel.hostile.CoverageGuided} to begin with, a valid one of each
 * format: a fuzzer does not guess a magic number and a header that fits. Argument: the folder of
 * the corpus.
 */
public final class FuzzingSeeds {
  private final Path folder;
  private int count;

  private FuzzingSeeds(Path folder) {
    this.folder = folder;
  }

  public static void main(String[] args) throws IOException {
    Path work = Files.createTempDirectory("seeds");
    try {
      new FuzzingSeeds(Files.createDirectories(Path.of(args[0]))).write(work);
    } finally {
      FileUtil.fullyDelete(work.toFile());
    }
  }

  private void write(Path work) throws IOException {
    Path tensors = work.resolve("model.safetensors");
    StoredTensor.write(
        tensors,
        Map.of(
            "a.weight", StoredTensor.ofValues("F32", 1.5f, 3, 4),
            "b", StoredTensor.ofValues("BF16", -2, 5),
            "c", StoredTensor.ofValues("F16", 0.25f, 2, 1, 2)));
    put(0, Files.readAllBytes(tensors));
    put(1, CharTokenizer.train(List.of("the quick").iterator()).toJson());
    put(1, BpeTokenizer.bytes().toJson());
    put(2, HuggingFaceConfig.write(TestModels.gpt2(2, 8, 2, 5, 11), FloatType.F32).toString());
    put(
        2,
        HuggingFaceConfig.write(TestModels.llama(2, 8, 2, 1, 12, 5, 11), FloatType.F32).toString());
    put(
        3,
        "{\"metadata\":{\"total_size\":16},"
            + "\"weight_map\":{\"a\":\"model-00001-of-00001.safetensors\"}}");
    put(
        4,
        "{\"eos_token\":{\"content\":\"</s>\"},"
            + "\"chat_template\":\"{% for m in messages %}{{ m.content|trim }}{% endfor %}\"}");
    for (byte[] file : HostileFilesTest.ggufFiles(work)) {
      put(5, file);
    }
    put(6, Llama2cFiles.model(0, true));
    put(6, Llama2cFiles.model(1, false));
    put(7, Llama2cFiles.tokenizer());
  }

  private void put(int reader, String file) throws IOException {
    put(reader, file.getBytes(StandardCharsets.UTF_8));
  }

  /** An input: the number of the reader and its file. */
  private void put(int reader, byte... file) throws IOException {
    byte[] input = new byte[file.length + 1];
    input[0] = (byte) reader;
    System.arraycopy(file, 0, input, 1, file.length);
    Files.write(folder.resolve("seed-" + count++), input);
  }
}
