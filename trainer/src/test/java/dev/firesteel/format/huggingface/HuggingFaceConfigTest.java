package dev.firesteel.format.huggingface;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.firesteel.backend.RopeSpec;
import dev.firesteel.config.ModelConfig;
import dev.firesteel.config.ModelConfig.Activation;
import dev.firesteel.config.ModelConfig.Architecture;
import dev.firesteel.config.RopeScalingConfig;
import dev.firesteel.error.UserException;
import dev.firesteel.format.safetensors.FloatType;
import dev.firesteel.model.Models;
import dev.firesteel.model.TestModels;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

class HuggingFaceConfigTest {
  static Stream<ModelConfig> models() {
    return Stream.of(
        TestModels.gpt2(2, 8, 2, 5, 11),
        TestModels.gpt2(2, 8, 2, 5, 11, false, Activation.GELU_ERF, false),
        TestModels.withDropout(TestModels.gpt2(2, 8, 2, 5, 11), 0.25),
        TestModels.llama(2, 8, 2, 1, 12, 5, 11),
        TestModels.withDropout(
            TestModels.llama(2, 16, 4, 2, 12, 5, 11, RopeSpec.Layout.HALF, true), 0.1));
  }

  @ParameterizedTest
  @MethodSource("models")
  void readsWhatItWrites(ModelConfig config) throws JsonProcessingException {
    String text = HuggingFaceConfig.write(config, FloatType.F32).toPrettyString();

    assertThat(HuggingFaceConfig.read(json(text))).isEqualTo(config);
  }

  @Test
  void interleavedModelsReadBackInTheOrderOfTheFile() {
    ModelConfig config =
        TestModels.llama(2, 16, 4, 2, 12, 5, 11, RopeSpec.Layout.INTERLEAVED, false);

    assertThat(HuggingFaceConfig.read(HuggingFaceConfig.write(config, FloatType.F32)).ropeLayout())
        .isEqualTo(RopeSpec.Layout.HALF);
  }

  @Test
  void readsTheReleasedGpt2() throws JsonProcessingException {
    ModelConfig config =
        HuggingFaceConfig.read(
            json(
                """
                {"activation_function": "gelu_new", "architectures": ["GPT2LMHeadModel"],
                 "attn_pdrop": 0.1, "bos_token_id": 50256, "embd_pdrop": 0.1,
                 "eos_token_id": 50256, "initializer_range": 0.02, "layer_norm_epsilon": 1e-05,
                 "model_type": "gpt2", "n_ctx": 1024, "n_embd": 768, "n_head": 12,
                 "n_layer": 12, "n_positions": 1024, "resid_pdrop": 0.1, "vocab_size": 50257}
                """));

    assertThat(config.architecture()).isEqualTo(Architecture.GPT2);
    assertThat(config.dropout()).isEqualTo(0.1);
    assertThat(Models.declare(config).parameters().count()).isEqualTo(124_439_808);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          {"model_type": "bert"} | model_type must be gpt2, llama, mistral, qwen2, qwen3, got "bert": no other
          {"model_type": "gpt2", "n_embd": 8} | n_layer must be an integer, got no such key
          {"model_type": "gpt2", "n_layer": 2.5} | n_layer must be an integer, got 2.5
          {"model_type": "gpt2", "n_layer": 1, "n_embd": 8, "n_head": 2, "n_inner": "abc"} | n_inner must be an integer, got "abc"
          {"model_type": "gpt2", "resid_pdrop": "0.1"} | resid_pdrop must be a number, got "0.1"
          {"model_type": "gpt2", "scale_attn_weights": "yes"} | scale_attn_weights must be true or false, got "yes"
          {"model_type": "gpt2", "embd_pdrop": 0} | resid_pdrop and embd_pdrop must be equal
          {"model_type": "llama", "hidden_act": "gelu"} | hidden_act must be silu, got "gelu"
          """)
  void refusesWhatItCannotCompute(String text, String message) {
    assertThatThrownBy(() -> HuggingFaceConfig.read(json(text)))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("config.json: " + message);
  }

  private static final String SIZES =
      """
      {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 4,
       "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 64,
       "vocab_size": 65}
      """;

  /** A configuration of Llama's layers with more keys or other values. */
  private static JsonNode sized(String text) throws JsonProcessingException {
    ObjectNode json = (ObjectNode) json(SIZES);
    json.setAll((ObjectNode) json(text));
    return json;
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          {"model_type": "llama", "rope_scaling": {"type": "dynamic", "factor": 2}} | config.json: rope_type must be default, linear, llama3 or yarn, got "dynamic": other rotary positions cannot be computed
          {"model_type": "qwen2", "rope_parameters": {"rope_type": "longrope"}} | config.json: rope_type must be default, linear, llama3 or yarn, got "longrope": other rotary positions cannot be computed
          {"model_type": "llama", "rope_scaling": {"type": "linear"}} | config.json: rope_scaling.factor must be a number, got no such key: the file is incomplete
          {"model_type": "llama", "rope_scaling": {"rope_type": "linear", "factor": 0}} | model.rope_scaling.factor must be greater than 0, got 0.0
          {"model_type": "llama", "rope_parameters": {"rope_type": "llama3", "factor": 8}} | config.json: rope_parameters.low_freq_factor must be a number, got no such key: the file is incomplete
          {"model_type": "llama", "rope_theta": 10000, "rope_parameters": {"rope_theta": 500000}} | config.json: the rotary base must be the same everywhere, got {rope_parameters.rope_theta=500000.0, rope_theta=10000.0}: correct the wrong one
          {"model_type": "llama", "rope_parameters": {"full_attention": {"rope_theta": 1}}} | config.json: rope_parameters must be the same for all layers, got one for full_attention: it cannot be loaded
          {"model_type": "mistral", "partial_rotary_factor": 0.5} | config.json: partial_rotary_factor must be 1, got 0.5: heads that are rotated in part cannot be loaded
          {"model_type": "qwen2", "use_sliding_window": true, "max_window_layers": 1} | config.json: all layers or none must have the sliding window, got 3 of 4 (layer_types, max_window_layers): it cannot be loaded
          {"model_type": "qwen3", "use_sliding_window": true, "layer_types": ["full_attention", "sliding_attention", "full_attention", "full_attention"]} | config.json: all layers or none must have the sliding window, got 1 of 4 (layer_types, max_window_layers): it cannot be loaded
          {"model_type": "qwen2", "head_dim": 3} | model.head_width must be even for rotary positions, got 3
          """)
  void refusesVariantsThatItCannotCompute(String text, String message) {
    assertThatThrownBy(() -> HuggingFaceConfig.read(sized(text)))
        .isInstanceOf(UserException.class)
        .hasMessage(message);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          {"model_type": "llama", "rope_theta": 500000.0}
          {"model_type": "llama", "rope_theta": 500000.0, "rope_scaling": null}
          {"model_type": "llama", "rope_parameters": {"rope_type": "default", "rope_theta": 500000.0}}
          {"model_type": "llama", "rope_theta": 500000.0, "rope_parameters": {"rope_theta": 500000.0}}
          {"model_type": "llama", "rope_scaling": {"rope_type": "default", "rope_theta": 500000.0}}
          """)
  void readsTheRotaryBaseAsTransformers4And5WriteIt(String text) throws JsonProcessingException {
    assertThat(HuggingFaceConfig.read(sized(text)).ropeTheta()).isEqualTo(500000);
  }

  /** What a reader of either version looks for. */
  @Test
  void writesWhatTransformers4And5Read() throws JsonProcessingException {
    ModelConfig config =
        HuggingFaceConfig.read(
            sized(
                """
                {"model_type": "llama", "rope_theta": 500000.0, "head_dim": 8,
                 "rope_scaling": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
                  "high_freq_factor": 4.0, "original_max_position_embeddings": 16}}
                """));
    JsonNode json = HuggingFaceConfig.write(config, FloatType.BF16);

    assertThat(json.path("rope_theta").asDouble()).isEqualTo(500000);
    assertThat(json.path("rope_scaling").toString())
        .isEqualTo(
            "{\"rope_type\":\"llama3\",\"factor\":8.0,\"low_freq_factor\":1.0,\"high_freq_factor\":4.0,\"original_max_position_embeddings\":16}");
    assertThat(json.path("rope_parameters").toString())
        .isEqualTo(
            "{\"rope_type\":\"llama3\",\"factor\":8.0,\"low_freq_factor\":1.0,\"high_freq_factor\":4.0,\"original_max_position_embeddings\":16,\"rope_theta\":500000.0}");
    assertThat(json.path("torch_dtype").asText()).isEqualTo("bfloat16");
    assertThat(json.path("dtype").asText()).isEqualTo("bfloat16");
    assertThat(json.path("head_dim").asInt()).isEqualTo(8);
    assertThat(json.path("tie_word_embeddings").asBoolean(true)).isFalse();
    assertThat(json.path("attention_bias").asBoolean(true)).isFalse();
  }

  @Test
  void derivesYarnsMagnitudeAndFactorFromTheirOwnKeys() throws JsonProcessingException {
    RopeScalingConfig scaling =
        HuggingFaceConfig.read(
                sized(
                    """
                    {"model_type": "qwen2", "rope_scaling": {"type": "yarn", "factor": null,
                     "original_max_position_embeddings": 16, "mscale": 1.0,
                     "mscale_all_dim": 0.5}}
                    """))
            .ropeScaling();

    assertThat(scaling.factor()).isEqualTo(4);
    assertThat(scaling.magnitude()).isCloseTo(1.0648216253695715, within(1e-12));
    assertThat(scaling.fastTurns()).isEqualTo(32);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          {"model_type": "mistral"} | 4096
          {"model_type": "mistral", "sliding_window": null} | 0
          {"model_type": "mistral", "sliding_window": 8} | 8
          {"model_type": "qwen2"} | 0
          {"model_type": "qwen2", "sliding_window": 8} | 0
          {"model_type": "qwen2", "sliding_window": 8, "use_sliding_window": true} | 0
          {"model_type": "qwen3", "sliding_window": 8, "use_sliding_window": true, "max_window_layers": 0} | 8
          {"model_type": "qwen3", "sliding_window": 8, "use_sliding_window": true, "max_window_layers": 0, "num_hidden_layers": 2147483647} | 8
          {"model_type": "qwen2", "sliding_window": 8, "use_sliding_window": true, "layer_types": [], "num_hidden_layers": 2147483647} | 0
          {"model_type": "llama", "sliding_window": 8} | 0
          """)
  void readsTheWindowOfAllLayers(String text, int window) throws JsonProcessingException {
    assertThat(HuggingFaceConfig.read(sized(text)).window()).isEqualTo(window);
  }

  private static JsonNode json(String text) throws JsonProcessingException {
    return new ObjectMapper().readTree(text);
  }
}
