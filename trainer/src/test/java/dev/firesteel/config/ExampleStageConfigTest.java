package dev.firesteel.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.firesteel.error.UserException;
import dev.firesteel.example.ExampleKind;
import dev.firesteel.nn.Lora;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The roots of the stages that train a model on examples. */
class ExampleStageConfigTest {
  /** What they have in common; to change a default, change it in its record and here. */
  private static final Map<String, String> COMMON =
      Map.ofEntries(
          Map.entry("data.source", "(required)"),
          Map.entry("data.type", "auto"),
          Map.entry("data.columns", ""),
          Map.entry("data.template", ""),
          Map.entry("data.train_on", "answers"),
          Map.entry("data.truncation", "keep_start"),
          Map.entry("data.validation_fraction", "0.02"),
          Map.entry("data.max_examples", "0"),
          Map.entry("data.max_bad_fraction", "0.01"),
          Map.entry("data.path", ""),
          Map.entry("lora.rank", "0"),
          Map.entry("lora.alpha", "0.0"),
          Map.entry("lora.dropout", "0.0"),
          Map.entry("lora.targets", "*.attention.*,*.feed_forward.*"),
          Map.entry("optimizer.weight_decay", "0.0"));

  private static final Map<String, String> ON_ANSWERS =
      Map.of(
          "training.micro_batch_size", "4",
          "schedule.warmup_steps", "20",
          "evaluation.every", "100",
          "evaluation.batches", "0",
          "checkpoint.every", "200");

  private static final Map<Class<? extends Record>, Map<String, String>> OWN =
      Map.of(
          SftConfig.class,
          Map.of(
              "batching.packing", "best_fit",
              "batching.neftune_alpha", "0.0",
              "optimizer.learning_rate", "2e-5"),
          RewardConfig.class,
          Map.of(
              "reward.centering", "0.0",
              "reward.normalize", "true",
              "optimizer.learning_rate", "1e-5"),
          DpoConfig.class,
          Map.of(
              "preference.loss", "dpo",
              "preference.beta", "0.1",
              "preference.label_smoothing", "0.0",
              "preference.length_normalized", "false",
              "preference.sft_coefficient", "0.0",
              "preference.desirable_weight", "1.0",
              "preference.undesirable_weight", "1.0",
              "optimizer.learning_rate", "1e-6"));

  static List<Class<? extends Record>> onAnswers() {
    return List.of(SftConfig.class, RewardConfig.class, DpoConfig.class);
  }

  @ParameterizedTest
  @MethodSource("onAnswers")
  void whatDiffersFromPretrainingHasTheDefaultListedHere(Class<? extends Record> root) {
    SettingTree pretraining = SettingTree.of(PretrainConfig.class);
    Map<String, String> actual = new TreeMap<>();
    for (SettingTree.Key key : SettingTree.of(root).keys()) {
      String value = key.required() ? "(required)" : key.byDefault();
      if (key.path().startsWith("data.")
          || !pretraining.contains(key.path())
          || !pretraining.key(key.path()).byDefault().equals(value)) {
        actual.put(key.path(), value);
      }
    }
    Map<String, String> wanted = new TreeMap<>(COMMON);
    wanted.putAll(ON_ANSWERS);
    wanted.putAll(OWN.get(root));
    assertThat(actual).isEqualTo(wanted);
  }

  private static <C extends Record & ExampleStageConfig> C load(
      Class<C> root, String... overrides) {
    List<String> all =
        new ArrayList<>(List.of("data.source=tales/instructions", "model.from=runs/base"));
    all.addAll(Arrays.asList(overrides));
    return ConfigLoader.load(root, all);
  }

  // ---- length of the run

  @Test
  void aRunIsOneEpochUnlessItsLengthIsGiven() {
    SftConfig byDefault = load(SftConfig.class);
    assertThat(byDefault.training().epochs()).isEqualTo(1);
    assertThat(byDefault.training().steps()).isZero();
    assertThat(byDefault.withSamples(33).training().steps()).isEqualTo(3); // of 16
    assertThat(byDefault.withSamples(33).schedule().decaySteps()).isZero();
    assertThat(byDefault.withSamples(3300).schedule().decaySteps()).isEqualTo(207 - 20);

    SftConfig steps = load(SftConfig.class, "training.steps=7");
    assertThat(steps.training().epochs()).isZero();
    assertThat(steps.withSamples(33)).isEqualTo(steps);
    assertThat(load(RewardConfig.class).withSamples(160).training().steps()).isEqualTo(10);
    assertThat(load(DpoConfig.class, "training.epochs=0.5").withSamples(160).training().steps())
        .isEqualTo(5);
    assertThatThrownBy(
            () -> load(SftConfig.class, "training.steps=7", "training.epochs=1").withSamples(33))
        .hasMessage(
            "training.epochs 1.0 takes 3 steps of 16 of the 33 samples of an epoch, got training.steps 7: give only one of the two");
  }

  @Test
  void aResolvedConfigurationIsReadBack() {
    for (ExampleStageConfig config :
        List.of(
            load(SftConfig.class, "lora.rank=4").withSamples(50),
            load(RewardConfig.class).withSamples(50),
            load(DpoConfig.class, "preference.loss=kto").withSamples(50))) {
      String yaml = ConfigLoader.toYaml(config);
      assertThat(
              ConfigLoader.parse(
                  config.getClass().asSubclass(Record.class), yaml, "config.yaml", List.of()))
          .isEqualTo(config);
    }
  }

  // ---- sections

  @Test
  void warmUpOfZeroStepsIsAValue() {
    assertThat(load(SftConfig.class, "schedule.warmup_steps=0").schedule().warmupSteps()).isZero();
    assertThat(load(SftConfig.class).schedule().warmupSteps()).isEqualTo(20);
  }

  @Test
  void adaptersAreScaledByTwiceTheirRankUnlessAlphaIsGiven() {
    assertThat(load(SftConfig.class).lora().adapters()).isEmpty();
    Lora lora = load(SftConfig.class, "lora.rank=4").lora().adapters().orElseThrow();
    assertThat(lora.rank()).isEqualTo(4);
    assertThat(lora.alpha()).isEqualTo(8);
    assertThat(load(SftConfig.class, "lora.rank=4", "lora.alpha=3").lora().alpha()).isEqualTo(3);
  }

  @Test
  void theLossDeterminesTheRecords() {
    assertThat(load(SftConfig.class).kind()).isEqualTo(ExampleKind.SFT);
    assertThat(load(RewardConfig.class).kind()).isEqualTo(ExampleKind.PREFERENCE);
    assertThat(load(DpoConfig.class, "preference.loss=ipo").kind())
        .isEqualTo(ExampleKind.PREFERENCE);
    assertThat(load(DpoConfig.class, "preference.loss=kto").kind()).isEqualTo(ExampleKind.LABELLED);
  }

  /** Examples of other settings are other examples. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "data.type=alpaca",
        "data.columns=prompt=question",
        "data.template=chatml",
        "data.train_on=all",
        "data.truncation=drop",
        "data.validation_fraction=0.1",
        "data.max_examples=5",
        "model.from=runs/other",
        "training.sequence_length=64",
      })
  void eachSettingOfTheExamplesIsPartOfTheirFolder(String override) {
    assertThat(load(SftConfig.class, override).data().path())
        .startsWith("data/instructions-")
        .isNotEqualTo(load(SftConfig.class).data().path());
  }

  @ParameterizedTest
  @ValueSource(strings = {"seed=3", "data.max_bad_fraction=0.5", "batching.packing=none"})
  void noOtherSettingIs(String override) {
    assertThat(load(SftConfig.class, override).data().path())
        .isEqualTo(load(SftConfig.class).data().path());
  }

  @Test
  void stagesDoNotShareExamples() {
    assertThat(load(RewardConfig.class).data().path())
        .isNotEqualTo(load(SftConfig.class).data().path())
        .isEqualTo(load(DpoConfig.class).data().path());
  }

  // ---- messages

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "model.from= | sft needs a model to start from, got an empty model.from: set model.from to a run, a checkpoint or a Hugging Face directory",
        "data.source=' ' | data.source must name the records, got an empty string",
        "data.columns=prompt | data.columns must hold entries name=field, got \"prompt\"",
        "data.validation_fraction=1 | data.validation_fraction must be at least 0 and less than 1, got 1.0",
        "data.max_examples=-1 | data.max_examples must be at least 0, got -1",
        "data.max_bad_fraction=1.5 | data.max_bad_fraction must be between 0 and 1, got 1.5",
        "lora.rank=-1 | lora.rank must be at least 0, got -1",
        "lora.dropout=1 | lora.dropout must be at least 0 and less than 1, got 1.0",
        "batching.neftune_alpha=-1 | batching.neftune_alpha must be at least 0, got -1.0",
        "batching.packing=bfd | batching.packing must be one of best_fit, none, got \"bfd\" in the command line",
        "training.sequence_length=1000 | training.sequence_length must be at most model.context_length (256), got 1000: lower it or raise model.context_length",
        "tokenizer.kind=bpe | unknown key \"tokenizer\" in the command line: the keys here are name, seed, runs_folder, data, batching, model, lora, compute, cluster, training, optimizer, schedule, evaluation, checkpoint, logging, sample, tracking",
      })
  void refusesBadValuesOfFineTuning(String override, String message) {
    assertThatThrownBy(() -> load(SftConfig.class, override))
        .isInstanceOf(UserException.class)
        .hasMessage(message);
  }

  @Test
  void refusesAdaptersWithoutTargets() {
    assertThatThrownBy(() -> load(SftConfig.class, "lora.rank=2", "lora.targets=[]"))
        .isInstanceOf(UserException.class)
        .hasMessage(
            "lora.targets must name projections, got an empty list: give patterns or set lora.rank=0");
    assertThat(load(SftConfig.class, "lora.targets=[]").lora().adapters()).isEmpty();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "preference.beta=0 | preference.beta must be greater than 0, got 0.0",
        "preference.label_smoothing=0.5 | preference.label_smoothing must be at least 0 and below 0.5, got 0.5",
        "preference.sft_coefficient=-1 | preference.sft_coefficient must be at least 0, got -1.0",
        "preference.desirable_weight=-1 | preference.desirable_weight must be at least 0, got -1.0",
        "preference.loss=sigmoid | preference.loss must be one of dpo, ipo, hinge, kto, got \"sigmoid\" in the command line",
        "preference={loss: ipo, label_smoothing: 0.1} | preference.label_smoothing is for the loss dpo, got it with ipo: leave it out",
        "preference={loss: kto, length_normalized: true} | preference.length_normalized is for losses on pairs, got it with kto: leave it out",
      })
  void refusesBadValuesOfPreferenceTuning(String override, String message) {
    assertThatThrownBy(() -> load(DpoConfig.class, override))
        .isInstanceOf(UserException.class)
        .hasMessage(message);
  }

  @Test
  void refusesNegativeCentering() {
    assertThatThrownBy(() -> load(RewardConfig.class, "reward.centering=-0.1"))
        .isInstanceOf(UserException.class)
        .hasMessage("reward.centering must be at least 0, got -0.1");
  }

  /** Defaults of a stage for one optimizer must not stand in the way of another one. */
  @ParameterizedTest
  @ValueSource(strings = {"adamw", "sgd", "lion", "muon", "adafactor"})
  void everyStageTakesEveryOptimizer(String kind) {
    String override = "optimizer.kind=" + kind;
    String functions = "rewards.functions=[length]";
    for (ExampleStageConfig config :
        List.of(
            load(SftConfig.class, override),
            load(RewardConfig.class, override),
            load(DpoConfig.class, override),
            load(GrpoConfig.class, override, functions),
            load(PpoConfig.class, override, functions))) {
      assertThat(config.optimizer().kind().toString()).isEqualToIgnoringCase(kind);
    }
    OptimizerConfig ppo = load(PpoConfig.class, override, functions).optimizer();
    OptimizerConfig grpo = load(GrpoConfig.class, override, functions).optimizer();
    if (kind.equals("adamw")) {
      assertThat(ppo.beta2()).isEqualTo(0.999);
      assertThat(ppo.epsilon()).isEqualTo(1e-5);
    } else {
      assertThat(ppo.withLearningRate(1)).isEqualTo(grpo.withLearningRate(1));
    }
  }
}
