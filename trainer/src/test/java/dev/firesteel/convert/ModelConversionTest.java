package dev.firesteel.convert;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.firesteel.array.DType;
import dev.firesteel.backend.Backend;
import dev.firesteel.checkpoint.AsyncCheckpoints;
import dev.firesteel.checkpoint.Attempt;
import dev.firesteel.checkpoint.CheckpointWriter;
import dev.firesteel.collective.SingleProcess;
import dev.firesteel.config.ModelConfig;
import dev.firesteel.config.ModelConfig.Architecture;
import dev.firesteel.config.RopeScalingConfig;
import dev.firesteel.config.SampleConfig;
import dev.firesteel.error.UserException;
import dev.firesteel.format.gguf.GgufEncoding;
import dev.firesteel.format.gguf.GgufFile;
import dev.firesteel.format.huggingface.ModelDirectory;
import dev.firesteel.format.huggingface.ModelTensors;
import dev.firesteel.format.huggingface.PublishedModel;
import dev.firesteel.format.llama2c.Llama2cFiles;
import dev.firesteel.format.safetensors.FloatType;
import dev.firesteel.format.safetensors.TensorSource;
import dev.firesteel.inspect.Inspection;
import dev.firesteel.inspect.Inspections;
import dev.firesteel.model.LanguageModel;
import dev.firesteel.model.Models;
import dev.firesteel.model.ScoredModel;
import dev.firesteel.model.TestModels;
import dev.firesteel.nn.Lora;
import dev.firesteel.nn.NamePattern;
import dev.firesteel.nn.ParameterSet;
import dev.firesteel.nn.Projections;
import dev.firesteel.run.RunDirectory;
import dev.firesteel.run.SavedModel;
import dev.firesteel.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ModelConversionTest {
  private static final int[] IDS = {1, 5, 2, 7, 3};

  @TempDir private Path folder;
  private final Backend backend = SavedModels.backend();
  private final List<String> notices = new ArrayList<>();

  @AfterEach
  void closeBackend() {
    backend.close();
  }

  private ModelExport export(Path model, Path out) {
    return new ModelExport(
        SavedModels.hadoop(model),
        SavedModels.hadoop(out),
        "apache-2.0",
        SavedModels.HADOOP,
        backend,
        notices::add);
  }

  private ModelImport.Written imported(Path from, Path out, int vocabulary) {
    return new ModelImport(
            SavedModels.hadoop(from),
            SavedModels.hadoop(out),
            null,
            vocabulary,
            SavedModels.HADOOP,
            backend,
            notices::add)
        .run();
  }

  /** Every combination of choices that an architecture has, except what llama.cpp has not. */
  @Test
  void exportAndImportAreTheIdentity() throws IOException {
    int exported = 0;
    int refused = 0;
    List<ModelConfig> variants = TestModels.variants().toList();
    for (int i = 0; i < variants.size(); i += 3) { // the choices that follow each other differ
      Tokenizer tokenizer = i % 2 == 0 ? TextTokenizers.characters() : TextTokenizers.bpe();
      Path from = folder.resolve("from" + i);
      SavedModels.write(backend, variants.get(i), tokenizer, i, from);
      Path hf = folder.resolve("hf" + i);
      export(from, hf).toHuggingFace(FloatType.F32, ModelTensors.MAX_FILE_BYTES);
      assertSame(from, hf);
      Path file = folder.resolve(i + ".gguf");
      try {
        export(from, file).toGguf(GgufEncoding.F32);
      } catch (UserException e) {
        assertThat(e).hasMessageContaining("cannot be exported to gguf, since llama.cpp would");
        refused++;
        continue;
      }
      exported++;
      Path back = folder.resolve("back" + i);
      imported(file, back, 0);
      assertSame(from, back);
    }
    assertThat(refused).isLessThan(exported);
  }

  @Test
  void anExportedFileCanBeInspected() throws IOException {
    Path from = folder.resolve("from");
    ModelConfig config = TestModels.gpt2(2, 32, 2, 16, TextTokenizers.bpe().vocabularySize());
    SavedModels.write(backend, config, TextTokenizers.bpe(), 3, from);
    Path file = folder.resolve("model.gguf");
    export(from, file).toGguf(GgufEncoding.Q8_0);
    Inspection inspection = Inspections.inspect(SavedModels.hadoop(file), SavedModels.HADOOP);
    assertThat(inspection.kind()).isEqualTo("GGUF file");
    assertThat(inspection.passed()).isTrue();
    assertThat(inspection.toJson())
        .contains("general.architecture", "token_embd.weight", "Q8_0", "blk.1.ffn_down.weight");
  }

  private static void assertSame(Path from, Path to) throws IOException {
    for (String file :
        List.of("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")) {
      assertThat(to.resolve(file)).hasSameBinaryContentAs(from.resolve(file));
    }
  }

  @Test
  void saysWhatLlamaCppWouldComputeOtherwise() throws IOException {
    ModelConfig llama = TestModels.llama(1, 8, 2, 1, 12, 16, 0);
    refuses(
        TestModels.gpt2(1, 8, 2, 16, 0).toBuilder()
            .activation(ModelConfig.Activation.GELU_ERF)
            .build(),
        "a model with activation gelu_erf cannot be exported to gguf, since llama.cpp would compute another one (it computes gpt2 with the tanh form of GELU): export it to hf");
    refuses(
        llama.toBuilder().architecture(Architecture.QWEN2).attentionBias(null).window(4).build(),
        "a model with window 4 of a context of 16 cannot be exported to gguf");
    refuses(
        llama.toBuilder()
            .ropeScaling(
                new RopeScalingConfig(RopeScalingConfig.Type.YARN, 4, 2, 1, 32, 1.25, true))
            .build(),
        "a model with rope_scaling.type yarn cannot be exported to gguf");
    Path mistral = folder.resolve("mistral");
    SavedModels.write(
        backend,
        llama.toBuilder().architecture(Architecture.MISTRAL).window(4).build(),
        TextTokenizers.bpe(),
        1,
        mistral);
    export(mistral, folder.resolve("mistral.gguf")).toGguf(GgufEncoding.F32);
    assertThat(notices)
        .containsExactly(
            "llama.cpp computes no sliding window for llama: the file has the context of the window, 4 tokens of 16");
  }

  private void refuses(ModelConfig config, String message) throws IOException {
    Path directory = folder.resolve(config.architecture() + "-" + message.hashCode());
    SavedModels.write(backend, config, TextTokenizers.bpe(), 1, directory);
    assertThatThrownBy(() -> export(directory, folder.resolve("x.gguf")).toGguf(GgufEncoding.F32))
        .isInstanceOf(UserException.class)
        .hasMessageStartingWith(message);
    assertThat(folder.resolve("x.gguf")).doesNotExist();
    assertThat(folder.resolve(".x.gguf.partial")).doesNotExist();
  }

  @Test
  void shardsAndRoundsAndDescribes() throws IOException {
    Path from = folder.resolve("from");
    SavedModels.write(
        backend, TestModels.llama(2, 16, 4, 2, 24, 16, 0), TextTokenizers.bpe(), 1, from);
    Path to = folder.resolve("to");
    export(from, to).toHuggingFace(FloatType.BF16, 3000);
    assertThat(to.resolve("model.safetensors.index.json")).exists();
    JsonNode config = new ObjectMapper().readTree(to.resolve("config.json").toFile());
    assertThat(config.path("torch_dtype").asText()).isEqualTo("bfloat16");
    assertThat(config.path("dtype").asText()).isEqualTo("bfloat16");
    assertThat(Files.readString(to.resolve("README.md")))
        .startsWith(
            "---\nlibrary_name: transformers\npipeline_tag: text-generation\nlicense: apache-2.0\n")
        .contains("| architecture | llama |");
    assertThatThrownBy(() -> export(from, to).toHuggingFace(FloatType.F32, 3000))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("must not exist, got something there");
    // Published again from what was published.
    Path again = folder.resolve("again");
    export(to, again).toHuggingFace(FloatType.BF16, 3000);
    for (String file : names(to)) {
      if (!file.equals("README.md")) {
        assertThat(again.resolve(file)).hasSameBinaryContentAs(to.resolve(file));
      }
    }
  }

  private static Set<String> names(Path directory) throws IOException {
    try (Stream<Path> files = Files.list(directory)) {
      Set<String> names = new TreeSet<>();
      files.forEach(file -> names.add(file.getFileName().toString()));
      return names;
    }
  }

  @Test
  void mergesAdapters() throws IOException {
    ModelConfig config =
        TestModels.llama(1, 8, 2, 1, 12, 16, 0)
            .withVocabularySize(TextTokenizers.bpe().vocabularySize());
    Lora lora = new Lora(2, 4, 0, NamePattern.all("blocks.*.attention.qkv"));
    ParameterSet.Builder parameters = ParameterSet.builder();
    Path adapted = folder.resolve("adapted");
    float[] wanted;
    try (LanguageModel model = Models.declare(config, parameters, lora)) {
      parameters.build().allocate(backend, DType.F32);
      model.parameters().initialize(3);
      float[] up =
          new float
              [Math.toIntExact(
                  model.parameters().parameter("blocks.0.attention.qkv.lora_b.weight").size())];
      for (int i = 0; i < up.length; i++) {
        up[i] = 0.01f * i;
      }
      var b = model.parameters().parameter("blocks.0.attention.qkv.lora_b.weight");
      model.parameters().weights().memory().upload(up, 0, model.parameters().weights().view(b));
      wanted = TestModels.logits(model, IDS, 1, IDS.length);
      write(model, adapted);
    }
    Path to = folder.resolve("merged");
    export(adapted, to).toHuggingFace(FloatType.F32, ModelTensors.MAX_FILE_BYTES);
    assertThat(names(to)).doesNotContain("firesteel");
    assertThat(logits(to)).usingComparatorWithPrecision(1e-4f).containsExactly(wanted);
    Path file = folder.resolve("merged.gguf");
    export(adapted, file).toGguf(GgufEncoding.F32);
    Path back = folder.resolve("back");
    imported(file, back, 0);
    assertThat(back.resolve("model.safetensors"))
        .hasSameBinaryContentAs(to.resolve("model.safetensors"));
  }

  private void write(LanguageModel model, Path to) throws IOException {
    ModelDirectory.write(
        new CheckpointWriter(
            SavedModels.fs(), SavedModels.hadoop(to), Attempt.unfenced(), () -> {}),
        model,
        TextTokenizers.bpe(),
        new SampleConfig("", 0, 64, 0, 0, 1));
  }

  private float[] logits(Path directory) {
    try (SavedModel saved =
        SavedModel.open(SavedModels.hadoop(directory), SavedModels.HADOOP, backend)) {
      return TestModels.logits(saved.model(), IDS, 1, IDS.length);
    }
  }

  @Test
  void exportsARewardModelAsAClassifierAndLeavesHeadsOut() throws IOException {
    ModelConfig config =
        TestModels.llama(1, 8, 2, 1, 12, 16, 0)
            .withVocabularySize(TextTokenizers.bpe().vocabularySize());
    Path reward = folder.resolve("reward");
    try (ScoredModel model = ScoredModel.reward(config, Projections.DENSE)) {
      model.parameters().allocate(backend, DType.F32);
      model.parameters().initialize(3);
      write(model.backbone(), reward);
    }
    Path to = folder.resolve("to");
    export(reward, to).toHuggingFace(FloatType.F32, ModelTensors.MAX_FILE_BYTES);
    JsonNode json = new ObjectMapper().readTree(to.resolve("config.json").toFile());
    assertThat(json.path("architectures").path(0).asText())
        .isEqualTo("LlamaForSequenceClassification");
    assertThat(json.path("num_labels").asInt()).isEqualTo(1);
    assertThat(notices).anyMatch(line -> line.contains("score_normalization"));
    assertThat(to.resolve("model.safetensors"))
        .hasSameBinaryContentAs(reward.resolve("model.safetensors"));
    assertThatThrownBy(() -> export(reward, folder.resolve("x.gguf")).toGguf(GgufEncoding.F32))
        .isInstanceOf(UserException.class)
        .hasMessage(
            "a reward model must be of the architecture qwen3 for gguf, since llama.cpp ranks with no other one that trains here, got llama: export it to hf");
  }

  /** {@code export_agreement.mjs} compares llama.cpp's ranks with our scores. */
  @Test
  void exportsARewardModelOfQwen3ToRank() throws IOException {
    ModelConfig config =
        TestModels.llama(1, 32, 2, 1, 32, 16, 0)
            .withVocabularySize(TextTokenizers.bpe().vocabularySize())
            .toBuilder()
            .architecture(Architecture.QWEN3)
            .attentionBias(null)
            .build();
    Path reward = folder.resolve("reward");
    try (ScoredModel model = ScoredModel.reward(config, Projections.DENSE)) {
      model.parameters().allocate(backend, DType.F32);
      model.parameters().initialize(3);
      write(model.backbone(), reward);
    }
    Path path = folder.resolve("reward.gguf");
    export(reward, path).toGguf(GgufEncoding.Q8_0);
    float[] score = tensor(reward, "score.weight");
    try (GgufFile file = GgufFile.open(SavedModels.fs(), SavedModels.hadoop(path))) {
      assertThat(file.integer("qwen3.pooling_type")).contains(4);
      assertThat(file.texts("qwen3.classifier.output_labels")).contains(List.of("better", "worse"));
      assertThat(file.text("tokenizer.chat_template.rerank"))
          .contains("{query}{document}<|endoftext|>");
      float[] head = new float[2 * score.length];
      file.read("cls.output.weight", 0, head, head.length);
      assertThat(head).isEqualTo(Arrays.copyOf(score, head.length));
    }
    assertThatThrownBy(() -> imported(path, folder.resolve("back"), 0))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("must be a language model, got a model that ranks");
  }

  @Test
  void listsAllTensorsThatAreWrong() throws IOException {
    Path from = folder.resolve("from");
    SavedModels.write(
        backend, TestModels.llama(2, 8, 2, 1, 12, 16, 0), TextTokenizers.bpe(), 1, from);
    Path weights = from.resolve("model.safetensors");
    String bytes = new String(Files.readAllBytes(weights), StandardCharsets.ISO_8859_1);
    bytes =
        bytes
            .replace("model.layers.1.mlp.up_proj.weight", "model.layers.1.mlp.up_prox.weight")
            .replace("model.norm.weight", "model.nurm.weight");
    Files.write(weights, bytes.getBytes(StandardCharsets.ISO_8859_1));
    String config = Files.readString(from.resolve("config.json"));
    Files.writeString(
        from.resolve("config.json"),
        config.replace("\"num_key_value_heads\" : 1", "\"num_key_value_heads\" : 2"));
    assertThatThrownBy(() -> imported(from, folder.resolve("to"), 0))
        .isInstanceOf(UserException.class)
        .hasMessageContaining(
            "it lacks model.layers.1.mlp.up_proj.weight, model.norm.weight; it has the unknown model.layers.1.mlp.up_prox.weight, model.nurm.weight; of another shape model.layers.0.self_attn.k_proj.weight [4, 8] instead of [8, 8], model.layers.0.self_attn.v_proj.weight")
        .hasMessageContaining(
            "model.layers.1.self_attn.v_proj.weight [4, 8] instead of [8, 8]; it");
    Files.writeString(
        from.resolve("config.json"),
        config.replaceFirst("(\"intermediate_size\" : )\\d+", "$12147483647"));
    assertThatThrownBy(() -> imported(from, folder.resolve("to"), 0))
        .isInstanceOf(UserException.class)
        .hasMessageContaining(
            "config.json must describe a model whose tensors have less than 2^31 rows and columns, got larger ones");
    assertThat(folder.resolve("to")).doesNotExist();
  }

  /** Of a run that was killed while it wrote its second checkpoint. */
  @Test
  void exportsTheLastCompleteCheckpointOfARun() throws IOException {
    Path run = folder.resolve("my-run");
    RunDirectory directory = RunDirectory.at(SavedModels.hadoop(run), SavedModels.HADOOP);
    ModelConfig config =
        TestModels.llama(1, 8, 2, 1, 12, 16, TextTokenizers.bpe().vocabularySize());
    try (LanguageModel model = Models.create(config, backend, 1);
        AsyncCheckpoints checkpoints =
            new AsyncCheckpoints(
                directory.checkpoints(notices::add),
                new SingleProcess(),
                1,
                false,
                Duration.ofMinutes(1))) {
      checkpoints.start(
          3,
          OptionalDouble.empty(),
          writer ->
              ModelDirectory.write(writer, model, TextTokenizers.bpe(), PublishedModel.SAMPLING));
      checkpoints.finish();
    }
    Files.writeString(
        run.resolve("metrics.jsonl"),
        "{\"step\":3,\"tokens\":30,\"loss\":2.5}\n{\"step\":6,\"tokens\":60,\"loss\":1.5}\n{\"step");
    Files.writeString(
        run.resolve("run.json"),
        "{\"name\":\"my-run\",\"metrics\":[{\"key\":\"loss\",\"label\":\"loss\",\"unit\":\"NATS\"}]}");
    Path complete = run.resolve("checkpoints/step-00000003");
    Path cut = Files.createDirectories(run.resolve("checkpoints/step-00000006"));
    Files.copy(complete.resolve("config.json"), cut.resolve("config.json"));
    Path to = folder.resolve("to");
    export(run, to).toHuggingFace(FloatType.F32, ModelTensors.MAX_FILE_BYTES);
    assertThat(to.resolve("model.safetensors"))
        .hasSameBinaryContentAs(complete.resolve("model.safetensors"));
    assertThat(Files.readString(to.resolve("README.md")))
        .contains("# my-run\n", "| run | my-run, step-00000003 |", "## Measured at step 3\n")
        .contains("| tokens trained on | 30 |\n| loss | 2.50000 |");
    export(run, folder.resolve("files")).toGguf(GgufEncoding.F16);
    assertThat(names(folder.resolve("files"))).containsExactly("my-run-4.8K-v1.0-F16.gguf");

    // The number of an attempt is no part of the step.
    Path ofAttempt = Files.move(complete, complete.resolveSibling("step-00000003-a2"));
    export(ofAttempt, folder.resolve("attempt"))
        .toHuggingFace(FloatType.F32, ModelTensors.MAX_FILE_BYTES);
    assertThat(Files.readString(folder.resolve("attempt/README.md")))
        .contains("## Measured at step 3\n");
    Files.move(ofAttempt, complete);

    // A checkpoint that was changed is refused.
    Path weights = complete.resolve("model.safetensors");
    byte[] bytes = Files.readAllBytes(weights);
    bytes[bytes.length - 1] ^= 1;
    Files.write(weights, bytes);
    assertThatThrownBy(() -> export(run, folder.resolve("x.gguf")).toGguf(GgufEncoding.F32))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("model.safetensors is damaged");
  }

  /** New rows are the mean of the others, in the embedding and in a head of its own. */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void resizesTheVocabulary(boolean tied) throws IOException {
    Path from = folder.resolve("from");
    ModelConfig config =
        TestModels.llama(1, 8, 2, 1, 12, 16, 0).toBuilder().tieEmbeddings(tied).build();
    SavedModels.write(backend, config, TextTokenizers.bpe(), 1, from);
    int tokens = TextTokenizers.bpe().vocabularySize();
    Path larger = folder.resolve("larger");
    ModelConfig resized = imported(from, larger, tokens + 40).config();
    assertThat(resized.vocabularySize()).isEqualTo(tokens + 40);
    assertThat(resized.tieEmbeddings()).isEqualTo(tied);
    for (String name :
        tied
            ? List.of("model.embed_tokens.weight")
            : List.of("model.embed_tokens.weight", "lm_head.weight")) {
      float[] rows = tensor(larger, name);
      assertThat(Arrays.copyOf(rows, (tokens + 3) * 8)).isEqualTo(tensor(from, name));
      for (int column = 0; column < 8; column++) {
        double mean = 0;
        for (int row = 0; row < tokens + 3; row++) {
          mean += rows[row * 8 + column] / (tokens + 3.0);
        }
        for (int row = tokens + 3; row < tokens + 40; row++) {
          assertThat((double) rows[row * 8 + column]).isCloseTo(mean, within(1e-7));
        }
      }
    }
    float[] before = logits(from);
    float[] after = logits(larger);
    for (int t = 0; t < IDS.length; t++) {
      double mean = 0;
      for (int i = 0; i < tokens + 3; i++) {
        assertThat(after[t * (tokens + 40) + i]).isEqualTo(before[t * (tokens + 3) + i]);
        mean += before[t * (tokens + 3) + i] / (tokens + 3);
      }
      assertThat((double) after[t * (tokens + 40) + tokens + 20]).isCloseTo(mean, within(1e-5));
    }
    Path smaller = folder.resolve("smaller");
    assertThat(imported(larger, smaller, tokens).config().vocabularySize()).isEqualTo(tokens);
    assertThatThrownBy(() -> imported(from, folder.resolve("x"), tokens - 1))
        .isInstanceOf(UserException.class)
        .hasMessage(
            "--vocabulary-size must be at least the number of tokens, %d, got %d: give more, or leave it out",
            tokens, tokens - 1);
  }

  private float[] tensor(Path directory, String name) throws IOException {
    try (PublishedModel model =
        PublishedModel.open(
            SavedModels.fs(), SavedModels.hadoop(directory), backend, notices::add)) {
      TensorSource tensor =
          model.tensors().stream()
              .filter(each -> each.name().equals(name))
              .findFirst()
              .orElseThrow();
      float[] values = new float[Math.toIntExact(tensor.shape().size())];
      tensor.read(0, values, values.length);
      return values;
    }
  }

  /** A token that tokenizer.json does not have needs a row, and is then special everywhere. */
  @Test
  void keepsFurtherSpecialTokens() throws IOException {
    Path from = folder.resolve("from");
    SavedModels.write(backend, TestModels.gpt2(1, 8, 2, 16, 0), TextTokenizers.bpe(), 1, from);
    int tokens = TextTokenizers.bpe().vocabularySize(); // and three rows more
    Path config = from.resolve("tokenizer_config.json");
    String json = Files.readString(config);
    assertThat(json).doesNotContain("special_tokens");
    Files.writeString(
        config,
        json.replaceFirst(
            "\\{", "{\"extra_special_tokens\": [\"<|a|>\", \"<|b|>\", \"<|c|>\", \"<|d|>\"],"));
    assertThatThrownBy(() -> imported(from, folder.resolve("x"), 0))
        .isInstanceOf(UserException.class)
        .hasMessage(
            "the embedding of %s must have a row for each of the %d tokens, got %d rows: import it with --vocabulary-size %d",
            from, tokens + 4, tokens + 3, tokens + 4);
    assertThatThrownBy(() -> export(from, folder.resolve("x")).toGguf(GgufEncoding.F32))
        .hasMessageContaining("must have a row for each");

    Path imported = folder.resolve("imported");
    imported(from, imported, tokens + 4);
    Path published = folder.resolve("published");
    export(imported, published).toHuggingFace(FloatType.F32, ModelTensors.MAX_FILE_BYTES);
    assertSame(imported, published);
    JsonNode written =
        new ObjectMapper().readTree(published.resolve("tokenizer_config.json").toFile());
    assertThat(written.path("additional_special_tokens"))
        .extracting(JsonNode::asText)
        .containsExactly("<|a|>", "<|b|>", "<|c|>", "<|d|>");
    assertThat(written.has("extra_special_tokens")).isFalse();

    Path file = folder.resolve("model.gguf");
    export(published, file).toGguf(GgufEncoding.F32);
    forgetOwnKeys(file);
    Path back = folder.resolve("back");
    imported(file, back, 0);
    try (SavedModel saved =
        SavedModel.open(SavedModels.hadoop(back), SavedModels.HADOOP, backend)) {
      for (int id = tokens - 1; id < tokens + 4; id++) {
        assertThat(saved.tokenizer().isSpecial(id)).isTrue();
      }
      assertThat(saved.tokenizer().encodeWithSpecialTokens("<|d|>")).containsExactly(tokens + 3);
    }
    assertThat(back.resolve("tokenizer_config.json"))
        .hasSameBinaryContentAs(published.resolve("tokenizer_config.json"));
  }

  @Test
  void importsLlama2c() throws IOException {
    Llama2cFiles.tokenizer(folder.resolve("tokenizer.bin"));
    for (int version = 0; version < 2; version++) {
      for (boolean tied : new boolean[] {false, true}) {
        Path file = Files.write(folder.resolve("model.bin"), Llama2cFiles.model(version, tied));
        Path to = folder.resolve("to" + version + tied);
        ModelImport.Written written = imported(file, to, 0);
        assertThat(written.config().tieEmbeddings()).isEqualTo(tied);
        try (SavedModel saved =
            SavedModel.open(SavedModels.hadoop(to), SavedModels.HADOOP, backend)) {
          assertThat(TestModels.logits(saved.model(), IDS, 1, IDS.length))
              .usingComparatorWithPrecision(1e-3f)
              .containsExactly(Llama2cForward.logits(Files.readAllBytes(file), IDS));
          assertThat(saved.tokenizer().encode("the a\u00e9"))
              .containsExactly(266, 267, 3 + 0xC3, 3 + 0xA9);
          assertThat(saved.tokenizer().decode(266, 267, 3 + 0xC3, 3 + 0xA9))
              .isEqualTo("the a\u00e9");
          assertThat(saved.documents().start()).hasValue(1);
          assertThat(saved.documents().ends()).contains(2);
        }
      }
    }
    byte[] quantized = Llama2cFiles.model(1, true);
    ByteBuffer.wrap(quantized).order(ByteOrder.LITTLE_ENDIAN).putInt(4, 2);
    Path file = Files.write(folder.resolve("quantized.bin"), quantized);
    assertThatThrownBy(() -> imported(file, folder.resolve("x"), 0))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("must have weights in float32, got quantized ones (version 2)");
  }

  /** A file without our own keys: only what llama.cpp needs. */
  @Test
  void importsAGgufFileOfAnotherTool() throws IOException {
    for (ModelConfig config :
        List.of(
            TestModels.gpt2(1, 8, 2, 16, 0),
            TestModels.llama(1, 8, 2, 1, 12, 16, 0).toBuilder().ropeTheta(50000).build())) {
      String name = config.architecture().name();
      Path from = folder.resolve("from" + name);
      SavedModels.write(backend, config, TextTokenizers.bpe(), 1, from);
      Path file = folder.resolve(name + ".gguf");
      export(from, file).toGguf(GgufEncoding.F32);
      forgetOwnKeys(file);
      Path back = folder.resolve("back" + name);
      imported(file, back, 0);
      // The only thing that such a file does not say.
      Path json = from.resolve("config.json");
      Files.writeString(
          json, Files.readString(json).replaceFirst("(initializer_range\" : )[0-9.]+", "$10.02"));
      assertSame(from, back);
    }
  }

  /** Leaves what other tools write in a GGUF file. */
  private static void forgetOwnKeys(Path file) throws IOException {
    String bytes = new String(Files.readAllBytes(file), StandardCharsets.ISO_8859_1);
    Files.write(
        file,
        bytes
            .replace("firesteel.config.json", "unknown.config.json.x")
            .replace("tokenizer.huggingface.json", "tokenizer.unknown.json.xyz")
            .getBytes(StandardCharsets.ISO_8859_1));
  }
}
