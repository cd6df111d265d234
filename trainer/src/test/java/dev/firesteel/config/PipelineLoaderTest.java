package dev.firesteel.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.firesteel.error.UserException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PipelineLoaderTest {
  static final List<Class<? extends StageConfig>> ROOTS =
      List.of(
          PretrainConfig.class,
          SftConfig.class,
          RewardConfig.class,
          DpoConfig.class,
          PpoConfig.class,
          GrpoConfig.class);

  private static final String BASE = "base: {stage: pretrain, config: base.yaml}";
  private static final String SFT = "sft: {stage: sft, from: base, keys: {data: {source: a}}}";
  private static final String REWARD =
      "judge: {stage: reward, from: sft, keys: {data: {source: b}}}";
  private static final String PPO =
      "ppo: {stage: ppo, from: sft, reward: judge, keys: {data: {source: c}}}";

  @TempDir private Path folder;

  @BeforeEach
  void base() throws IOException {
    Files.writeString(
        folder.resolve("base.yaml"),
        "{name: of-the-file, data: {source: text, text_field: 1.10}, training: {steps: 5, micro_batch_size: 2}}");
  }

  @Test
  void namesRunsAndFillsInWhatStagesStartFrom() throws IOException {
    Pipeline pipeline = load("name: p, runs_folder: out", BASE, SFT, REWARD, PPO);

    assertThat(pipeline.stages().stream().map(Pipeline.Stage::name))
        .containsExactly("base", "sft", "judge", "ppo");
    ConfigDraft<?> ppo = pipeline.stages().get(3).draft();
    assertThat(ppo.root()).isEqualTo(PpoConfig.class);
    assertThat(ppo.given("name")).contains("p-ppo");
    assertThat(ppo.given("runs_folder")).contains("out");
    assertThat(ppo.given("model.from")).contains("out/p-sft");
    assertThat(ppo.given("rewards.model")).contains("out/p-judge");
    assertThat(pipeline.config().evaluation().isWanted()).isFalse();
  }

  @Test
  void theCommandLineWinsOverKeysAndTheseOverTheFile() throws IOException {
    Path file =
        write(
            "base: {stage: pretrain, config: base.yaml, keys: {seed: 7, training: {steps: 6}}}",
            "more: {stage: pretrain, from: base, config: base.yaml}");
    Pipeline pipeline =
        PipelineLoader.load(
            file, List.of("base.training.steps=8", "name=other", "more.seed=3"), ROOTS);

    PretrainConfig base = (PretrainConfig) pipeline.stages().get(0).draft().resolve();
    assertThat(base.name()).isEqualTo("other-base");
    assertThat(base.training().steps()).isEqualTo(8);
    assertThat(base.training().microBatchSize()).isEqualTo(2);
    assertThat(base.seed()).isEqualTo(7);
    assertThat(base.data().textField()).as("text as it was written").isEqualTo("1.10");
    assertThat(pipeline.stages().get(1).draft().value("seed")).isEqualTo("3");
    assertThat(pipeline.stages().get(1).draft().value("training.steps")).isEqualTo("5");
  }

  @Test
  void readsKeysAsTheyAreWrittenLikeAFile() throws IOException {
    Pipeline pipeline =
        load("", "base: {stage: pretrain, keys: {data: {source: 007, text_field: no}}}");

    PretrainConfig base = (PretrainConfig) pipeline.stages().get(0).draft().resolve();
    assertThat(base.data().source()).isEqualTo("007");
    assertThat(base.data().textField()).isEqualTo("no");
    assertThat(pipeline.config().name()).as("that of the file").isEqualTo("pipeline");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      value = {
        "base: {stage: pretrian}; stages.base.stage must be one of pretrain, sft, reward, dpo, ppo, grpo, got \"pretrian\"",
        "base: {kind: pretrain}; unknown key \"stages.base.kind\"",
        "base: {config: base.yaml}; stages.base.stage is required",
        "base: pretrain; stages.base must be a section with keys (stage, from, reward, config, keys), got \"pretrain\"",
        "base: {stage: pretrain, keys: 5}; stages.base.keys must be a section with keys, got 5",
        "base: {stage: pretrain, keys: {data: {sorce: a}}}; stage base: unknown key \"data.sorce\" in stages.base.keys of",
        "base: {stage: pretrain, keys: {training: {steps: many}}}; stage base: training.steps must be an integer",
        "base: {stage: pretrain, config: none.yaml}; stage base: configuration file",
        "a.b: {stage: pretrain}; the name of a stage must hold only letters",
        "evaluation: {stage: pretrain}; the name of a stage must hold only letters",
        "sft: {stage: sft, from: sft}; stages.sft.from must name an earlier stage that trains a language model (there is none), got \"sft\"",
        "base: {stage: pretrain, reward: x}; stages.base.reward must name an earlier stage that trains a reward model (there is none)",
      })
  void aMistakeNamesTheStage(String stage, String message) throws IOException {
    Path file = write(stage);

    assertThatThrownBy(() -> PipelineLoader.load(file, List.of(), ROOTS))
        .isInstanceOf(UserException.class)
        .hasMessageContaining(message)
        .extracting(e -> ((UserException) e).kind())
        .isEqualTo(UserException.Kind.USAGE);
  }

  @Test
  void stagesComeFromEarlierOnesOfTheRightKind() throws IOException {
    refuses(
        "must name an earlier stage that trains a language model (base), got \"judge\"",
        BASE,
        SFT.replace("from: base", "from: judge"),
        REWARD);
    refuses(
        "must name an earlier stage that trains a language model (base, sft), got \"judge\"",
        BASE,
        SFT,
        REWARD,
        PPO.replace("from: sft", "from: judge"));
    refuses(
        "must name an earlier stage that trains a reward model (judge), got \"sft\"",
        BASE,
        SFT,
        REWARD,
        PPO.replace("reward: judge", "reward: sft"));
    refuses(
        "stage dpo: reward is for stages of reinforcement learning, got a stage dpo",
        BASE,
        SFT,
        REWARD,
        "dpo: {stage: dpo, from: sft, reward: judge, keys: {data: {source: d}}}");
    refuses(
        "stage sft: from and model.from are alternatives",
        BASE,
        SFT.replace("source: a}", "source: a}, model: {from: x}"));
  }

  @Test
  void refusesAPipelineWithoutStagesAndHalfAnEvaluation() throws IOException {
    refuses("stages must name at least one stage");
    Path file = write(BASE);
    assertThatThrownBy(() -> PipelineLoader.load(file, List.of("evaluation.prompts=x"), ROOTS))
        .hasMessageContaining("evaluation.prompts and evaluation.gold are needed together");
    assertThatThrownBy(() -> PipelineLoader.load(file, List.of("evaluation.sample=1"), ROOTS))
        .hasMessageContaining("did you mean \"evaluation.samples\"?");
    assertThatThrownBy(() -> PipelineLoader.load(file, List.of("base.training.step=1"), ROOTS))
        .hasMessageContaining("stage base: ")
        .hasMessageContaining("did you mean \"training.steps\"?");
    assertThatThrownBy(() -> PipelineLoader.load(file, List.of("bse.seed=1"), ROOTS))
        .hasMessageContaining("unknown key \"bse\"");
  }

  private void refuses(String message, String... stages) throws IOException {
    Path file = write(stages);
    assertThatThrownBy(() -> PipelineLoader.load(file, List.of(), ROOTS))
        .isInstanceOf(UserException.class)
        .hasMessageContaining(message);
  }

  private Pipeline load(String keys, String... stages) throws IOException {
    Path file = write(stages);
    Files.writeString(file, keys.replace(", ", "\n") + "\n" + Files.readString(file));
    return PipelineLoader.load(file, List.of(), ROOTS);
  }

  private Path write(String... stages) throws IOException {
    String lines = String.join("\n", Arrays.stream(stages).map(stage -> "  " + stage).toList());
    return Files.writeString(
        folder.resolve("pipeline.yaml"), "stages:" + (stages.length == 0 ? " {}" : "\n" + lines));
  }
}
