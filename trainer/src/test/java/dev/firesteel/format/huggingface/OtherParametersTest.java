package dev.firesteel.format.huggingface;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.firesteel.array.DType;
import dev.firesteel.array.Shape;
import dev.firesteel.backend.Backend;
import dev.firesteel.backend.reference.ReferenceBackend;
import dev.firesteel.checkpoint.Attempt;
import dev.firesteel.checkpoint.CheckpointWriter;
import dev.firesteel.checkpoint.FailingFileSystem;
import dev.firesteel.config.ConfigLoader;
import dev.firesteel.config.ModelConfig;
import dev.firesteel.config.PretrainConfig;
import dev.firesteel.error.UserException;
import dev.firesteel.format.safetensors.SafetensorsFile;
import dev.firesteel.model.LanguageModel;
import dev.firesteel.model.Models;
import dev.firesteel.model.TestModels;
import dev.firesteel.nn.Initializer;
import dev.firesteel.nn.Lora;
import dev.firesteel.nn.NamePattern;
import dev.firesteel.nn.Parameter;
import dev.firesteel.nn.ParameterSet;
import dev.firesteel.nn.Projections;
import dev.firesteel.nn.ScalarHead;
import dev.firesteel.tokenizer.BpeTokenizer;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.apache.hadoop.fs.FileSystem;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Heads and adapters in a model directory. */
class OtherParametersTest {
  private static final Lora LORA = new Lora(2, 4, 0, NamePattern.all("*.qkv", "*.feed_forward.*"));

  @TempDir Path folder;
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

  static Stream<ModelConfig> variants() {
    return TestModels.variants().map(config -> config.withVocabularySize(257));
  }

  /** Into a model of zeros, as a resume does: what is not read stays 0. */
  @ParameterizedTest
  @MethodSource("variants")
  void savesAndReadsThemBesideEveryArchitecture(ModelConfig config) throws IOException {
    LanguageModel written = model(config, LORA, "value_head");
    written.parameters().initialize(3);
    for (Parameter parameter : written.parameters().parameters()) {
      backend.fill(written.parameters().weights().view(parameter), parameter.index() + 0.5);
    }
    write(written);
    LanguageModel read = model(config, LORA, "value_head");
    List<String> notices = new ArrayList<>();
    ModelDirectory.readWeights(fs, path(), read, notices::add);

    assertThat(weights(read)).isEqualTo(weights(written));
    assertThat(notices).isEmpty();
  }

  @Test
  void aLanguageModelIsReadWithoutItsHead() throws IOException {
    LanguageModel written = model(small(), Projections.DENSE, "value_head");
    written.parameters().initialize(3);
    write(written);

    List<String> notices = new ArrayList<>();
    try (LanguageModel read = ModelDirectory.read(fs, path(), backend, notices::add)) {
      weights(read)
          .forEach((name, values) -> assertThat(values).isEqualTo(weights(written).get(name)));
    }
    assertThat(notices)
        .containsExactly("Ignored in %s: value_head.bias, value_head.weight".formatted(folder));
  }

  @Test
  void aLanguageModelIsReadWithItsAdaptersMerged() throws IOException {
    LanguageModel written = model(small(), LORA, "value_head");
    written.parameters().initialize(3);
    for (Parameter parameter : written.parameters().parameters()) {
      if (parameter.name().endsWith(".lora_b.weight")) {
        backend.fill(written.parameters().weights().view(parameter), 0.03);
      }
    }
    write(written);
    try (SafetensorsFile file =
        SafetensorsFile.open(fs, new org.apache.hadoop.fs.Path(path(), OtherParameters.FILE))) {
      assertThat(file.metadata()).containsEntry("lora_alpha", "4.0");
    }

    int[] ids = {1, 4, 2, 3, 0};
    List<String> notices = new ArrayList<>();
    try (LanguageModel read = ModelDirectory.read(fs, path(), backend, notices::add)) {
      assertThat(read.adapters()).isEmpty();
      assertThat(read.parameters().parameters())
          .noneMatch(parameter -> Lora.isAdapter(parameter.name()));
      float[] merged = TestModels.logits(read, ids, 1, 5);
      assertThat(merged).containsExactly(TestModels.logits(written, ids, 1, 5), within(2e-6f));
      LanguageModel plain = model(small(), Projections.DENSE, "value_head");
      plain.parameters().initialize(3);
      float[] base = TestModels.logits(plain, ids, 1, 5);
      double largest = 0;
      for (int i = 0; i < base.length; i++) {
        largest = Math.max(largest, Math.abs(base[i] - merged[i]));
      }
      assertThat(largest).as("what the adapters change").isGreaterThan(1e-3);
    }
    assertThat(notices)
        .containsExactly("Ignored in %s: value_head.bias, value_head.weight".formatted(folder));
  }

  @Test
  void adaptersStartOnABase() throws IOException {
    LanguageModel base = model(small(), Projections.DENSE);
    base.parameters().initialize(3);
    write(base);
    LanguageModel adapted = model(small(), LORA, "value_head");
    adapted.parameters().initialize(4);
    Map<String, List<Float>> before = weights(adapted);
    ModelDirectory.readBackbone(fs, path(), adapted, notice -> {});

    Map<String, List<Float>> expected = new HashMap<>(before);
    expected.putAll(weights(base));
    assertThat(weights(adapted)).isEqualTo(expected).isNotEqualTo(before);
  }

  @Test
  void namesTheFirstParameterOfAnotherModel() throws IOException {
    write(model(small(), Projections.DENSE, "value_head"));

    refuses(
        model(small(), Projections.DENSE, "value_head", "reward_head"),
        "the model in %s must have the parameter reward_head.weight (in firesteel/parameters.safetensors), and does not");
    refuses(
        model(small(), Projections.DENSE),
        "the model in %s has the parameter value_head.bias, which this model does not have: it is another model");
    ParameterSet.Builder wider = ParameterSet.builder();
    LanguageModel two = Models.declare(small(), wider);
    wider.declare("value_head.weight", Shape.of(2, 8), Initializer.constant(0));
    wider.build().allocate(backend, DType.F32);
    refuses(
        two,
        "parameter value_head.weight of the model in %s must have the shape [2, 8], got [1, 8]: it is another model");
  }

  @Test
  void missesTheirFile() throws IOException {
    write(model(small(), Projections.DENSE));

    refuses(
        model(small(), Projections.DENSE, "value_head"),
        "the model in %s must have the parameter value_head.weight (in firesteel/parameters.safetensors), and does not");
    assertThat(folder.resolve("firesteel")).doesNotExist();
  }

  private void refuses(LanguageModel model, String message) {
    assertThatThrownBy(() -> ModelDirectory.readWeights(fs, path(), model, notice -> {}))
        .isInstanceOf(UserException.class)
        .hasMessage(message.formatted(folder));
  }

  private static ModelConfig small() {
    return TestModels.gpt2(1, 8, 2, 5, 257);
  }

  private LanguageModel model(ModelConfig config, Projections projections, String... heads) {
    ParameterSet.Builder parameters = ParameterSet.builder();
    LanguageModel model = Models.declare(config, parameters, projections);
    for (String head : heads) {
      new ScalarHead(parameters, head, config.width(), ScalarHead.initial(config.width()));
    }
    parameters.build().allocate(backend, DType.F32);
    return model;
  }

  private void write(LanguageModel model) throws IOException {
    ModelDirectory.write(
        new CheckpointWriter(fs, path(), Attempt.unfenced(), () -> {}),
        model,
        BpeTokenizer.bytes(),
        ConfigLoader.load(PretrainConfig.class, List.of("data.source=none")).sample());
  }

  private Map<String, List<Float>> weights(LanguageModel model) {
    Map<String, List<Float>> weights = new HashMap<>();
    for (Parameter parameter : model.parameters().parameters()) {
      float[] values = new float[Math.toIntExact(parameter.size())];
      backend.download(model.parameters().weights().view(parameter), values, 0);
      List<Float> list = new ArrayList<>();
      for (float value : values) {
        list.add(value);
      }
      weights.put(parameter.name(), list);
    }
    return weights;
  }

  private org.apache.hadoop.fs.Path path() {
    return new org.apache.hadoop.fs.Path(folder.toString());
  }
}
