package dev.firesteel.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.firesteel.error.UserException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class OptimizerConfigTest {
  private static PretrainConfig config(String... overrides) {
    List<String> all = new ArrayList<>(List.of("data.source=text.txt"));
    all.addAll(List.of(overrides));
    return ConfigLoader.load(PretrainConfig.class, all);
  }

  @Test
  void eachOptimizerHasItsDefaults() {
    assertThat(config().optimizer()).isEqualTo(new OptimizerConfig(1e-3, 0.9, 0.95, 1e-8, 0.1));

    OptimizerConfig lion = config("optimizer.kind=lion").optimizer();
    assertThat(lion.beta1()).isEqualTo(0.9);
    assertThat(lion.beta2()).isEqualTo(0.99);
    assertThat(lion.epsilon()).isNull();

    OptimizerConfig sgd = config("optimizer.kind=sgd").optimizer();
    assertThat(sgd.momentum()).isEqualTo(0.9);
    assertThat(sgd.nesterov()).isFalse();

    OptimizerConfig adafactor = config("optimizer.kind=adafactor").optimizer();
    assertThat(adafactor.epsilon()).isEqualTo(1e-30);
    assertThat(adafactor.clipThreshold()).isEqualTo(1);
    assertThat(adafactor.decayExponent()).isEqualTo(0.8);
    assertThat(adafactor.relativeStep()).isFalse();

    OptimizerConfig muon = config("optimizer.kind=muon").optimizer();
    assertThat(muon.momentum()).isEqualTo(0.95);
    assertThat(muon.nesterov()).isTrue();
    assertThat(muon.newtonSchulzSteps()).isEqualTo(5);
    assertThat(muon.matrixLearningRateFactor()).isEqualTo(20);
    assertThat(
            config("optimizer.kind=muon", "optimizer.update_scale=adamw_rms")
                .optimizer()
                .matrixLearningRateFactor())
        .isEqualTo(1);
  }

  @Test
  void aResolvedConfigurationIsReadAsItWasWritten() {
    for (OptimizerConfig.Kind kind : OptimizerConfig.Kind.values()) {
      PretrainConfig config =
          config(
              "optimizer.kind=" + ConfigLoader.yamlName(kind),
              "optimizer.groups=[\"*.gain learning_rate_factor=2 weight_decay=1e-2\"]");
      assertThat(
              ConfigLoader.parse(
                  PretrainConfig.class, ConfigLoader.toYaml(config), "the test", List.of()))
          .isEqualTo(config);
      assertThat(config.optimizer().parameterGroups())
          .containsExactly(
              new ParameterGroup(
                  "*.gain learning_rate_factor=2 weight_decay=1e-2", "*.gain", 2, 0.01));
    }
  }

  /** As {@code config.yaml} of earlier runs has it. */
  @Test
  void aSectionWithoutAKindIsAdamW() {
    PretrainConfig old =
        ConfigLoader.parse(
            PretrainConfig.class,
            """
            data: {source: text.txt}
            optimizer: {learning_rate: 0.001, beta1: 0.9, beta2: 0.95, epsilon: 1.0E-8, weight_decay: 0.1}
            """,
            "the test",
            List.of());
    assertThat(ConfigLoader.entries(old)).isEqualTo(ConfigLoader.entries(config()));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "optimizer.kind=adam | optimizer.kind must be one of adamw, lion, sgd, adafactor, muon, got"
            + " \"adam\" in the command line",
        "optimizer.beta1=1 | optimizer.beta1 must be at least 0 and less than 1, got 1.0",
        "optimizer.kind=lion optimizer.beta2=1.5 | optimizer.beta2 must be at least 0 and less than"
            + " 1, got 1.5",
        "optimizer.kind=sgd optimizer.momentum=1 | optimizer.momentum must be at least 0 and less"
            + " than 1, got 1.0",
        "optimizer.kind=sgd optimizer.momentum=0 optimizer.nesterov=true | optimizer.nesterov must"
            + " be false without momentum (optimizer.momentum 0), got true",
        "optimizer.kind=muon optimizer.newton_schulz_steps=0 | optimizer.newton_schulz_steps must be"
            + " at least 1, got 0",
        "optimizer.kind=adafactor optimizer.clip_threshold=0 | optimizer.clip_threshold must be"
            + " greater than 0, got 0.0",
        "optimizer.kind=lion optimizer.epsilon=1e-8 | optimizer.epsilon must be left out for the"
            + " optimizer lion, which does not use it, got 1.0E-8: it is a key of adamw, adafactor,"
            + " muon",
        "optimizer.momentum=0.9 | optimizer.momentum must be left out for the optimizer adamw, which"
            + " does not use it, got 0.9: it is a key of sgd, muon",
      })
  void refusesValuesThatCannotBe(String overrides, String message) {
    assertThatThrownBy(() -> config(overrides.split(" ", -1)))
        .isInstanceOf(UserException.class)
        .hasMessage(message);
  }

  @ParameterizedTest
  @CsvSource({"head.*", "head.* decay=1", "weight_decay=0", "head.* weight_decay=no", "''"})
  void refusesMalformedGroups(String group) {
    assertThatThrownBy(() -> config("optimizer.groups=[\"" + group + "\"]"))
        .isInstanceOf(UserException.class)
        .hasMessage(
            "optimizer.groups[0] must be a pattern of names followed by learning_rate_factor=number,"
                + " weight_decay=number or both, got \""
                + group
                + "\"");
  }

  @Test
  void refusesNegativeFactors() {
    assertThatThrownBy(() -> config("optimizer.groups=head.* learning_rate_factor=-1"))
        .isInstanceOf(UserException.class)
        .hasMessage("optimizer.groups[0] learning_rate_factor must be at least 0, got -1.0");
  }
}
