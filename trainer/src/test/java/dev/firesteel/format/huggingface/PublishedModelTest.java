package dev.firesteel.format.huggingface;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.firesteel.array.DType;
import dev.firesteel.backend.RopeSpec;
import dev.firesteel.backend.reference.ReferenceBackend;
import dev.firesteel.checkpoint.FailingFileSystem;
import dev.firesteel.config.ModelConfig;
import dev.firesteel.config.ModelConfig.Architecture;
import dev.firesteel.config.ModelConfig.AttentionBias;
import dev.firesteel.error.UserException;
import dev.firesteel.format.safetensors.FloatType;
import dev.firesteel.format.safetensors.StoredTensor;
import dev.firesteel.model.LanguageModel;
import dev.firesteel.model.Models;
import dev.firesteel.model.TestModels;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.apache.hadoop.fs.FileSystem;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Model directories as others publish them. */
class PublishedModelTest {
  private static final ModelConfig GPT2 = TestModels.gpt2(2, 8, 2, 5, 11);
  private static final ModelConfig LLAMA = TestModels.llama(2, 8, 2, 1, 12, 5, 11);
  private static final ModelConfig TIED_LLAMA =
      TestModels.llama(2, 8, 2, 1, 12, 5, 11, RopeSpec.Layout.HALF, true);

  private static final List<ModelConfig> OTHERS =
      List.of(
          LLAMA.toBuilder().attentionBias(AttentionBias.ALL).feedForwardBias(true).build(),
          LLAMA.toBuilder().architecture(Architecture.MISTRAL).window(3).build(),
          LLAMA.toBuilder()
              .architecture(Architecture.QWEN2)
              .attentionBias(null)
              .headWidth(6)
              .build(),
          LLAMA.toBuilder().architecture(Architecture.QWEN3).window(3).build());

  @TempDir private Path folder;
  private final ReferenceBackend backend = new ReferenceBackend();
  private final List<String> notices = new ArrayList<>();
  private final Map<String, StoredTensor> tensors = new TreeMap<>();
  private FileSystem fs;

  @BeforeEach
  void openFileSystem() throws IOException {
    fs = FailingFileSystem.local();
  }

  @AfterEach
  void closeBackend() {
    backend.close();
  }

  static Stream<Arguments> layouts() {
    return Stream.concat(Stream.of(GPT2, LLAMA, TIED_LLAMA), OTHERS.stream())
        .flatMap(
            config ->
                Stream.of("F32", "BF16", "F16")
                    .flatMap(
                        dtype -> Stream.of(1, 3).map(files -> Arguments.of(config, dtype, files))));
  }

  @ParameterizedTest
  @MethodSource("layouts")
  void readsEveryFloatingPointTypeFromOneFileOrSeveral(ModelConfig config, String dtype, int files)
      throws IOException {
    try (LanguageModel model = model(config)) {
      addWeights(model, dtype, Function.identity());
      write(config, files);
      assertReads(model);
    }
    assertThat(notices).isEmpty();
  }

  @Test
  void readsAModelOfMixedTypes() throws IOException {
    try (LanguageModel model = model(GPT2)) {
      addWeights(model, "F32", Function.identity());
      tensors.replaceAll(
          (name, tensor) -> name.contains("c_attn") ? tensor.as("BF16") : tensor.as("F16"));
      tensors.computeIfPresent("transformer.ln_f.bias", (name, tensor) -> tensor.as("F32"));
      write(GPT2, 2);
      assertReads(model);
    }
  }

  @ParameterizedTest
  @CsvSource({"transformer.,1", "transformer.,2", "'',1", "'',2"})
  void readsGpt2WithAndWithoutItsPrefixAndBuffers(String prefix, int files) throws IOException {
    try (LanguageModel model = model(GPT2)) {
      addWeights(model, "F16", name -> name.replace("transformer.", prefix));
      for (int layer = 0; layer < 2; layer++) {
        tensors.put(prefix + "h." + layer + ".attn.bias", StoredTensor.zeros("BOOL", 1, 1, 5, 5));
        tensors.put(prefix + "h." + layer + ".attn.masked_bias", StoredTensor.zeros("F32"));
      }
      tensors.put("lm_head.weight", tensors.get(prefix + "wte.weight"));
      write(GPT2, files);
      assertReads(model);
    }
    assertThat(notices)
        .containsExactly(
            "Ignored in %s: lm_head.weight, a copy of %swte.weight; buffers that the model computes itself (2 %sh.*.attn.bias, 2 %sh.*.attn.masked_bias)"
                .formatted(folder, prefix, prefix, prefix));
  }

  @ParameterizedTest
  @CsvSource({"model.,self_attn", "'',self_attn", "model.,", "'',"})
  void readsLlamaWithAndWithoutItsPrefixAndBuffers(String prefix, String perLayer)
      throws IOException {
    try (LanguageModel model = model(TIED_LLAMA)) {
      addWeights(model, "BF16", name -> name.replace("model.", prefix));
      String listed;
      if (perLayer == null) {
        listed = "1 " + prefix + "rotary_emb.inv_freq";
        tensors.put(prefix + "rotary_emb.inv_freq", StoredTensor.zeros("F32", 2));
      } else {
        listed = "2 " + prefix + "layers.*.self_attn.rotary_emb.inv_freq";
        for (int layer = 0; layer < 2; layer++) {
          tensors.put(
              prefix + "layers." + layer + ".self_attn.rotary_emb.inv_freq",
              StoredTensor.zeros("F16", 2));
        }
      }
      write(TIED_LLAMA, 1);
      assertReads(model);
      assertThat(notices)
          .containsExactly(
              "Ignored in %s: buffers that the model computes itself (%s)"
                  .formatted(folder, listed));
    }
  }

  /** A change of a published GPT-2, and what is said about it. */
  static Stream<Arguments> refusals() {
    return Stream.of(
        refusal(
            "lm_head.weight",
            StoredTensor.ofValues("BF16", 0.25f, 11, 8),
            "tensor lm_head.weight of the model in %s must equal transformer.wte.weight, to which config.json ties it, got 0.25 instead of 0.03125 at element 0: set tie_word_embeddings to false there if the model has a head of its own"),
        refusal(
            "lm_head.weight",
            StoredTensor.zeros("F32", 12, 8),
            "tensor lm_head.weight of the model in %s must have the shape [11, 8], got [12, 8]: it is another model"),
        refusal(
            "lm_head.weight",
            StoredTensor.zeros("I8", 11, 8),
            "tensor lm_head.weight of %s/model.safetensors must have the element type F32, BF16 or F16, got I8: convert it to one of them"),
        refusal(
            "transformer.ln_f.bias",
            StoredTensor.zeros("F64", 8),
            "tensor transformer.ln_f.bias of %s/model.safetensors must have the element type F32, BF16 or F16, got F64: convert it to one of them"),
        refusal(
            "transformer.h.1.mlp.c_fc.weight",
            StoredTensor.zeros("I64", 8, 32),
            "tensor transformer.h.1.mlp.c_fc.weight of %s/model.safetensors must have the element type F32, BF16 or F16, got I64: convert it to one of them"),
        refusal(
            "transformer.h.1.mlp.c_fc.weight",
            StoredTensor.zeros("BF16", 32, 8),
            "tensor transformer.h.1.mlp.c_fc.weight of the model in %s must have the shape [8, 32], got [32, 8]: it is another model"),
        refusal(
            "transformer.h.1.ln_2.weight",
            null,
            "the model in %s must have the tensor transformer.h.1.ln_2.weight, and does not"),
        unknown("transformer.h.2.attn.bias", StoredTensor.zeros("U8", 1, 1, 5, 5)),
        unknown("transformer.h.0.attn.bias", StoredTensor.zeros("F32", 8)),
        unknown("transformer.h.0.attn.masked_bias", StoredTensor.zeros("F32", 1)),
        unknown("transformer.h.0.attn.other_bias", StoredTensor.zeros("F32")),
        unknown("h.0.attn.bias", StoredTensor.zeros("U8", 1, 1, 5, 5)),
        unknown("wte.weight", StoredTensor.zeros("F32", 11, 8)),
        unknown("transformer.rotary_emb.inv_freq", StoredTensor.zeros("F32", 2)),
        unknown("score.weight", StoredTensor.zeros("F32", 1, 8)));
  }

  private static Arguments refusal(String name, StoredTensor tensor, String said) {
    return Arguments.of(name, tensor, said);
  }

  private static Arguments unknown(String name, StoredTensor tensor) {
    return refusal(
        name,
        tensor,
        "the model in %s has the tensor "
            + name
            + ", which this architecture does not have: it is another model");
  }

  @ParameterizedTest
  @MethodSource("refusals")
  void refusesEveryOtherTensorByName(String name, StoredTensor tensor, String said)
      throws IOException {
    try (LanguageModel model = model(GPT2)) {
      addWeights(model, "F32", Function.identity());
      if (tensor == null) {
        tensors.remove(name);
      } else {
        tensors.put(name, tensor);
      }
      write(GPT2, 1);
    }
    assertThatThrownBy(() -> ModelDirectory.read(fs, path(), backend, notices::add))
        .isInstanceOf(UserException.class)
        .hasMessage(said.formatted(folder));
    assertThat(notices).isEmpty();
  }

  /** Base classes save no head, so an untied one has to come from elsewhere. */
  @Test
  void refusesALlamaWithoutItsOwnHead() throws IOException {
    try (LanguageModel model = model(LLAMA)) {
      addWeights(model, "BF16", name -> name.replace("model.", ""));
      tensors.remove("lm_head.weight");
      write(LLAMA, 1);
    }
    assertThatThrownBy(() -> ModelDirectory.read(fs, path(), backend, notices::add))
        .isInstanceOf(UserException.class)
        .hasMessage(
            "the model in %s must have the tensor lm_head.weight, and does not".formatted(folder));
  }

  /** A model of weights that all three types have: multiples of 2^-5 below 8. */
  private LanguageModel model(ModelConfig config) {
    LanguageModel model = Models.declare(config);
    model.parameters().allocate(backend, DType.F32);
    float[] values = new float[Math.toIntExact(model.parameters().segmentSize())];
    for (int i = 0; i < values.length; i++) {
      values[i] = (i % 255 + 1) / 32f;
    }
    model
        .parameters()
        .parameters()
        .forEach(
            parameter ->
                backend.upload(
                    values,
                    Math.toIntExact(parameter.offset()),
                    model.parameters().weights().view(parameter)));
    return model;
  }

  private void addWeights(LanguageModel model, String dtype, Function<String, String> naming) {
    for (HuggingFaceTensor tensor : HuggingFaceNames.tensors(model)) {
      float[] ours = new float[Math.toIntExact(tensor.parameter().size())];
      backend.download(model.parameters().weights().view(tensor.parameter()), ours, 0);
      float[] theirs = new float[tensor.size()];
      tensor.fromParameter(ours, theirs);
      tensors.put(
          naming.apply(tensor.name()), StoredTensor.of(dtype, theirs, tensor.shape().toArray()));
    }
  }

  /** The tensors in turn to each file; the first file alone is without an index. */
  private void write(ModelConfig config, int files) throws IOException {
    Files.writeString(
        folder.resolve("config.json"),
        HuggingFaceConfig.write(config, FloatType.F32).toPrettyString());
    if (files == 1) {
      StoredTensor.write(folder.resolve("model.safetensors"), tensors);
      return;
    }
    List<String> names = List.copyOf(tensors.keySet());
    StringBuilder weightMap = new StringBuilder();
    for (int file = 0; file < files; file++) {
      String fileName = "model-0000%d-of-0000%d.safetensors".formatted(file + 1, files);
      Map<String, StoredTensor> part = new TreeMap<>();
      int remainder = file;
      IntStream.range(0, names.size())
          .filter(i -> i % files == remainder)
          .mapToObj(names::get)
          .forEach(name -> part.put(name, tensors.get(name)));
      StoredTensor.write(folder.resolve(fileName), part);
      for (String name : part.keySet()) {
        weightMap.append(weightMap.length() == 0 ? "" : ", ");
        weightMap.append("\"%s\": \"%s\"".formatted(name, fileName));
      }
    }
    Files.writeString(
        folder.resolve("model.safetensors.index.json"),
        "{\"metadata\": {\"total_size\": 1}, \"weight_map\": {" + weightMap + "}}");
  }

  private void assertReads(LanguageModel expected) {
    try (LanguageModel read = ModelDirectory.read(fs, path(), backend, notices::add)) {
      assertThat(read.config()).isEqualTo(expected.config());
      assertThat(weights(read)).isEqualTo(weights(expected));
    }
  }

  private float[] weights(LanguageModel model) {
    float[] values = new float[Math.toIntExact(model.parameters().segmentSize())];
    backend.download(model.parameters().weights().flat(), values, 0);
    return values;
  }

  private org.apache.hadoop.fs.Path path() {
    return new org.apache.hadoop.fs.Path(folder.toString());
  }

  @Test
  void theModelsAreOfEveryArchitecture() {
    assertThat(Stream.concat(Stream.of(GPT2, LLAMA), OTHERS.stream()))
        .extracting(ModelConfig::architecture)
        .contains(Architecture.values());
  }
}
