package dev.firesteel.hostile;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.firesteel.array.DType;
import dev.firesteel.backend.Backend;
import dev.firesteel.backend.reference.ReferenceBackend;
import dev.firesteel.config.ModelConfig;
import dev.firesteel.config.ModelConfig.Architecture;
import dev.firesteel.config.RopeScalingConfig;
import dev.firesteel.format.huggingface.ChatTemplateFiles;
import dev.firesteel.format.huggingface.HuggingFaceConfig;
import dev.firesteel.format.huggingface.HuggingFaceNames;
import dev.firesteel.format.huggingface.HuggingFaceTensor;
import dev.firesteel.format.huggingface.ModelCheck;
import dev.firesteel.format.huggingface.ModelDirectory;
import dev.firesteel.format.huggingface.ModelTensors;
import dev.firesteel.format.huggingface.TokenizerFiles;
import dev.firesteel.format.safetensors.FloatType;
import dev.firesteel.format.safetensors.StoredTensor;
import dev.firesteel.model.LanguageModel;
import dev.firesteel.model.Models;
import dev.firesteel.model.TestModels;
import dev.firesteel.tokenizer.BpeTokenizer;
import dev.firesteel.tokenizer.CharTokenizer;
import dev.firesteel.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.hadoop.fs.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Model directories of which one file is damaged. */
class HostileModelTest {
  private static final ObjectMapper JSON = new ObjectMapper();

  @TempDir private java.nio.file.Path folder;

  @Test
  void withADamagedConfigurationAreReadOrRefused() throws Exception {
    MemoryFiles fs = new MemoryFiles();
    List<ModelConfig> configs = new ArrayList<>();
    ModelConfig llama = TestModels.llama(2, 8, 2, 1, 12, 5, 11);
    configs.add(TestModels.gpt2(2, 8, 2, 5, 11));
    configs.add(llama);
    configs.add(llama.toBuilder().architecture(Architecture.MISTRAL).window(3).build());
    configs.add(llama.toBuilder().architecture(Architecture.QWEN3).window(3).build());
    configs.add(
        llama.toBuilder()
            .ropeScaling(new RopeScalingConfig(RopeScalingConfig.Type.LLAMA3, 8, 4, 1, 4, 1, true))
            .build());
    configs.add(
        llama.toBuilder()
            .ropeScaling(new RopeScalingConfig(RopeScalingConfig.Type.YARN, 4, 4, 1, 32, 1.1, true))
            .build());
    List<String> valid = new ArrayList<>();
    for (ModelConfig config : configs) {
      fs.put(valid.size() + "/model.safetensors", file(tensors(config)));
      ObjectNode json = HuggingFaceConfig.write(config, FloatType.F32);
      valid.add(json.put("eos_token_id", 10).put("bos_token_id", 0).toString());
    }
    Tokenizer tokenizer = BpeTokenizer.bytes();

    try (Backend backend = new ReferenceBackend()) {
      HostileCases.run(
          "config.json",
          3,
          mutator -> {
            int which = mutator.below(valid.size());
            Path path = fs.put(which + "/config.json", mutator.json(valid.get(which))).getParent();
            boolean fits = ModelCheck.of(fs, path).problems().isEmpty();
            TokenizerFiles.documentTokens(fs, path, tokenizer);
            ModelDirectory.read(fs, path, backend, notice -> {}).close();
            if (!fits) {
              throw new AssertionError("a model was read whose tensors are others");
            }
          });
    }
  }

  @Test
  void withADamagedIndexAreReadOrRefused() throws Exception {
    MemoryFiles fs = new MemoryFiles();
    Map<String, StoredTensor> first =
        Map.of("a", StoredTensor.ofValues("F32", 1, 2), "b", StoredTensor.zeros("BF16", 3));
    Map<String, StoredTensor> second = Map.of("c", StoredTensor.ofValues("F16", 1, 1));
    fs.put("m/model-00001-of-00002.safetensors", file(first));
    fs.put("m/model-00002-of-00002.safetensors", file(second));
    ObjectNode index = JSON.createObjectNode();
    index.putObject("metadata").put("total_size", 16);
    ObjectNode map = index.putObject("weight_map");
    first.keySet().forEach(name -> map.put(name, "model-00001-of-00002.safetensors"));
    second.keySet().forEach(name -> map.put(name, "model-00002-of-00002.safetensors"));
    String valid = index.toString();

    HostileCases.run(
        "model.safetensors.index.json",
        4,
        mutator -> {
          Path path = fs.put("m/model.safetensors.index.json", mutator.json(valid)).getParent();
          try (ModelTensors tensors = ModelTensors.open(fs, path)) {
            for (String name : tensors.names()) {
              int size = Math.toIntExact(tensors.shape(name).size());
              tensors.read(name, 0, new float[size], size);
            }
          }
        });
  }

  @Test
  void withADamagedFileOfTheTokenizerAreReadOrRefused() throws Exception {
    MemoryFiles fs = new MemoryFiles();
    Tokenizer small = CharTokenizer.train(List.of("abc").iterator()).withEndOfText();
    byte[] tokenizerJson = small.toJson().getBytes(StandardCharsets.UTF_8);
    Path path = fs.put("m/tokenizer.json", tokenizerJson).getParent();
    Map<String, String> valid =
        Map.of(
            "tokenizer_config.json",
            "{\"eos_token\":{\"content\":\"<|endoftext|>\"},\"bos_token\":\"a\","
                + "\"additional_special_tokens\":[\"<x>\",{\"content\":\"<y>\"}],\"chat_template\":"
                + "[{\"name\":\"default\",\"template\":\"{{ messages[0].content }}\"}]}",
            "special_tokens_map.json",
            "{\"eos_token\":\"<|endoftext|>\",\"bos_token\":{\"content\":\"b\"},"
                + "\"extra_special_tokens\":{\"tool_token\":\"<z>\"}}",
            "generation_config.json",
            "{\"eos_token_id\":[2,3],\"bos_token_id\":1}");

    HostileCases.run(
        "a tokenizer's other files",
        5,
        mutator -> {
          for (Map.Entry<String, String> file : new TreeMap<>(valid).entrySet()) {
            byte[] bytes = file.getValue().getBytes(StandardCharsets.UTF_8);
            fs.put(
                "m/" + file.getKey(),
                mutator.below(2) == 0 ? mutator.json(file.getValue()) : bytes);
          }
          Tokenizer tokenizer = ModelDirectory.readTokenizer(fs, path);
          TokenizerFiles.documentTokens(fs, path, tokenizer);
          ChatTemplateFiles.read(fs, path);
        });
  }

  private byte[] file(Map<String, StoredTensor> tensors) throws IOException {
    java.nio.file.Path file = folder.resolve("x.safetensors");
    StoredTensor.write(file, tensors);
    return Files.readAllBytes(file);
  }

  private static Map<String, StoredTensor> tensors(ModelConfig config) throws IOException {
    Map<String, StoredTensor> tensors = new TreeMap<>();
    try (LanguageModel model = Models.declare(config)) {
      for (HuggingFaceTensor tensor : HuggingFaceNames.tensors(model)) {
        tensors.put(tensor.name(), StoredTensor.zeros(DType.F32.name(), tensor.shape().toArray()));
      }
    }
    return tensors;
  }
}
