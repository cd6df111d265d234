package dev.firesteel.convert;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.firesteel.error.UserException;
import dev.firesteel.format.gguf.GgufEncoding;
import dev.firesteel.format.safetensors.FloatType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ModelFormatsTest {
  @Test
  void readsNamesAsUsersWriteThem() {
    assertThat(ModelFormats.floatType("bf16")).isEqualTo(FloatType.BF16);
    assertThat(ModelFormats.ggufEncoding("Q4_K_M")).isEqualTo(GgufEncoding.Q4_K_M);
    assertThat(ModelFormats.bytes("--shard-size", "500MB")).isEqualTo(500_000_000);
  }

  @Test
  void saysWhatThereIs() {
    assertThatThrownBy(() -> ModelFormats.ggufEncoding("q4_k_s"))
        .isInstanceOf(UserException.class)
        .hasMessage(
            "--type must be one of f32, f16, bf16, q8_0, q4_0, q4_k_m for gguf, got q4_k_s");
    assertThatThrownBy(() -> ModelFormats.floatType("q8_0"))
        .hasMessage("--type must be one of f32, bf16, f16 for hf, got q8_0");
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "0GB", "-1MB", "5", "5 GB", "99999999999GB"})
  void refusesSizesThatAreNone(String size) {
    assertThatThrownBy(() -> ModelFormats.bytes("--shard-size", size))
        .isInstanceOf(UserException.class)
        .hasMessage(
            "--shard-size must be a positive number of KB, MB or GB, as 500MB, got %s", size);
  }
}
