package dev.firesteel.stage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import dev.firesteel.backend.Backend;
import dev.firesteel.backend.BackendKind;
import dev.firesteel.backend.BackendOptions;
import dev.firesteel.backend.Precision;
import dev.firesteel.backend.choice.Backends;
import dev.firesteel.backend.reference.ReferenceBackend;
import dev.firesteel.config.DpoConfig;
import dev.firesteel.error.UserException;
import dev.firesteel.example.ExampleKind;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PreferenceTuningTest {
  private static final List<String> REWARDS =
      List.of("rewards_chosen", "rewards_rejected", "rewards_margins");

  @TempDir private Path folder;

  @BeforeEach
  void prepare() throws IOException {
    TinyStage.writeBase(folder);
  }

  private void examples(ExampleKind kind) throws IOException {
    TinyStage.writeExamples(folder, TinyStage.random(kind, 11, 5), TinyStage.random(kind, 23, 6));
  }

  private DpoConfig config(String... overrides) {
    return TinyStage.config(DpoConfig.class, folder, overrides);
  }

  /** The first row of metrics of a step, before which nothing was trained. */
  private static JsonNode firstStep(DpoConfig config) {
    return TinyStage.metrics(config).stream()
        .filter(row -> row.path("step").asInt() == 1)
        .findFirst()
        .orElseThrow();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "preference.length_normalized=false",
        "preference.length_normalized=true",
        "preference.label_smoothing=0.1",
        "lora.rank=2",
        "training.micro_batch_size=4"
      })
  void thePolicyStartsExactlyAtItsReference(String override) throws IOException {
    examples(ExampleKind.PREFERENCE);
    DpoConfig config = config("training.steps=1", override);
    TinyStage.train(config);
    JsonNode first = firstStep(config);
    assertThat(first.path("loss").asDouble()).isCloseTo(Math.log(2), within(1e-12));
    for (String key : REWARDS) {
      assertThat(first.path(key).asDouble()).as(key).isZero();
    }
    assertThat(first.path("rewards_accuracies").asDouble()).isZero();
    assertThat(first.path("logps_chosen").asDouble()).isNegative();
  }

  @Test
  void theFirstLossOfEachNameIsThatOfEqualModels() throws IOException {
    examples(ExampleKind.PREFERENCE);
    DpoConfig ipo = config("name=ipo", "training.steps=1", "preference.loss=ipo");
    TinyStage.train(ipo);
    assertThat(firstStep(ipo).path("loss").asDouble()).isCloseTo(25, within(1e-12));
    DpoConfig hinge = config("name=hinge", "training.steps=1", "preference.loss=hinge");
    TinyStage.train(hinge);
    assertThat(firstStep(hinge).path("loss").asDouble()).isCloseTo(1, within(1e-12));

    examples(ExampleKind.LABELLED);
    DpoConfig kto = config("name=kto", "training.steps=1", "preference.loss=kto");
    TinyStage.train(kto);
    assertThat(firstStep(kto).path("loss").asDouble()).isCloseTo(0.5, within(1e-12));
    for (String key : REWARDS) {
      assertThat(firstStep(kto).path(key).asDouble()).as(key).isZero();
    }
  }

  /** Also with the kernels that training uses, whose order of additions depends on shapes. */
  @Test
  void thePolicyStartsExactlyAtItsReferenceOnTheCpuBackend() throws IOException {
    examples(ExampleKind.PREFERENCE);
    DpoConfig config = config("training.steps=1", "training.micro_batch_size=1");
    try (Backend backend = Backends.create(new BackendOptions(BackendKind.CPU, Precision.FP32, 1));
        PreferenceTuning stage =
            new PreferenceTuning(
                config, TinyStage.data(config), TinyStage.context(config, backend))) {
      stage.initialize();
      StepProbe.Result first = StepProbe.of(stage).at(0);
      assertThat(first.measure("rewards_margins")).isZero();
      assertThat(first.loss()).isCloseTo(Math.log(2), within(1e-12));
    }
  }

  /** Away from the reference, along the gradient and in a random direction. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "preference.loss=dpo",
        "preference.label_smoothing=0.2",
        "preference.length_normalized=true",
        "preference.sft_coefficient=0.7",
        "preference.loss=ipo",
        "preference.loss=ipo preference.length_normalized=true",
        "preference.loss=hinge",
        "preference.loss=kto",
        "preference.loss=kto preference.desirable_weight=1.5 preference.undesirable_weight=0.4"
            + " preference.sft_coefficient=0.3",
      })
  void gradientsAreThoseOfDifferencesOfTheLoss(String overrides) throws IOException {
    boolean kto = overrides.contains("kto");
    examples(kto ? ExampleKind.LABELLED : ExampleKind.PREFERENCE);
    DpoConfig config =
        config((StepProbe.PLAIN_STEPS + " training.global_batch_size=4 " + overrides).split(" "));
    try (Backend backend = new ReferenceBackend();
        PreferenceTuning stage =
            new PreferenceTuning(
                config, TinyStage.data(config), TinyStage.context(config, backend))) {
      stage.initialize();
      StepProbe probe = StepProbe.of(stage);
      probe.move(0.02, 11);
      // KTO's reference point is a constant of the loss, and 0 unless the policy drifted upwards.
      probe.requireGradientOfDifferences(kto ? 0.05 : 0.02);
    }
  }

  /** The term of cross-entropy changes the loss, not the rewards that are reported. */
  @Test
  void everyLossReportsTheSameRewards() throws IOException {
    examples(ExampleKind.PREFERENCE);
    StepProbe.Result plain = atRandomWeights();
    assertThat(plain.measure("rewards_margins")).isNotZero();
    assertThat(plain.measure("rewards_margins"))
        .isCloseTo(
            plain.measure("rewards_chosen") - plain.measure("rewards_rejected"), within(1e-12));
    StepProbe.Result mixed = atRandomWeights("preference.sft_coefficient=0.5");
    StepProbe.Result hinge = atRandomWeights("preference.loss=hinge");
    StepProbe.Result ipo = atRandomWeights("preference.loss=ipo");
    for (StepProbe.Result other : List.of(mixed, hinge, ipo)) {
      assertThat(other.loss()).isNotCloseTo(plain.loss(), within(0.01));
      for (String key : REWARDS) {
        assertThat(other.measure(key)).as(key).isEqualTo(plain.measure(key));
      }
      assertThat(other.measure("logps_chosen")).isEqualTo(plain.measure("logps_chosen"));
    }
  }

  /** Means over an answer's tokens, as sums divided by their number. */
  @Test
  void lengthNormalizationTakesMeansOfTokens() throws IOException {
    TinyStage.writeExamples(
        folder, List.of(TinyStage.answers("ab", "cde", "f")), List.of()); // 4 and 2 tokens
    String[] one = {"training.micro_batch_size=1", "training.global_batch_size=1"};
    StepProbe.Result sums = atRandomWeights(one);
    StepProbe.Result means = atRandomWeights(one[0], one[1], "preference.length_normalized=true");
    assertThat(means.measure("rewards_chosen"))
        .isCloseTo(sums.measure("rewards_chosen") / 4, within(1e-9));
    assertThat(means.measure("rewards_rejected"))
        .isCloseTo(sums.measure("rewards_rejected") / 2, within(1e-9));
    assertThat(means.loss())
        .isCloseTo(Math.log1p(Math.exp(-means.measure("rewards_margins"))), within(1e-9));
  }

  private StepProbe.Result atRandomWeights(String... overrides) {
    DpoConfig config =
        config(
            Stream.concat(Arrays.stream(StepProbe.PLAIN_STEPS.split(" ")), Arrays.stream(overrides))
                .toArray(String[]::new));
    try (Backend backend = new ReferenceBackend();
        PreferenceTuning stage =
            new PreferenceTuning(
                config, TinyStage.data(config), TinyStage.context(config, backend))) {
      stage.initialize();
      StepProbe probe = StepProbe.of(stage);
      probe.move(0.02, 11);
      return probe.at(0);
    }
  }

  @Test
  void ranksAndBatchesDoNotChangeIt() throws Exception {
    for (ExampleKind kind : List.of(ExampleKind.PREFERENCE, ExampleKind.LABELLED)) {
      examples(kind);
      String loss = kind == ExampleKind.LABELLED ? "preference.loss=kto" : "preference.loss=dpo";
      DpoConfig one = config("name=one-" + kind, loss);
      TinyStage.train(one);
      for (int ranks : new int[] {2, 4}) {
        DpoConfig several = config("name=ranks-" + kind + ranks, loss);
        TinyStage.trainOnRanks(several, ranks);
        assertThat(TinyStage.file(several, 5, "model.safetensors"))
            .isEqualTo(TinyStage.file(one, 5, "model.safetensors"));
        assertThat(TinyStage.metrics(several)).isEqualTo(TinyStage.metrics(one));
      }
      DpoConfig other = config("name=whole-" + kind, loss, "training.micro_batch_size=8");
      TinyStage.train(other);
      for (String key :
          List.of("loss", "grad_norm", "rewards_margins", "logps_rejected", "val_loss")) {
        List<Double> wanted = TinyStage.metric(one, key);
        List<Double> got = TinyStage.metric(other, key);
        assertThat(got).as(key).hasSameSizeAs(wanted).isNotEmpty();
        for (int i = 0; i < got.size(); i++) {
          double scale = Math.max(1, Math.abs(wanted.get(i)));
          assertThat(got.get(i)).as(key).isCloseTo(wanted.get(i), within(1e-4 * scale));
        }
      }
    }
  }

  @Test
  void refusesExamplesOfAnotherShape() throws IOException {
    TinyStage.writeExamples(folder, List.of(TinyStage.answers("a", "b", "c", "d")), List.of());
    DpoConfig config = config();
    assertThatThrownBy(() -> TinyStage.train(config))
        .isInstanceOf(UserException.class)
        .hasMessage(
            "the loss dpo takes examples of 2 answers, got one of 3: rankings are for the command"
                + " reward");
  }

  @Test
  void refusesDropoutThatWouldMoveTheFirstRatio() throws IOException {
    examples(ExampleKind.PREFERENCE);
    DpoConfig config = config("model.dropout=0.1");
    assertThatThrownBy(() -> TinyStage.train(config))
        .isInstanceOf(UserException.class)
        .hasMessageStartingWith("Training on log-probabilities requires model.dropout 0");
  }
}
