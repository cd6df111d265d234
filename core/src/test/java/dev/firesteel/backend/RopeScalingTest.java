package dev.firesteel.backend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Frequencies against those of transformers 5.24, in float32. */
class RopeScalingTest {
  /*
   * The program that makes the numbers of this test:
   *
   * from transformers import LlamaConfig
   * from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS
   *
   * def show(theta, width, **rope):
   *     config = LlamaConfig(hidden_size=2 * width, num_attention_heads=2, head_dim=width,
   *         max_position_embeddings=256, rope_parameters=dict(rope_theta=theta, **rope))
   *     frequencies, magnitude = ROPE_INIT_FUNCTIONS[rope['rope_type']](config)
   *     print([float(f) for f in frequencies], magnitude)
   *
   * show(10000.0, 8, rope_type='linear', factor=4.0)
   * show(500000.0, 16, rope_type='llama3', factor=8.0, low_freq_factor=1.0,
   *     high_freq_factor=4.0, original_max_position_embeddings=64)
   * show(10000.0, 16, rope_type='yarn', factor=4.0, original_max_position_embeddings=64)
   * show(10000.0, 16, rope_type='yarn', factor=4.0, original_max_position_embeddings=64,
   *     truncate=False, beta_fast=8.0, beta_slow=2.0)
   */
  static Stream<Arguments> scalings() {
    return Stream.of(
        Arguments.of(
            new RopeScaling.Linear(4),
            10000,
            new double[] {0.25, 0.02500000037252903, 0.0024999999441206455, 0.0002500000118743628}),
        Arguments.of(
            new RopeScaling.Llama3(8, 1, 4, 64),
            500000,
            new double[] {
              1.0,
              0.07940301299095154,
              0.004700753837823868,
              0.0009115831344388425,
              0.00017677668074611574,
              3.428102354519069e-05,
              6.647869668086059e-06,
              1.289173155782919e-06
            }),
        Arguments.of(
            new RopeScaling.Yarn(4, 64, 32, 1, 1, true),
            10000,
            new double[] {
              1.0,
              0.23717081546783447,
              0.04999999701976776,
              0.007905694656074047,
              0.0024999999441206455,
              0.0007905694656074047,
              0.0002500000118743628,
              7.905694656074047e-05
            }),
        Arguments.of(
            new RopeScaling.Yarn(4, 64, 8, 2, 1, false),
            10000,
            new double[] {
              1.0,
              0.16058915853500366,
              0.02500000037252903,
              0.007905694656074047,
              0.0024999999441206455,
              0.0007905694656074047,
              0.0002500000118743628,
              7.905694656074047e-05
            }));
  }

  @ParameterizedTest
  @MethodSource("scalings")
  void frequenciesEqualThoseOfTransformers(
      RopeScaling scaling, double theta, double[] frequencies) {
    for (int pair = 0; pair < frequencies.length; pair++) {
      assertThat(scaling.frequency(theta, 2 * frequencies.length, pair))
          .as("%s, pair %d", scaling, pair)
          .isCloseTo(frequencies[pair], within(3e-7 * frequencies[pair]));
    }
  }

  @Test
  void refusesImpossibleValues() {
    assertThatThrownBy(() -> new RopeScaling.Linear(0))
        .hasMessage("RopeScaling: factor must be positive, got [0.0] in this order");
    assertThatThrownBy(() -> new RopeScaling.Llama3(8, 4, 1, 64))
        .hasMessageContaining("the high factor above the low, got [8.0, 4.0, 1.0, 64]");
    assertThatThrownBy(() -> new RopeScaling.Yarn(4, 64, 1, 32, 1, true))
        .hasMessageContaining("fast above slow, got [4.0, 64, 32.0, 1.0, 1.0]");
  }
}
