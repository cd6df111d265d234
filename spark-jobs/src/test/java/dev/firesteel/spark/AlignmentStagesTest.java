package dev.firesteel.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.io.TempDir;

/** The way from a base model to an aligned one, by the commands that a user gives. */
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
class AlignmentStagesTest {

  @TempDir private static Path folder;
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();

  @Test
  @Order(1)
  void pretrains() throws IOException {
    Files.writeString(folder.resolve("text.txt"), "ab ba ab ba. ".repeat(300));
    run(
        "pretrain",
        "name=base",
        "data.source=" + folder.resolve("text.txt"),
        "data.path=" + folder.resolve("base-data"),
        "tokenizer.kind=byte",
        "data.validation_fraction=0.1",
        "model.layers=1",
        "model.width=32",
        "model.heads=2",
        "model.context_length=48",
        "training.steps=20",
        "training.micro_batch_size=4",
        "training.global_batch_size=4",
        "evaluation.every=0");
  }

  @Test
  @Order(2)
  void fineTunesWithAdapters() throws IOException {
    List<String> lines = new ArrayList<>();
    for (int i = 0; i < 40; i++) {
      lines.add("{\"prompt\":\"say %d: \",\"completion\":\"ab ba\"}".formatted(i));
    }
    Files.write(folder.resolve("sft.jsonl"), lines);
    run(
        "sft",
        "name=sft",
        "model.from=" + folder.resolve("runs/base"),
        "data.source=" + folder.resolve("sft.jsonl"),
        "data.path=" + folder.resolve("sft-data"),
        "data.validation_fraction=0.2",
        "lora.rank=4",
        "optimizer.learning_rate=1e-2",
        "training.steps=10");
    assertThat(text(out)).contains("Read 40 records, kept 40", "[[ab ba");
    assertThat(loss("sft", "val_loss", 10)).isLessThan(loss("sft", "val_loss", 0));
  }

  @Test
  @Order(3)
  void trainsARewardModel() throws IOException {
    List<String> lines = new ArrayList<>();
    for (int i = 0; i < 40; i++) {
      lines.add(
          "{\"prompt\":\"say %d: \",\"chosen\":\"ab ab\",\"rejected\":\"ba ba\"}".formatted(i));
    }
    Files.write(folder.resolve("pairs.jsonl"), lines);
    run(
        "reward",
        "name=reward",
        "model.from=" + folder.resolve("runs/sft"),
        "data.source=" + folder.resolve("pairs.jsonl"),
        "data.path=" + folder.resolve("pairs-data"),
        "data.validation_fraction=0.2",
        "optimizer.learning_rate=1e-2",
        "training.steps=12");
    assertThat(loss("reward", "val_accuracy", 12)).isEqualTo(1);
  }

  @Test
  @Order(4)
  void trainsOnPreferences() throws IOException {
    run(
        "dpo",
        "name=dpo",
        "model.from=" + folder.resolve("runs/sft"),
        "data.source=" + folder.resolve("pairs.jsonl"),
        "data.path=" + folder.resolve("dpo-data"),
        "data.validation_fraction=0.2",
        "optimizer.learning_rate=2e-3",
        "training.steps=8");
    assertThat(loss("dpo", "val_loss", 0)).isCloseTo(Math.log(2), within(1e-12));
    assertThat(loss("dpo", "val_loss", 8)).isLessThan(0.68);
  }

  @Test
  @Order(5)
  void improvesByReinforcement() throws IOException {
    Files.write(
        folder.resolve("prompts.jsonl"),
        List.of("{\"prompt\":\"say 1: \"}", "{\"prompt\":\"say 2: \"}"));
    run(
        "ppo",
        "name=ppo",
        "model.from=" + folder.resolve("runs/sft"),
        "rewards.model=" + folder.resolve("runs/reward"),
        "rewards.functions=[model, 'count(\"a\") / 10']",
        "data.source=" + folder.resolve("prompts.jsonl"),
        "data.path=" + folder.resolve("prompts-data"),
        "data.validation_fraction=0",
        "rollouts.prompts=8",
        "rollouts.max_tokens=8",
        "training.global_batch_size=8",
        "training.steps=2",
        "optimizer.learning_rate=1e-3");
    List<JsonNode> ppo = MetricRows.of(folder.resolve("runs/ppo"));
    JsonNode last = ppo.get(ppo.size() - 1);
    assertThat(last.path("objective_kl").isNumber()).isTrue();
    assertThat(last.path("kl_coef").asDouble()).isEqualTo(0.05);
    assertThat(last.path("rewards_expression_mean").isNumber()).isTrue();
    run(
        "grpo",
        "name=grpo",
        "model.from=" + folder.resolve("runs/sft"),
        "rewards.functions=count(\"a\")",
        "data.source=" + folder.resolve("prompts.jsonl"),
        "data.path=" + folder.resolve("grpo-data"),
        "data.validation_fraction=0",
        "rollouts.prompts=2",
        "rollouts.group_size=4",
        "rollouts.max_tokens=8",
        "training.global_batch_size=8",
        "training.steps=2");
    assertThat(MetricRows.of(folder.resolve("runs/grpo")).get(0).path("reward_std").isNumber())
        .isTrue();
  }

  @Test
  @Order(6)
  void plansTheModelsOfAStage() {
    assertThat(
            firesteel(
                "plan",
                "--stage=ppo",
                "--no-probe",
                "model.from=" + folder.resolve("runs/sft"),
                "rewards.model=" + folder.resolve("runs/reward"),
                "data.source=" + folder.resolve("prompts.jsonl"),
                "data.path=" + folder.resolve("prompts-data"),
                "rollouts.max_tokens=8"))
        .as(text(err))
        .isZero();
    assertThat(text(out))
        .containsPattern("reference model, weights ")
        .containsPattern("reward model, weights ")
        .containsPattern("examples ")
        .doesNotContain("if it is as large");
  }

  @Test
  @Order(7)
  void mistakesAreOneSentence() {
    assertThat(firesteel("sft", "data.source=x.jsonl")).isEqualTo(2);
    assertThat(text(err))
        .isEqualToIgnoringNewLines(
            "firesteel: sft needs a model to start from, got an empty model.from: set model.from to"
                + " a run, a checkpoint or a Hugging Face directory");
    err.reset();
    assertThat(
            firesteel(
                "sft",
                "data.source=" + folder.resolve("sft.jsonl"),
                "model.from=" + folder.resolve("runs/reward")))
        .isEqualTo(2);
    assertThat(text(err)).contains("must be a language model, got a reward model");
    err.reset();
    assertThat(
            firesteel(
                "ppo",
                "runs_folder=" + folder.resolve("runs"),
                "name=bad",
                "data.source=" + folder.resolve("prompts.jsonl"),
                "data.path=" + folder.resolve("bad-data"),
                "data.validation_fraction=0",
                "rollouts.max_tokens=8",
                "model.from=" + folder.resolve("runs/sft")))
        .isEqualTo(2);
    assertThat(text(err)).contains("rewards.model must name the reward model");
  }

  private void run(String command, String... overrides) {
    List<String> all = new ArrayList<>(List.of(overrides));
    all.add("runs_folder=" + folder.resolve("runs"));
    all.add("compute.threads=2");
    all.add("sample.max_tokens=8");
    int code = firesteel(command, all.toArray(String[]::new));
    assertThat(code).as(text(err)).isZero();
  }

  private int firesteel(String command, String... overrides) {
    List<String> arguments = new ArrayList<>(List.of(command));
    arguments.addAll(List.of(overrides));
    return Firesteel.run(arguments.toArray(String[]::new), print(out), print(err));
  }

  private static double loss(String run, String key, int step) throws IOException {
    return MetricRows.number(folder.resolve("runs/" + run), step, key);
  }

  private static PrintStream print(ByteArrayOutputStream bytes) {
    return new PrintStream(bytes, true, StandardCharsets.UTF_8);
  }

  private static String text(ByteArrayOutputStream bytes) {
    return bytes.toString(StandardCharsets.UTF_8);
  }
}
