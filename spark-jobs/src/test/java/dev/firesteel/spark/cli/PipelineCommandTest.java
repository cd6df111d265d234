package dev.firesteel.spark.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.firesteel.spark.Firesteel;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.apache.hadoop.fs.FileUtil;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Two stages and their comparison, as a user starts them. */
class PipelineCommandTest {
  @TempDir private Path folder;
  private Path file;
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();

  @BeforeEach
  void files() throws IOException {
    StringBuilder text = new StringBuilder();
    StringBuilder records = new StringBuilder();
    for (int i = 0; i < 60; i++) {
      text.append("line %d says %d\n".formatted(i, i * i % 97));
      records.append(
          "{\"prompt\": \"line %d\", \"completion\": \"says %d\"}\n".formatted(i, i % 7));
    }
    Files.writeString(folder.resolve("text.txt"), text);
    Files.writeString(folder.resolve(recordsName()), records);
    Files.writeString(
        folder.resolve("base.yaml"),
        """
        data: {source: %s, path: %s, document_unit: line, validation_fraction: 0.2}
        tokenizer: {kind: byte}
        model: {layers: 1, width: 16, heads: 2, feed_forward_width: 32, context_length: 32}
        training: {steps: 3, micro_batch_size: 2, global_batch_size: 4}
        sample: {max_tokens: 0}
        """
            .formatted(folder.resolve("text.txt"), folder.resolve("text")));
    file =
        Files.writeString(
            folder.resolve("tiny.yaml"),
            """
            runs_folder: %1$s/runs
            stages:
              base: {stage: pretrain, config: base.yaml}
              sft:
                stage: sft
                from: base
                keys:
                  data: {source: %1$s/%2$s, path: %1$s/examples, validation_fraction: 0.1}
                  training: {steps: 2, micro_batch_size: 2, global_batch_size: 4}
                  sample: {max_tokens: 5}
            evaluation: {prompts: %1$s/%2$s, gold: length, samples: 2, max_tokens: 6, max_prompts: 3}
            """
                .formatted(folder, recordsName()));
  }

  /** The prompts of the comparison are prepared in the working directory, by the source's name. */
  @AfterEach
  void deletePreparedPrompts() throws IOException {
    Path data = Path.of("data");
    if (!Files.isDirectory(data)) {
      return;
    }
    try (DirectoryStream<Path> prepared =
        Files.newDirectoryStream(data, folder.getFileName() + "-*")) {
      prepared.forEach(each -> FileUtil.fullyDelete(each.toFile()));
    }
    try (Stream<Path> others = Files.list(data)) {
      if (others.findAny().isPresent()) {
        return;
      }
    }
    Files.delete(data);
  }

  /** Of no other test's file. */
  private String recordsName() {
    return folder.getFileName() + ".jsonl";
  }

  @Test
  void trainsComparesAndLeavesFinishedStagesAsTheyAre() throws IOException {
    assertThat(run("--dry-run")).as(() -> err.toString(StandardCharsets.UTF_8)).isZero();
    assertThat(lines())
        .containsExactly(
            "stage  kind      from  length   state",
            "base   pretrain  -     3 steps  not started",
            "sft    sft       base  2 steps  not started");
    assertThat(folder.resolve("runs")).doesNotExist();

    assertThat(run()).as(() -> err.toString(StandardCharsets.UTF_8)).isZero();
    assertThat(lines())
        .contains(
            "Stage 1 of 2, base: pretrain, 3 steps, not started",
            "Stage 2 of 2, sft: sft from base, 2 steps, not started",
            "Evaluation: base answers 3 prompts, 2 times each",
            "Evaluation: sft answers 3 prompts, 2 times each");
    Path report = folder.resolve("runs/tiny/report.html");
    assertThat(report)
        .content()
        .contains("aria-label=\"Gold score\"", "href=\"../tiny-sft/report.html\"", "<h3>line ");
    FileTime trained = Files.getLastModifiedTime(folder.resolve("runs/tiny-sft/metrics.jsonl"));

    assertThat(run()).as(() -> err.toString(StandardCharsets.UTF_8)).isZero();
    assertThat(lines())
        .contains("Stage 1 of 2, base: finished at step 3", "Stage 2 of 2, sft: finished at step 2")
        .noneMatch(line -> line.startsWith("Evaluation:"));
    assertThat(Files.getLastModifiedTime(folder.resolve("runs/tiny-sft/metrics.jsonl")))
        .isEqualTo(trained);
  }

  @Test
  void aMistakeInTheLastStageIsFoundBeforeTheFirstOneIsTrained() {
    assertThat(run("sft.data.source=" + folder.resolve("none"))).isEqualTo(2);
    assertThat(err.toString(StandardCharsets.UTF_8))
        .contains("firesteel: stage sft: data.source " + folder.resolve("none"));
    assertThat(folder.resolve("runs")).doesNotExist();

    assertThat(run("sft.model.width=8")).isEqualTo(2);
    assertThat(err.toString(StandardCharsets.UTF_8))
        .contains("firesteel: stage sft: model.width must be 16 as in the stage base, got 8");

    assertThat(run("evaluation.gold=no.such.Score")).isEqualTo(2);
    assertThat(folder.resolve("runs")).doesNotExist();
  }

  private int run(String... arguments) {
    out.reset();
    List<String> all = new ArrayList<>(List.of("pipeline", "--config", file.toString()));
    all.addAll(Arrays.asList(arguments));
    return Firesteel.run(
        all.toArray(String[]::new),
        new PrintStream(out, true, StandardCharsets.UTF_8),
        new PrintStream(err, true, StandardCharsets.UTF_8));
  }

  private List<String> lines() {
    return out.toString(StandardCharsets.UTF_8).lines().toList();
  }
}
