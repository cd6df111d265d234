package dev.firesteel.format.huggingface;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.firesteel.array.ArrayPool;
import dev.firesteel.array.DType;
import dev.firesteel.array.Shape;
import dev.firesteel.backend.Backend;
import dev.firesteel.backend.reference.ReferenceBackend;
import dev.firesteel.chat.TestTokenizers;
import dev.firesteel.checkpoint.Attempt;
import dev.firesteel.checkpoint.CheckpointWriter;
import dev.firesteel.checkpoint.FailingFileSystem;
import dev.firesteel.config.ModelConfig;
import dev.firesteel.config.ModelConfig.Architecture;
import dev.firesteel.config.SampleConfig;
import dev.firesteel.error.UserException;
import dev.firesteel.format.safetensors.SafetensorsFile;
import dev.firesteel.model.LanguageModel;
import dev.firesteel.model.Models;
import dev.firesteel.model.ScoredModel;
import dev.firesteel.model.TestModels;
import dev.firesteel.nn.Lora;
import dev.firesteel.nn.NamePattern;
import dev.firesteel.nn.Parameter;
import dev.firesteel.nn.Projections;
import dev.firesteel.tokenizer.BpeTokenizer;
import dev.firesteel.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.apache.hadoop.fs.FileSystem;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Reward models as Hugging Face directories. */
class RewardModelDirectoryTest {
  private static final Tokenizer BYTES = BpeTokenizer.bytes();
  private static final Tokenizer WITH_PADDING = TestTokenizers.bytesWith("<|pad|>");
  private static final List<int[]> DOCUMENTS =
      List.of(new int[] {65, 66, 67, 256}, new int[] {1}, new int[] {9, 8, 7, 6, 5, 4, 3});

  @TempDir private Path folder;
  private final Backend backend = new ReferenceBackend();
  private FileSystem fs;

  @BeforeEach
  void openFileSystem() throws IOException {
    fs = FailingFileSystem.local();
  }

  @AfterEach
  void closeBackend() {
    backend.close();
  }

  private static ModelConfig config(Architecture architecture) {
    int vocabulary = WITH_PADDING.vocabularySize();
    ModelConfig config =
        architecture == Architecture.GPT2
            ? TestModels.gpt2(2, 16, 2, 12, vocabulary)
            : TestModels.llama(2, 16, 4, 2, 24, 12, vocabulary).toBuilder()
                .architecture(architecture)
                .attentionBias(null)
                .build();
    return TestModels.withInitStd(config, 0.3);
  }

  private ScoredModel reward(Architecture architecture, Projections projections) {
    ScoredModel model = ScoredModel.reward(config(architecture), projections);
    model.parameters().allocate(backend, DType.F32);
    model.parameters().initialize(3);
    model.normalize(0.3, 1.7);
    return model;
  }

  private void write(LanguageModel model, Tokenizer tokenizer) throws IOException {
    ModelDirectory.write(
        new CheckpointWriter(fs, path(), Attempt.unfenced(), () -> {}),
        model,
        model.parameters().weights(),
        tokenizer,
        new SampleConfig("", 0, 8, 1, 0, 1));
  }

  private ScoredModel read() {
    return ModelDirectory.readReward(fs, path(), backend, notice -> {});
  }

  private double[] scores(ScoredModel model) {
    try (ArrayPool pool = new ArrayPool(backend)) {
      return model.score(pool, DOCUMENTS, 2);
    }
  }

  private org.apache.hadoop.fs.Path path() {
    return new org.apache.hadoop.fs.Path(folder.toString());
  }

  private JsonNode json(String name) throws IOException {
    return new ObjectMapper().readTree(folder.resolve(name).toFile());
  }

  @ParameterizedTest
  @CsvSource({
    "GPT2, GPT2ForSequenceClassification, transformer.wte.weight",
    "LLAMA, LlamaForSequenceClassification, model.embed_tokens.weight",
    "QWEN2, Qwen2ForSequenceClassification, model.embed_tokens.weight",
  })
  void aRewardModelIsASequenceClassifierWithTheSameScores(
      Architecture architecture, String name, String embedding) throws IOException {
    try (ScoredModel written = reward(architecture, Projections.DENSE)) {
      write(written.backbone(), WITH_PADDING);
      try (ScoredModel read = read()) {
        assertThat(scores(read)).isEqualTo(scores(written)).doesNotHaveDuplicates();
        assertThat(read.normalization()).isEqualTo(written.normalization());
      }
    }
    JsonNode config = json("config.json");
    assertThat(config.path("architectures")).hasToString("[\"" + name + "\"]");
    assertThat(config.path("num_labels").asInt()).isEqualTo(1);
    assertThat(config.path("id2label")).hasToString("{\"0\":\"LABEL_0\"}");
    try (SafetensorsFile file =
        SafetensorsFile.open(fs, new org.apache.hadoop.fs.Path(path(), "model.safetensors"))) {
      assertThat(file.tensors()).containsKeys("score.weight", embedding);
      assertThat(file.tensors()).doesNotContainKey("lm_head.weight");
      assertThat(file.tensors().get("score.weight").shape()).isEqualTo(Shape.of(1, 16));
    }
  }

  /** Where padding is the end token, transformers scores the token before it. */
  @Test
  void thePaddingTokenIsNeverTheEndToken() throws IOException {
    try (ScoredModel model = reward(Architecture.GPT2, Projections.DENSE)) {
      write(model.backbone(), WITH_PADDING);
      assertThat(json("config.json").path("eos_token_id").asInt()).isEqualTo(256);
      assertThat(json("config.json").path("pad_token_id").asInt()).isEqualTo(257);
      assertThat(json("tokenizer_config.json").path("pad_token").asText()).isEqualTo("<|pad|>");

      write(model.backbone(), BYTES);
      assertThat(json("config.json").path("eos_token_id").asInt()).isEqualTo(256);
      assertThat(json("config.json").has("pad_token_id")).isFalse();
      assertThat(json("tokenizer_config.json").path("eos_token").asText())
          .isEqualTo("<|endoftext|>");
      assertThat(json("tokenizer_config.json").has("pad_token")).isFalse();
    }
  }

  @Test
  void adaptersOfARewardModelAreMerged() throws IOException {
    Lora lora = new Lora(2, 4, 0, NamePattern.all("*.attention.*", "*.feed_forward.*"));
    try (ScoredModel written = reward(Architecture.LLAMA, lora)) {
      for (Parameter parameter : written.parameters().parameters()) {
        if (parameter.name().endsWith(".lora_b.weight")) {
          backend.fill(written.parameters().weights().view(parameter), 0.05);
        }
      }
      write(written.backbone(), WITH_PADDING);
      try (ScoredModel read = read();
          ScoredModel base = reward(Architecture.LLAMA, Projections.DENSE)) {
        assertThat(read.backbone().adapters()).isEmpty();
        assertThat(scores(read)).containsExactly(scores(written), within(1e-5));
        assertThat(Math.abs(scores(base)[0] - scores(read)[0])).isGreaterThan(1e-3);
      }
    }
  }

  @Test
  void aRewardModelIsNoLanguageModelAndTheOtherWayRound() throws IOException {
    try (ScoredModel model = reward(Architecture.GPT2, Projections.DENSE)) {
      write(model.backbone(), WITH_PADDING);
    }
    assertThatThrownBy(() -> ModelDirectory.read(fs, path(), backend, notice -> {}))
        .isInstanceOf(UserException.class)
        .hasMessage(
            "%s must be a language model, got a reward model (GPT2ForSequenceClassification): name the model that it was trained from, or another one"
                .formatted(folder));
    try (LanguageModel model = Models.declare(config(Architecture.LLAMA))) {
      model.parameters().allocate(backend, DType.F32);
      model.parameters().initialize(1);
      write(model, WITH_PADDING);
    }
    assertThatThrownBy(this::read)
        .isInstanceOf(UserException.class)
        .hasMessage(
            "%s must be a reward model, got a model of the class LlamaForCausalLM: train one with the command reward"
                .formatted(folder));
  }

  @Test
  void aDirectoryWithoutNormalizationOrHeadIsRefused() throws IOException {
    try (ScoredModel model = reward(Architecture.GPT2, Projections.DENSE)) {
      write(model.backbone(), WITH_PADDING);
    }
    Files.delete(folder.resolve("firesteel/parameters.safetensors"));
    assertThatThrownBy(this::read)
        .isInstanceOf(UserException.class)
        .hasMessageContaining("must have the parameter score_normalization");
  }

  /** A reward model's transformer, on which a language model may start again. */
  @Test
  void noticesNameTheHeadThatIsLeftOut() throws IOException {
    try (ScoredModel model = reward(Architecture.GPT2, Projections.DENSE)) {
      write(model.backbone(), WITH_PADDING);
    }
    List<String> notices = new ArrayList<>();
    try (LanguageModel plain = Models.declare(config(Architecture.GPT2))) {
      plain.parameters().allocate(backend, DType.F32);
      ModelDirectory.readBackbone(fs, path(), plain, notices::add);
    }
    assertThat(String.join("\n", notices))
        .contains("score.weight, the head of a reward model")
        .contains("score_normalization");
  }
}
