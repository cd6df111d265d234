package dev.firesteel.format.huggingface;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.firesteel.backend.Backend;
import dev.firesteel.backend.BackendKind;
import dev.firesteel.backend.BackendOptions;
import dev.firesteel.backend.Precision;
import dev.firesteel.backend.choice.Backends;
import dev.firesteel.checkpoint.FailingFileSystem;
import dev.firesteel.config.ModelConfig;
import dev.firesteel.config.ModelConfig.Architecture;
import dev.firesteel.format.safetensors.FloatType;
import dev.firesteel.format.safetensors.StoredTensor;
import dev.firesteel.model.LanguageModel;
import dev.firesteel.model.Models;
import dev.firesteel.model.TestModels;
import dev.firesteel.train.OpenClSupport;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.apache.hadoop.fs.FileSystem;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Directories with configurations that transformers wrote and weights of a formula: parameters and
 * logits as transformers has them. {@code published-models/published_models.py} makes the numbers.
 */
class TransformersGoldenTest {
  private static final JsonNode GOLDENS = goldens();
  private static final int[][] PLACES = {{0, 0}, {0, 12}, {1, 23}};
  private static final int LOGITS_OF_A_PLACE = 8;

  @TempDir private Path folder;

  private static JsonNode goldens() {
    try (InputStream in =
        TransformersGoldenTest.class.getResourceAsStream("/published-models/goldens.json")) {
      return new ObjectMapper().readTree(in);
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }

  static Stream<Arguments> goldensOnBackends() {
    List<Arguments> all = new ArrayList<>();
    for (BackendKind kind : BackendKind.values()) {
      for (JsonNode golden : GOLDENS.path("models")) {
        all.add(Arguments.of(kind, golden.path("name").asText(), golden));
      }
    }
    return all.stream();
  }

  @ParameterizedTest(name = "{1} on {0}")
  @MethodSource("goldensOnBackends")
  void logitsEqualThoseOfTransformers(BackendKind kind, String name, JsonNode golden)
      throws IOException {
    if (kind == BackendKind.OPENCL) {
      OpenClSupport.assumeDevice();
    }
    write(golden);
    FileSystem fs = FailingFileSystem.local();
    try (Backend backend = Backends.create(new BackendOptions(kind, Precision.FP32, 2));
        LanguageModel model =
            ModelDirectory.read(
                fs, new org.apache.hadoop.fs.Path(folder.toString()), backend, notice -> {})) {
      assertThat(model.parameters().count()).isEqualTo(golden.path("parameters").asLong());
      int tokens = GOLDENS.path("tokens").asInt();
      int[] ids = new int[2 * tokens];
      for (int i = 0; i < ids.length; i++) {
        int b = i / tokens;
        int t = i % tokens;
        ids[i] = (7 * b + 3 * t + b * t) % 65;
      }
      float[] logits = TestModels.logits(model, ids, 2, tokens);
      int next = 0;
      for (int[] place : PLACES) {
        for (int i = 0; i < LOGITS_OF_A_PLACE; i++) {
          int at = (place[0] * tokens + place[1]) * model.config().vocabularySize() + i;
          assertThat((double) logits[at])
              .as("%s, sequence %d, token %d, id %d", name, place[0], place[1], i)
              .isEqualTo(golden.path("logits").path(next++).asDouble(), within(1e-4));
        }
      }
    }
  }

  /** Weights by the formula, in the order of the tensors' names. */
  private void write(JsonNode golden) throws IOException {
    Files.writeString(folder.resolve("config.json"), golden.path("config").toString());
    ModelConfig config = HuggingFaceConfig.read(golden.path("config"));
    Map<String, HuggingFaceTensor> byName = new TreeMap<>();
    HuggingFaceNames.tensors(Models.declare(config))
        .forEach(tensor -> byName.put(tensor.name(), tensor));
    Map<String, StoredTensor> tensors = new HashMap<>();
    int i = 0;
    for (HuggingFaceTensor tensor : byName.values()) {
      double base = tensor.parameter().name().endsWith(".gain") ? 1 : 0;
      float[] values = new float[tensor.size()];
      for (int j = 0; j < values.length; j++) {
        values[j] = (float) (base + 0.1 * Math.sin(0.37 * (i + 1) + 0.731 * j));
      }
      tensors.put(tensor.name(), StoredTensor.of("F32", values, tensor.shape().toArray()));
      i++;
    }
    StoredTensor.write(folder.resolve("model.safetensors"), tensors);
  }

  @Test
  void goldensAreOfEveryArchitecture() {
    List<Architecture> architectures = new ArrayList<>();
    GOLDENS
        .path("models")
        .forEach(
            golden ->
                architectures.add(HuggingFaceConfig.read(golden.path("config")).architecture()));
    assertThat(architectures).contains(Architecture.values());
  }

  static Stream<JsonNode> configurations() {
    return GOLDENS.path("models").findValues("config").stream();
  }

  @ParameterizedTest
  @MethodSource("configurations")
  void configurationsAreReadBackAsTheyAreWritten(JsonNode published) {
    ModelConfig config = HuggingFaceConfig.read(published);
    assertThat(HuggingFaceConfig.read(HuggingFaceConfig.write(config, FloatType.F32)))
        .isEqualTo(config);
  }
}
