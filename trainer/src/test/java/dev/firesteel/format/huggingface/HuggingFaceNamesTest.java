package dev.firesteel.format.huggingface;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.tuple;

import dev.firesteel.array.Shape;
import dev.firesteel.backend.RopeSpec;
import dev.firesteel.config.ModelConfig;
import dev.firesteel.config.ModelConfig.Architecture;
import dev.firesteel.model.LanguageModel;
import dev.firesteel.model.Models;
import dev.firesteel.model.TestModels;
import dev.firesteel.nn.Initializer;
import dev.firesteel.nn.Lora;
import dev.firesteel.nn.NamePattern;
import dev.firesteel.nn.Parameter;
import dev.firesteel.nn.ParameterSet;
import dev.firesteel.nn.ScalarHead;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class HuggingFaceNamesTest {
  static Stream<ModelConfig> models() {
    return TestModels.variants();
  }

  @Test
  void theVariantsAreOfEveryArchitecture() {
    assertThat(models()).extracting(ModelConfig::architecture).contains(Architecture.values());
  }

  @ParameterizedTest
  @MethodSource("models")
  void writingAndReadingGivesEveryElementBack(ModelConfig config) {
    LanguageModel model = Models.declare(config);
    Map<Parameter, float[]> read = new HashMap<>();
    for (HuggingFaceTensor tensor : HuggingFaceNames.tensors(model)) {
      float[] theirs = new float[tensor.size()];
      if (tensor.layout() == HuggingFaceTensor.Layout.ZERO) {
        tensor.fromParameter(null, theirs);
        assertThat(theirs).as(tensor.name()).containsOnly(0);
      } else {
        tensor.fromParameter(numbered(tensor.parameter()), theirs);
        float[] ours =
            read.computeIfAbsent(
                tensor.parameter(), parameter -> new float[(int) parameter.size()]);
        tensor.toParameter(theirs, ours);
      }
    }
    // Numbers start at 1, so an element that no tensor holds shows as 0.
    assertThat(read).hasSameSizeAs(model.parameters().parameters());
    read.forEach((parameter, values) -> assertThat(values).isEqualTo(numbered(parameter)));
    assertThat(HuggingFaceNames.others(model)).isEmpty();
  }

  @ParameterizedTest
  @MethodSource("models")
  void headsAndAdaptersHaveNoName(ModelConfig config) {
    ParameterSet.Builder parameters = ParameterSet.builder();
    LanguageModel model =
        Models.declare(config, parameters, new Lora(2, 4, 0, NamePattern.all("*.qkv")));
    new ScalarHead(parameters, "value_head", config.width(), Initializer.constant(0));
    parameters.build();

    assertThat(HuggingFaceNames.others(model))
        .extracting(Parameter::name)
        .containsExactly(
            "blocks.0.attention.qkv.lora_a.weight",
            "blocks.0.attention.qkv.lora_b.weight",
            "blocks.1.attention.qkv.lora_a.weight",
            "blocks.1.attention.qkv.lora_b.weight",
            "value_head.weight",
            "value_head.bias");
    assertThat(HuggingFaceNames.tensors(model))
        .extracting(HuggingFaceTensor::name)
        .isEqualTo(
            HuggingFaceNames.tensors(Models.declare(config)).stream()
                .map(HuggingFaceTensor::name)
                .toList());
  }

  /** Otherwise a part of it would be 0 after a resume. */
  @Test
  void refusesAParameterOfWhichTensorsHoldOnlySomeRows() {
    String name = "blocks.1.attention.qkv.weight";
    Shape shape = Shape.of(17, 8);
    LanguageModel model = Models.declare(TestModels.llama(2, 8, 2, 1, 12, 5, 11));
    ParameterSet.Builder parameters = ParameterSet.builder();
    for (Parameter parameter : model.parameters().parameters()) {
      if (!parameter.name().equals(name)) {
        parameters.declare(parameter.name(), parameter.shape(), Initializer.constant(0));
      }
    }
    parameters.declare(name, shape, Initializer.constant(0));
    ParameterSet extended = parameters.build();

    assertThatThrownBy(() -> HuggingFaceNames.tensors(model.config(), extended))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage(
            "parameter blocks.1.attention.qkv.weight cannot be saved: no tensor of a Hugging Face"
                + " checkpoint holds rows 16 to 17 of 17; name it in HuggingFaceNames");
  }

  @Test
  void gpt2IsNamedAndTransposedAsTransformersDoes() {
    LanguageModel model = Models.declare(TestModels.gpt2(1, 8, 2, 5, 11));
    List<HuggingFaceTensor> tensors = HuggingFaceNames.tensors(model);

    assertThat(tensors)
        .extracting(HuggingFaceTensor::name, tensor -> tensor.shape().toString())
        .containsExactly(
            tuple("transformer.wte.weight", "[11, 8]"),
            tuple("transformer.wpe.weight", "[5, 8]"),
            tuple("transformer.h.0.ln_1.weight", "[8]"),
            tuple("transformer.h.0.ln_1.bias", "[8]"),
            tuple("transformer.h.0.attn.c_attn.weight", "[8, 24]"),
            tuple("transformer.h.0.attn.c_attn.bias", "[24]"),
            tuple("transformer.h.0.attn.c_proj.weight", "[8, 8]"),
            tuple("transformer.h.0.attn.c_proj.bias", "[8]"),
            tuple("transformer.h.0.ln_2.weight", "[8]"),
            tuple("transformer.h.0.ln_2.bias", "[8]"),
            tuple("transformer.h.0.mlp.c_fc.weight", "[8, 32]"),
            tuple("transformer.h.0.mlp.c_fc.bias", "[32]"),
            tuple("transformer.h.0.mlp.c_proj.weight", "[32, 8]"),
            tuple("transformer.h.0.mlp.c_proj.bias", "[8]"),
            tuple("transformer.ln_f.weight", "[8]"),
            tuple("transformer.ln_f.bias", "[8]"));
    // Element [in 1, out 2] of theirs is [out 2, in 1] of ours.
    HuggingFaceTensor qkv = tensors.get(4);
    float[] theirs = new float[qkv.size()];
    qkv.fromParameter(numbered(qkv.parameter()), theirs);
    assertThat(theirs[1 * 24 + 2]).isEqualTo(2 * 8 + 1 + 1);
  }

  @Test
  void llamaIsNamedAndSplitAsTransformersDoes() {
    LanguageModel model = Models.declare(TestModels.llama(1, 8, 4, 2, 12, 5, 11));

    assertThat(HuggingFaceNames.tensors(model))
        .extracting(
            HuggingFaceTensor::name,
            tensor -> tensor.shape().toString(),
            HuggingFaceTensor::firstRow)
        .containsExactly(
            tuple("model.embed_tokens.weight", "[11, 8]", 0),
            tuple("model.layers.0.input_layernorm.weight", "[8]", 0),
            tuple("model.layers.0.self_attn.q_proj.weight", "[8, 8]", 0),
            tuple("model.layers.0.self_attn.k_proj.weight", "[4, 8]", 8),
            tuple("model.layers.0.self_attn.v_proj.weight", "[4, 8]", 12),
            tuple("model.layers.0.self_attn.o_proj.weight", "[8, 8]", 0),
            tuple("model.layers.0.post_attention_layernorm.weight", "[8]", 0),
            tuple("model.layers.0.mlp.gate_proj.weight", "[12, 8]", 0),
            tuple("model.layers.0.mlp.up_proj.weight", "[12, 8]", 12),
            tuple("model.layers.0.mlp.down_proj.weight", "[8, 12]", 0),
            tuple("model.norm.weight", "[8]", 0),
            tuple("lm_head.weight", "[11, 8]", 0));
  }

  @Test
  void interleavedRowsBecomeRotateHalf() {
    LanguageModel model =
        Models.declare(TestModels.llama(1, 8, 2, 1, 12, 5, 11, RopeSpec.Layout.INTERLEAVED, true));
    HuggingFaceTensor queries = HuggingFaceNames.tensors(model).get(2);
    assertThat(queries.shape()).isEqualTo(Shape.of(8, 8));

    float[] theirs = new float[queries.size()];
    queries.fromParameter(numbered(queries.parameter()), theirs);

    int[] rows = new int[8];
    for (int row = 0; row < 8; row++) {
      rows[row] = (int) (theirs[row * 8] - 1) / 8;
    }
    assertThat(rows).containsExactly(0, 2, 1, 3, 4, 6, 5, 7);
  }

  private static float[] numbered(Parameter parameter) {
    float[] values = new float[(int) parameter.size()];
    for (int i = 0; i < values.length; i++) {
      values[i] = i + 1;
    }
    return values;
  }
}
