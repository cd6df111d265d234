package dev.firesteel.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.firesteel.error.UserException;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** A second root beside {@link PretrainConfig}. */
class StageConfigTest {
  @Test
  void aRootHasItsOwnDefaultsForSharedSections() {
    ToyConfig toy = load();
    assertThat(toy.optimizer().learningRate()).isEqualTo(2e-5);
    assertThat(toy.optimizer().weightDecay()).isZero();
    assertThat(toy.optimizer().beta1()).isEqualTo(0.9);
    assertThat(toy.training().steps()).isEqualTo(3);
    assertThat(load("optimizer.learning_rate=1").optimizer().learningRate()).isEqualTo(1);

    PretrainConfig other = ConfigLoader.load(PretrainConfig.class, List.of("data.source=t"));
    assertThat(other.optimizer().learningRate()).isEqualTo(1e-3);
  }

  @Test
  void aRootReadsBackWhatItWrote() {
    ToyConfig toy = load("toys.sizes=3", "toys.targets=[\"1.10\", no]");
    String yaml = ConfigLoader.toYaml(toy);

    assertThat(ConfigLoader.parse(ToyConfig.class, yaml, "config.yaml", List.of())).isEqualTo(toy);
    assertThat(ConfigLoader.contentHash(toy)).isNotEqualTo(ConfigLoader.contentHash(load()));
  }

  @Test
  void refusesKeysOfOtherRoots() {
    assertThatThrownBy(() -> load("model.layers=2"))
        .isInstanceOf(UserException.class)
        .hasMessageStartingWith("unknown key \"model\" in the command line: ");
    assertThatThrownBy(() -> load("learning_rat=2"))
        .hasMessage(
            "unknown key \"learning_rat\" in the command line: did you mean"
                + " \"optimizer.learning_rate\"?");
    assertThatThrownBy(() -> ConfigLoader.load(ToyConfig.class, List.of()))
        .hasMessageStartingWith("toys.folder is required and was not given");
    assertThatThrownBy(() -> ConfigLoader.parse(ToyConfig.class, "x.y: 2", "test.yaml", List.of()))
        .hasMessageContaining("as in \"toys: {folder: ...}\"");
  }

  @Test
  void refusesDefaultsOfAnotherSection() {
    record Wrong(@Defaults("optimizer.learning_rate=1") LoggingConfig logging) {}
    assertThatThrownBy(() -> SettingTree.of(Wrong.class))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "@Defaults of logging must set keys of that section, got optimizer.learning_rate=1");
  }

  @Test
  void listsHaveDefaults() {
    ToyConfig.Toys toys = load().toys();
    assertThat(toys.targets()).containsExactly("query", "value");
    assertThat(toys.rates()).containsExactly(1e-3, 2e-3);
    assertThat(toys.sizes()).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "toys.sizes=1,2",
        "toys.sizes= 1 , 2 ",
        "toys.sizes=[1, 2]",
        "toys={sizes: [1, 2]}"
      })
  void aListIsGivenWithBracketsOrWithout(String override) {
    assertThat(load(override).toys().sizes()).containsExactly(1, 2);
  }

  @Test
  void aListInYamlIsAListOrOneElement() {
    String yaml =
        """
        toys:
          folder: f
          targets:
          - 1.10
          - 'a,b'
          rates: 3e-4
          kinds: [cosine, wsd]
        """;
    ToyConfig.Toys toys =
        ConfigLoader.parse(ToyConfig.class, yaml, "test.yaml", List.of("toys.sizes=[]")).toys();
    assertThat(toys.targets()).containsExactly("1.10", "a,b");
    assertThat(toys.rates()).containsExactly(3e-4);
    assertThat(toys.kinds()).containsExactly(ScheduleConfig.Kind.COSINE, ScheduleConfig.Kind.WSD);
    assertThat(toys.sizes()).isEmpty();
  }

  @Test
  void textsOfAListOnTheCommandLine() {
    assertThat(load("toys.targets=1.10,no").toys().targets()).containsExactly("1.10", "no");
    assertThat(load("toys.targets=[\"a,b\", c]").toys().targets()).containsExactly("a,b", "c");
    assertThat(load("toys.targets='a,b'").toys().targets()).containsExactly("a,b");
    assertThat(load("toys.targets=").toys().targets()).containsExactly("query", "value");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "toys.sizes=1,x | toys.sizes[1] must be an integer up to 2147483647, got \"x\" in the command line",
        "toys.sizes=[1, [2]] | toys.sizes[1] must be an integer up to 2147483647, got a list in the command line",
        "toys.rates={a: 1} | toys.rates[0] must be a number, got \"{a: 1}\" in the command line",
        "toys={rates: {a: 1}} | toys.rates must be a list, got a section in the command line",
        "toys.kinds=cosine,log | toys.kinds[1] must be one of constant, linear, cosine, wsd, got \"log\" in the command line",
        "toys.sizes=1,,2 | toys.sizes must be a list as a,b or [a, b], got \"1,,2\" with an empty element in the command line",
        "training.steps=1,2 | training.steps must be an integer up to 2147483647, got \"1,2\" in the command line",
      })
  void refusesWhatIsNoList(String override, String message) {
    assertThatThrownBy(() -> load(override)).isInstanceOf(UserException.class).hasMessage(message);
  }

  @Test
  void everyKeySaysWhetherItMayChangeAtAResume() {
    assertThat(ConfigLoader.entries(load("toys.sizes=1,2")))
        .contains(
            new ConfigEntry("seed", "1", Resume.FIXED),
            new ConfigEntry("toys.sizes", "[1,2]", Resume.FREE),
            new ConfigEntry("schedule.kind", "cosine", Resume.SAME_RATES));
  }

  @Test
  void readsOneSectionOfAnyRoot() {
    String yaml = ConfigLoader.toYaml(load("optimizer.beta1=0.5"));
    assertThat(ConfigLoader.parseSection(OptimizerConfig.class, "optimizer", yaml, "it"))
        .contains(load("optimizer.beta1=0.5").optimizer());
    assertThat(ConfigLoader.parseSection(ModelConfig.class, "model", yaml, "it")).isEmpty();
    assertThatThrownBy(
            () ->
                ConfigLoader.parseSection(
                    LoggingConfig.class, "logging", "logging: {evry: 1}", "it"))
        .hasMessage("unknown key \"logging.evry\" in it: did you mean \"logging.every\"?");
  }

  private static ToyConfig load(String... overrides) {
    return ConfigLoader.parse(ToyConfig.class, "toys: {folder: f}", "the test", List.of(overrides));
  }
}
