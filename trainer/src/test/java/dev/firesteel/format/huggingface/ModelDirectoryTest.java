package dev.firesteel.format.huggingface;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.firesteel.array.DType;
import dev.firesteel.backend.RopeSpec;
import dev.firesteel.backend.reference.ReferenceBackend;
import dev.firesteel.checkpoint.Attempt;
import dev.firesteel.checkpoint.CheckpointWriter;
import dev.firesteel.checkpoint.FailingFileSystem;
import dev.firesteel.config.ConfigLoader;
import dev.firesteel.config.ModelConfig;
import dev.firesteel.config.PretrainConfig;
import dev.firesteel.error.UserException;
import dev.firesteel.format.safetensors.FloatType;
import dev.firesteel.model.LanguageModel;
import dev.firesteel.model.Models;
import dev.firesteel.model.TestModels;
import dev.firesteel.nn.Parameter;
import dev.firesteel.tokenizer.BpeTokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.apache.hadoop.fs.FileSystem;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class ModelDirectoryTest {
  @TempDir Path folder;
  private final ReferenceBackend backend = new ReferenceBackend();
  private FileSystem fs;

  @BeforeEach
  void openFileSystem() throws IOException {
    fs = FailingFileSystem.local();
  }

  @AfterEach
  void closeBackend() {
    backend.close();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "model.architecture=gpt2",
        "model.architecture=gpt2 model.bias=false",
        "model.architecture=llama model.kv_heads=1",
        "model.architecture=llama model.tie_embeddings=true",
        "model.architecture=llama model.attention_bias=all model.feed_forward_bias=true",
        "model.architecture=mistral model.kv_heads=1 model.window=5",
        "model.architecture=qwen2 model.rope_scaling.type=linear model.rope_scaling.factor=2",
        "model.architecture=qwen3 model.head_width=6 model.attention_bias=all model.window=8"
      })
  void readsBackEveryBit(String overrides) throws IOException {
    PretrainConfig config = config(overrides.split(" "));
    try (LanguageModel written = model(config, 3)) {
      write(written, config);
      try (LanguageModel read = ModelDirectory.read(fs, path(), backend, notice -> {})) {
        assertThat(read.config()).isEqualTo(written.config());
        assertThat(weights(read)).isEqualTo(weights(written));
      }
    }
    assertThat(ModelDirectory.readTokenizer(fs, path()).sha256())
        .isEqualTo(BpeTokenizer.bytes().sha256());
  }

  static Stream<ModelConfig> variants() {
    return TestModels.variants();
  }

  /** Into a model of zeros, as a resume does: what is not read stays 0. */
  @ParameterizedTest
  @MethodSource("variants")
  void savesAndReadsEveryParameterOfEveryArchitecture(ModelConfig variant) throws IOException {
    ModelConfig config = variant.withVocabularySize(257);
    try (LanguageModel written = Models.declare(config);
        LanguageModel read = Models.declare(config)) {
      written.parameters().allocate(backend, DType.F32);
      read.parameters().allocate(backend, DType.F32);
      for (Parameter parameter : written.parameters().parameters()) {
        float[] values = new float[Math.toIntExact(parameter.size())];
        for (int i = 0; i < values.length; i++) {
          values[i] = parameter.offset() + i + 1;
        }
        backend.upload(values, 0, written.parameters().weights().view(parameter));
      }
      write(written, config());
      ModelDirectory.readWeights(fs, path(), read, notice -> {});
      assertThat(weights(read)).isEqualTo(weights(written));
    }
  }

  static Stream<ModelConfig> interleaved() {
    return variants().filter(config -> config.ropeLayout() == RopeSpec.Layout.INTERLEAVED);
  }

  /** Their file is in rotate-half order, biases and gains of heads too. */
  @ParameterizedTest
  @MethodSource("interleaved")
  void interleavedModelsHaveTheSameLogitsAfterReading(ModelConfig variant) throws IOException {
    ModelConfig config = variant.withVocabularySize(257);
    int[] ids = {3, 1, 4, 1, 5, 9, 2, 6, 5, 3};
    try (LanguageModel written = Models.declare(config)) {
      written.parameters().allocate(backend, DType.F32);
      for (Parameter parameter : written.parameters().parameters()) {
        float[] values = new float[Math.toIntExact(parameter.size())];
        for (int i = 0; i < values.length; i++) {
          values[i] = (float) (0.3 * Math.sin(parameter.offset() + 0.731 * i));
        }
        backend.upload(values, 0, written.parameters().weights().view(parameter));
      }
      write(written, config());
      try (LanguageModel read = ModelDirectory.read(fs, path(), backend, notice -> {})) {
        assertThat(TestModels.logits(read, ids, 2, 5))
            .containsExactly(TestModels.logits(written, ids, 2, 5), within(1e-6f));
      }
    }
  }

  /** Weights that every type holds come back to the bit, and the files say their type. */
  @ParameterizedTest
  @EnumSource(FloatType.class)
  void writesEveryElementType(FloatType dtype) throws IOException {
    PretrainConfig config = config("model.architecture=qwen3");
    try (LanguageModel written = model(config, 3)) {
      for (Parameter parameter : written.parameters().parameters()) {
        float[] values = new float[Math.toIntExact(parameter.size())];
        for (int i = 0; i < values.length; i++) {
          values[i] = (i % 255 - 127) / 32f;
        }
        backend.upload(values, 0, written.parameters().weights().view(parameter));
      }
      ModelDirectory.write(
          new CheckpointWriter(fs, path(), Attempt.unfenced(), () -> {}),
          written,
          written.parameters().weights(),
          dtype,
          BpeTokenizer.bytes(),
          Optional.empty(),
          config.sample());
      try (LanguageModel read = ModelDirectory.read(fs, path(), backend, notice -> {})) {
        assertThat(weights(read)).isEqualTo(weights(written));
      }
      long bytes = written.parameters().count() * dtype.bytes();
      assertThat(Files.size(folder.resolve("model.safetensors"))).isBetween(bytes, bytes + 8192);
    }
    String name =
        switch (dtype) {
          case F32 -> "float32";
          case BF16 -> "bfloat16";
          case F16 -> "float16";
        };
    assertThat(Files.readString(folder.resolve("config.json")))
        .contains("\"torch_dtype\" : \"" + name, "\"dtype\" : \"" + name);
  }

  @Test
  void writesWhatTransformersLooksFor() throws IOException {
    PretrainConfig config = config("model.architecture=llama", "sample.temperature=0.7");
    try (LanguageModel written = model(config, 3)) {
      write(written, config);
    }
    assertThat(folder.toFile().list())
        .containsExactlyInAnyOrder(
            "config.json",
            "model.safetensors",
            "tokenizer.json",
            "tokenizer_config.json",
            "generation_config.json");
    assertThat(Files.readString(folder.resolve("config.json")))
        .contains("\"LlamaForCausalLM\"", "\"eos_token_id\" : 256");
    assertThat(Files.readString(folder.resolve("tokenizer_config.json")))
        .contains(
            "\"tokenizer_class\" : \"PreTrainedTokenizerFast\"",
            "\"eos_token\" : \"<|endoftext|>\"",
            "\"model_max_length\" : 8");
    assertThat(Files.readString(folder.resolve("generation_config.json")))
        .contains("\"do_sample\" : true", "\"temperature\" : 0.7", "\"eos_token_id\" : 256");
  }

  @Test
  void namesTheFirstTensorOfAnotherModel() throws IOException {
    PretrainConfig config = config("model.architecture=gpt2");
    try (LanguageModel written = model(config, 3)) {
      write(written, config);
    }
    try (LanguageModel wider =
            model(config("model.architecture=gpt2", "model.context_length=9"), 3);
        LanguageModel deeper = model(config("model.architecture=gpt2", "model.layers=3"), 3);
        LanguageModel shallower = model(config("model.architecture=gpt2", "model.layers=1"), 3)) {
      assertThatThrownBy(() -> ModelDirectory.readWeights(fs, path(), wider, notice -> {}))
          .isInstanceOf(UserException.class)
          .hasMessage(
              "tensor transformer.wpe.weight of the model in %s must have the shape [9, 8], got [8, 8]: it is another model"
                  .formatted(folder));
      assertThatThrownBy(() -> ModelDirectory.readWeights(fs, path(), deeper, notice -> {}))
          .isInstanceOf(UserException.class)
          .hasMessage(
              "the model in %s must have the tensor transformer.h.2.ln_1.weight, and does not"
                  .formatted(folder));
      assertThatThrownBy(() -> ModelDirectory.readWeights(fs, path(), shallower, notice -> {}))
          .isInstanceOf(UserException.class)
          .hasMessage(
              "the model in %s has the tensor transformer.h.1.attn.c_attn.bias, which this architecture does not have: it is another model"
                  .formatted(folder));
    }
  }

  @Test
  void refusesBiasesThatTheModelHasNoPlaceFor() throws IOException {
    PretrainConfig biased = config("model.architecture=gpt2");
    try (LanguageModel written = model(biased, 3)) {
      backend.fill(
          written.parameters().weights().view(written.parameters().parameter("final_norm.bias")),
          0.5);
      write(written, biased);
    }
    try (LanguageModel unbiased = model(config("model.architecture=gpt2", "model.bias=false"), 3)) {
      assertThatThrownBy(() -> ModelDirectory.readWeights(fs, path(), unbiased, notice -> {}))
          .isInstanceOf(UserException.class)
          .hasMessage(
              "tensor transformer.ln_f.bias must be all 0, since the model has no such parameter, got 0.5: load it as a model with biases");
    }
  }

  @Test
  void namesWhatIsMissing() {
    assertThatThrownBy(() -> ModelDirectory.read(fs, path(), backend, notice -> {}))
        .isInstanceOf(UserException.class)
        .hasMessage(folder + " must be a model directory with a config.json, got none");
  }

  private void write(LanguageModel model, PretrainConfig config) throws IOException {
    ModelDirectory.write(
        new CheckpointWriter(fs, path(), Attempt.unfenced(), () -> {}),
        model,
        BpeTokenizer.bytes(),
        config.sample());
  }

  private LanguageModel model(PretrainConfig config, long seed) {
    return Models.create(config.model().withVocabularySize(257), backend, DType.F32, seed);
  }

  private static PretrainConfig config(String... overrides) {
    List<String> all =
        new ArrayList<>(
            List.of(
                "data.source=none",
                "model.layers=2",
                "model.width=8",
                "model.heads=2",
                "model.feed_forward_width=12",
                "model.context_length=8"));
    all.addAll(Arrays.asList(overrides));
    return ConfigLoader.load(PretrainConfig.class, all);
  }

  private static float[] weights(LanguageModel model) {
    float[] values = new float[Math.toIntExact(model.parameters().segmentSize())];
    model.parameters().backend().download(model.parameters().weights().flat(), values, 0);
    return values;
  }

  private org.apache.hadoop.fs.Path path() {
    return new org.apache.hadoop.fs.Path(folder.toString());
  }
}
