package dev.firesteel.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.firesteel.config.ModelConfig;
import dev.firesteel.config.ModelConfig.Activation;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ModelsTest {
  @ParameterizedTest
  @CsvSource({
    "12,  768, 12,   124439808",
    "24, 1024, 16,   354823168",
    "36, 1280, 20,   774030080",
    "48, 1600, 25,   1557611200",
  })
  void gpt2HasTheParametersOfTheReleasedModels(int layers, int width, int heads, long count) {
    ModelConfig config = TestModels.gpt2(layers, width, heads, 1024, 50257);

    assertThat(count(config)).isEqualTo(count);
  }

  @Test
  void biasFreeGpt2HasTheParametersOfNanoGpt() {
    ModelConfig config =
        TestModels.gpt2(12, 768, 12, 1024, 50257, false, Activation.GELU_TANH, true);

    assertThat(count(config)).isEqualTo(124_337_664);
  }

  @ParameterizedTest
  @CsvSource({
    "LLaMA-7B,   32, 4096, 32, 32,     0,  6738415616",
    "LLaMA-13B,  40, 5120, 40, 40,     0, 13015864320",
    "Llama-2-70B, 80, 8192, 64, 8, 28672, 68976648192",
  })
  void llamaHasTheParametersOfTheReleasedModels(
      String name, int layers, int width, int heads, int groups, int inner, long count) {
    ModelConfig config = TestModels.llama(layers, width, heads, groups, inner, 2048, 32000);

    assertThat(count(config)).as(name).isEqualTo(count);
  }

  @Test
  void wantsAResolvedVocabulary() {
    assertThatThrownBy(() -> Models.declare(TestModels.gpt2(1, 8, 2, 4, 0)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("model.vocabulary_size must be resolved from the tokenizer");
  }

  private static long count(ModelConfig config) {
    return Models.declare(config).parameters().count();
  }
}
