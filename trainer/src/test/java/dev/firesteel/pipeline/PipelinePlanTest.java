package dev.firesteel.pipeline;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.firesteel.config.ConfigLoader;
import dev.firesteel.config.Pipeline;
import dev.firesteel.config.PipelineLoader;
import dev.firesteel.config.PretrainConfig;
import dev.firesteel.error.UserException;
import dev.firesteel.pipeline.PipelinePlan.State;
import dev.firesteel.stage.Stages;
import dev.firesteel.train.TinyRun;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import org.apache.hadoop.fs.FileUtil;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is skipped, what is resumed, and what is refused. */
class PipelinePlanTest {
  private static final String MORE_STEPS = "more.training.steps=4";

  @TempDir private Path folder;

  @BeforeEach
  void prepare() throws IOException {
    TinyRun.prepare(folder);
  }

  @Test
  void aNewPipelineIsCheckedWithoutItsModels() throws IOException {
    PipelinePlan plan = plan();

    assertThat(plan.stages()).extracting(PipelinePlan.Stage::state).containsOnly(State.NEW);
    assertThat(plan.stage("more").config().model().width())
        .as("the model of the base")
        .isEqualTo(plan.stage("base").config().model().width());
    assertThat(plan.stage("more").sources()).containsExactly("base");
    assertThat(plan.stage("base").length()).isEqualTo("12 steps");
    assertThat(folder.resolve("runs")).doesNotExist();
  }

  @Test
  void aMistakeInALaterStageIsFoundBeforeTheFirst() {
    refuses("stage more: model.width must be 16 as in the stage base", "more.model.width=32");
    refuses("stage more: training.steps must be at least 0", "more.training.steps=-1");
    refuses("stage answers: ", "answers.rewards.functions=[no.such.Class]");
    refuses(
        "evaluation.max_tokens must be below the context of the models (8 tokens)",
        "evaluation.prompts=x",
        "evaluation.gold=length",
        "evaluation.max_tokens=8");
  }

  @Test
  void aFinishedStageIsSkippedAndAnInterruptedOneResumed() throws IOException {
    train("base");
    PipelinePlan.Stage base = plan().stage("base");
    assertThat(base.state()).isEqualTo(State.FINISHED);
    assertThat(base.progress()).isEqualTo("finished at step 12");
    assertThat(plan("base.logging.every=3").stage("base").state())
        .as("a key that changes no weight")
        .isEqualTo(State.FINISHED);

    delete("runs/p-base/checkpoints/step-00000012");
    PipelinePlan.Stage stopped = plan().stage("base");
    assertThat(stopped.state()).isEqualTo(State.INTERRUPTED);
    assertThat(stopped.progress()).isEqualTo("to be continued at step 10");

    train("base");
    train("more");
    PipelinePlan.Stage more = plan(MORE_STEPS).stage("more");
    assertThat(more.state()).isEqualTo(State.FINISHED);
    assertThat(more.config().model().from()).endsWith("/p-base/checkpoints/step-00000012");
  }

  @Test
  void aStageOfOtherSettingsIsRefusedAndStaysAsItIs() throws IOException {
    train("base");

    refuses("stage base: optimizer.learning_rate must be 0.01", "base.optimizer.learning_rate=1");
    refuses("stage base: training.steps must be at least 12", "base.training.steps=4");
    assertThat(plan().stage("base").state()).isEqualTo(State.FINISHED);
  }

  @Test
  void aStageIsNotMixedWithAnotherSource() throws IOException {
    train("base");
    Pipeline pipeline = pipeline(MORE_STEPS);
    PipelineRecord record = PipelineRecord.open(pipeline.config(), TinyRun.HADOOP);
    PipelinePlan plan = PipelinePlan.of(pipeline, record, TinyRun.HADOOP, config -> {});
    record.begin("more", plan.identities(plan.stage("more")));
    train("more");
    assertThat(plan(MORE_STEPS).stage("more").state()).isEqualTo(State.FINISHED);

    record.begin("more", Map.of("base", "another"));

    refuses(
        "stage more: it was trained from the finished stage base, got one that is another",
        MORE_STEPS);
  }

  private void refuses(String message, String... overrides) {
    assertThatThrownBy(() -> plan(overrides))
        .isInstanceOf(UserException.class)
        .hasMessageContaining(message);
  }

  private void delete(String path) throws IOException {
    FileUtil.fullyDelete(folder.resolve(path).toFile());
  }

  /** Trains a stage as the command does. */
  private void train(String stage) throws IOException {
    PretrainConfig config = (PretrainConfig) plan(MORE_STEPS).stage(stage).config();
    TinyRun.train(config);
  }

  private PipelinePlan plan(String... overrides) throws IOException {
    Pipeline pipeline = pipeline(overrides);
    return PipelinePlan.of(
        pipeline,
        PipelineRecord.open(pipeline.config(), TinyRun.HADOOP),
        TinyRun.HADOOP,
        Stages::check);
  }

  private Pipeline pipeline(String... overrides) throws IOException {
    Files.writeString(folder.resolve("tiny.yaml"), ConfigLoader.toYaml(TinyRun.config(folder)));
    Path file =
        Files.writeString(
            folder.resolve("p.yaml"),
            """
            runs_folder: %s
            stages:
              base: {stage: pretrain, config: tiny.yaml}
              more: {stage: pretrain, from: base, config: more.yaml}
              answers:
                stage: grpo
                from: more
                keys:
                  data: {source: prompts}
                  rewards: {functions: [length]}
                  rollouts: {max_tokens: 4}
            """
                .formatted(folder.resolve("runs")));
    Files.writeString(
        folder.resolve("more.yaml"),
        """
        data: {source: none, path: %s}
        compute: {backend: reference}
        training: {steps: 4, micro_batch_size: 2, global_batch_size: 8}
        """
            .formatted(folder.resolve("data")));
    return PipelineLoader.load(file, Arrays.asList(overrides), Stages.roots());
  }
}
