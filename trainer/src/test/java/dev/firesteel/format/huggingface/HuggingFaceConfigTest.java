package dev.firesteel.format.huggingface;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.firesteel.backend.RopeSpec;
import dev.firesteel.config.ModelConfig;
import dev.firesteel.config.ModelConfig.Activation;
import dev.firesteel.config.ModelConfig.Architecture;
import dev.firesteel.error.UserException;
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
    String text = HuggingFaceConfig.write(config).toPrettyString();

    assertThat(HuggingFaceConfig.read(json(text))).isEqualTo(config);
  }

  @Test
  void interleavedModelsReadBackInTheOrderOfTheFile() {
    ModelConfig config =
        TestModels.llama(2, 16, 4, 2, 12, 5, 11, RopeSpec.Layout.INTERLEAVED, false);

    assertThat(HuggingFaceConfig.read(HuggingFaceConfig.write(config)).ropeLayout())
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
          {"model_type": "bert"} | model_type must be gpt2 or llama, got "bert"
          {"model_type": "gpt2", "n_embd": 8} | n_layer must be an integer, got no such key
          {"model_type": "gpt2", "embd_pdrop": 0} | resid_pdrop and embd_pdrop must be equal
          {"model_type": "llama", "attention_bias": true} | attention_bias must be false, got true
          {"model_type": "llama", "hidden_act": "gelu"} | hidden_act must be silu, got "gelu"
          {"model_type": "llama", "rope_scaling": {"type": "linear"}} | rope_type must be default
          """)
  void refusesWhatItCannotCompute(String text, String message) {
    assertThatThrownBy(() -> HuggingFaceConfig.read(json(text)))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("config.json: " + message);
  }

  private static JsonNode json(String text) throws JsonProcessingException {
    return new ObjectMapper().readTree(text);
  }
}
