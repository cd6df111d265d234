package dev.firesteel.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.firesteel.checkpoint.state.TrainingCheckpoint;
import dev.firesteel.config.PretrainConfig;
import dev.firesteel.error.UserException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ResumeCheckTest {
  @TempDir Path folder;

  @BeforeEach
  void trainFourSteps() throws IOException {
    TinyRun.prepare(folder);
    TinyRun.trainUntil(TinyRun.config(folder), 4);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "logging.every=3",
        "checkpoint.every=1",
        "checkpoint.keep_last=1",
        "compute.threads=3",
        "compute.recompute=block",
        "evaluation.every=6",
        "sample.max_tokens=3",
        "data.source=elsewhere",
        "training.skip_non_finite_limit=3"
      })
  void allowsWhatChangesNoNumber(String override) {
    assertThat(open(TinyRun.config(folder, override))).isEqualTo(TrainingOutcome.INTERRUPTED);
  }

  @ParameterizedTest
  @CsvSource({
    "model.width=32, 16, 32",
    "model.dropout=0, 0.1, 0.0",
    "seed=8, 7, 8",
    "training.micro_batch_size=4, 2, 4",
    "training.gradient_clip=2, 1.0, 2.0",
    "optimizer.kind=muon, adamw, muon",
    "optimizer.kind=sgd, adamw, sgd",
    "optimizer.beta1=0.8, 0.9, 0.8",
    "optimizer.learning_rate=0.02, 0.01, 0.02",
    "schedule.warmup_steps=1, 3, 1",
    "evaluation.batches=2, 3, 2",
    "data.sampling=random_offsets, shuffled_windows, random_offsets"
  })
  void refusesWhatChangesTheTrajectory(String override, String was, String is) {
    PretrainConfig config = TinyRun.config(folder, override);
    assertThatThrownBy(() -> TinyRun.train(config))
        .isInstanceOf(UserException.class)
        .hasMessage(
            "%s must be %s as in the checkpoint file:%s, got %s: change it back, or train under another name (name=...)"
                .formatted(
                    override.substring(0, override.indexOf('=')),
                    was,
                    TinyRun.checkpoint(config, 4),
                    is));
  }

  @Test
  void allowsMoreStepsWhereTheRatesSoFarStayTheSame() throws IOException {
    String constant = "schedule.kind=constant";
    TinyRun.trainUntil(TinyRun.config(folder, "name=short", constant, "training.steps=8"), 4);
    PretrainConfig extended = TinyRun.config(folder, "name=short", constant);
    assertThat(TinyRun.train(extended)).isEqualTo(TrainingOutcome.COMPLETED);

    PretrainConfig whole = TinyRun.config(folder, "name=long", constant);
    TinyRun.train(whole);
    assertThat(TinyRun.file(extended, 12, "model.safetensors"))
        .isEqualTo(TinyRun.file(whole, 12, "model.safetensors"));
  }

  @Test
  void refusesMoreStepsWhereTheRatesSoFarWouldHaveBeenOthers() {
    TinyRun.trainUntil(TinyRun.config(folder, "name=cosine"), 8);
    PretrainConfig longer = TinyRun.config(folder, "name=cosine", "training.steps=20");
    assertThatThrownBy(() -> TinyRun.train(longer))
        .isInstanceOf(UserException.class)
        .hasMessageStartingWith("training.steps must be 12 as in the checkpoint");
  }

  @Test
  void epochsAndStepsOfTheSameNumberAreTheSameRun() throws IOException {
    // 900 characters are 112 windows of 8; 3 x 112 / 8 = 42 steps.
    PretrainConfig config =
        TinyRun.config(folder, "name=epochs", "training.steps=0", "training.epochs=3");
    TinyRun.trainUntil(config, 8);
    assertThat(
            TrainingCheckpoint.config(
                    TinyRun.directory(config).checkpoints(notice -> {}).latest().orElseThrow(),
                    PretrainConfig.class)
                .training()
                .steps())
        .isEqualTo(42);

    assertThat(open(config)).isEqualTo(TrainingOutcome.INTERRUPTED);
    assertThat(open(TinyRun.config(folder, "name=epochs", "training.steps=42")))
        .isEqualTo(TrainingOutcome.INTERRUPTED);
    PretrainConfig longer =
        TinyRun.config(folder, "name=epochs", "training.steps=0", "training.epochs=4");
    assertThatThrownBy(() -> TinyRun.train(longer))
        .isInstanceOf(UserException.class)
        .hasMessageStartingWith("training.steps must be 42 as in the checkpoint");
  }

  @Test
  void refusesToStopBeforeTheCheckpoint() {
    String constant = "schedule.kind=constant";
    TinyRun.train(TinyRun.config(folder, "name=done", constant, "training.steps=8"));
    PretrainConfig shorter = TinyRun.config(folder, "name=done", constant, "training.steps=6");
    assertThatThrownBy(() -> TinyRun.train(shorter))
        .isInstanceOf(UserException.class)
        .hasMessage(
            "training.steps must be at least 8, the step of the checkpoint file:%s, got 6"
                .formatted(TinyRun.checkpoint(shorter, 8)));
  }

  @Test
  void refusesOtherDataAndAnotherTokenizer() throws IOException {
    Path elsewhere = folder.resolve("elsewhere");
    PretrainConfig config = TinyRun.config(folder, "data.path=" + elsewhere.resolve("data"));
    TinyRun.prepare(elsewhere, "1 and 0 ".repeat(50), "0 and 1 ".repeat(20));
    assertThatThrownBy(() -> TinyRun.train(config))
        .isInstanceOf(UserException.class)
        .hasMessageStartingWith(
            "the tokenizer in %s must match the checkpoint".formatted(elsewhere.resolve("data")));

    // The same characters in another order: the same tokenizer, other tokens.
    StringBuilder text = new StringBuilder();
    for (int i = 60; i > 0; i--) {
      text.append(i).append(" sheep and ").append(i - 1).append(" goats\n");
    }
    TinyRun.prepare(elsewhere, text.substring(0, 900), text.substring(900));
    assertThatThrownBy(() -> TinyRun.train(config))
        .isInstanceOf(UserException.class)
        .hasMessageStartingWith(
            "the text in %s must match the checkpoint".formatted(elsewhere.resolve("data")));
  }

  @Test
  void takesEqualDataFromAnotherFolder() throws IOException {
    Path elsewhere = folder.resolve("elsewhere");
    TinyRun.prepare(elsewhere);
    PretrainConfig config = TinyRun.config(folder, "data.path=" + elsewhere.resolve("data"));
    assertThat(open(config)).isEqualTo(TrainingOutcome.INTERRUPTED);
  }

  @Test
  void refusesADamagedCheckpoint() throws IOException {
    PretrainConfig config = TinyRun.config(folder);
    Path weights = TinyRun.checkpoint(config, 4).resolve("model.safetensors");
    byte[] bytes = Files.readAllBytes(weights);
    bytes[bytes.length - 1] ^= 1;
    Files.write(weights, bytes);
    assertThatThrownBy(() -> TinyRun.train(config))
        .isInstanceOf(UserException.class)
        .hasMessageMatching(
            "the checkpoint file .*model.safetensors is damaged, it must have the CRC32C .*");
  }

  /** Begins a session that is stopped before its first step. */
  private static TrainingOutcome open(PretrainConfig config) {
    StopSignal stop = new StopSignal();
    stop.request();
    return TinyRun.train(config, event -> {}, stop);
  }
}
