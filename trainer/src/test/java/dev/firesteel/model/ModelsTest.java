package dev.firesteel.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.firesteel.config.ModelConfig;
import dev.firesteel.config.ModelConfig.Activation;
import dev.firesteel.config.ModelConfig.Architecture;
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

  @ParameterizedTest
  @CsvSource({
    "LLAMA,   Llama-3-8B,    32, 4096, 32, 8, 128, 14336, 128256, false, 8030261248",
    "LLAMA,   Llama-3.2-1B,  16, 2048, 32, 8,  64,  8192, 128256, true,  1235814400",
    "MISTRAL, Mistral-7B,    32, 4096, 32, 8, 128, 14336,  32000, false, 7241732096",
    "QWEN2,   Qwen2-0.5B,    24,  896, 14, 2,  64,  4864, 151936, true,   494032768",
    "QWEN2,   Qwen2-7B,      28, 3584, 28, 4, 128, 18944, 152064, false, 7615616512",
    "QWEN3,   Qwen3-0.6B,    28, 1024, 16, 8, 128,  3072, 151936, true,   596049920",
    "QWEN3,   Qwen3-8B,      36, 4096, 32, 8, 128, 12288, 151936, false, 8190735360",
  })
  void architecturesOfLlamasLayersHaveTheParametersOfTheReleasedModels(
      Architecture architecture,
      String name,
      int layers,
      int width,
      int heads,
      int groups,
      int headWidth,
      int inner,
      int vocabulary,
      boolean tied,
      long count) {
    ModelConfig config =
        TestModels.llama(layers, width, heads, groups, inner, 2048, vocabulary).toBuilder()
            .architecture(architecture)
            .attentionBias(null)
            .headWidth(headWidth)
            .tieEmbeddings(tied)
            .build();

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
