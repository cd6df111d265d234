package dev.firesteel.pipeline;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.firesteel.config.Pipeline;
import dev.firesteel.config.PipelineLoader;
import dev.firesteel.error.UserException;
import dev.firesteel.stage.ScoredAnswer;
import dev.firesteel.stage.Stages;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.apache.hadoop.conf.Configuration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PipelineReportTest {
  private static final Configuration HADOOP = new Configuration();

  @TempDir private Path folder;

  @Test
  void anIntervalIsThatOfAMean() {
    Interval interval = Interval.of(1, 2, 3, 4);

    assertThat(interval.mean()).isEqualTo(2.5);
    // s = sqrt(5 / 3), n = 4
    assertThat(interval.half()).isCloseTo(1.959964 * Math.sqrt(5.0 / 3) / 2, within(1e-12));
    assertThat(Interval.of(7)).isEqualTo(new Interval(7, 0));
  }

  @Test
  void answersToOnePromptCountAsOneObservation() throws IOException {
    Comparison comparison = Comparison.open(record(pipeline()).folder(), "settings", "prompts", 2);
    Comparison.Model model = model("base", "a", 0.0, 1.0, 0.25, 0.75);
    comparison.add(model);

    assertThat(model.byPrompt(2)).containsExactly(0.5, 0.5);
    assertThat(comparison.gold(model)).isEqualTo(new Interval(0.5, 0));
    Comparison.Model better = model("sft", "b", 1.0, 1.0, 0.5, 0.5);
    assertThat(comparison.difference(better, model).mean()).isEqualTo(0.25);
    assertThat(comparison.lines())
        .containsExactly("base: gold score 0.5000, 95 % interval 0.5000 to 0.5000, 4 answers");
  }

  @Test
  void keepsAnswersUntilSettingsPromptsOrTheCheckpointChange() throws IOException {
    PipelineRecord record = record(pipeline());
    Comparison.open(record.folder(), "settings", "prompts", 2).add(model("base", "a", 0, 1));

    assertThat(Comparison.open(record.folder(), "settings", "prompts", 2).has("base", "a"))
        .isTrue();
    assertThat(Comparison.open(record.folder(), "settings", "prompts", 2).has("base", "b"))
        .isFalse();
    assertThat(Comparison.open(record.folder(), "others", "prompts", 2).has("base", "a")).isFalse();
    assertThat(Comparison.open(record.folder(), "settings", "others", 2).has("base", "a"))
        .isFalse();
  }

  @Test
  void showsScoresStagesAndAnswersBesideEachOther() throws IOException {
    Pipeline pipeline = pipeline();
    PipelineRecord record = record(pipeline);
    record.begin("base", Map.of());
    record.took("base", 75);
    Comparison comparison = Comparison.open(record.folder(), "settings", "prompts", 2);
    comparison.add(model("more", "b", 0.9, 0.9, 0.7, 0.7));
    comparison.add(model("base", "a", 0.2, 0.4, 0.1, 0.3));
    PipelinePlan plan = PipelinePlan.of(pipeline, record, HADOOP, Stages::check);

    assertThat(PipelineReport.write(pipeline, plan, record)).endsWith("/p/report.html");

    String page = Files.readString(folder.resolve("runs/p/report.html"));
    assertThat(page)
        .contains("<h1>p</h1>")
        .contains("<td>base</td><td>0.250</td><td>0.152 to 0.348</td><td>–</td>")
        .contains("<td>more</td><td>0.800</td><td>0.604 to 0.996</td><td>+0.550 ± 0.098</td>")
        .contains("aria-label=\"Gold score\"")
        .contains("<h3>Tell &lt;me&gt; 0</h3>", "<h3>Tell &lt;me&gt; 1</h3>")
        .contains("answer 0 of base […]\n\ngold 0.200</td><td>answer 0 of more […]\n\ngold 0.900")
        .contains("<td>not started</td><td>1 min 15 s</td><td>p-base</td>")
        .doesNotContain("<script", "http");
    assertThat(page.indexOf("<td>base</td>")).isLessThan(page.indexOf("<td>more</td>"));
  }

  @Test
  void theFolderOfAPipelineIsNoRun() throws IOException {
    Pipeline pipeline = pipeline();
    Files.createDirectories(folder.resolve("runs/p"));
    Files.writeString(folder.resolve("runs/p/config.yaml"), "name: p");

    assertThatThrownBy(() -> record(pipeline))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("must not be that of a run");
  }

  @Test
  void aDamagedRecordIsNotOverwritten() throws IOException {
    Pipeline pipeline = pipeline();
    Files.createDirectories(folder.resolve("runs/p"));
    Files.writeString(folder.resolve("runs/p/pipeline.json"), "{");
    Files.writeString(folder.resolve("runs/p/evaluation.json"), "{");

    assertThatThrownBy(() -> record(pipeline)).hasMessageContaining("pipeline.json must be JSON");
    Files.delete(folder.resolve("runs/p/pipeline.json"));
    assertThatThrownBy(() -> Comparison.find(record(pipeline).folder()))
        .hasMessageContaining("evaluation.json must be JSON");
  }

  private static Comparison.Model model(String stage, String checkpoint, double... gold) {
    return new Comparison.Model(
        stage,
        checkpoint,
        3,
        IntStream.range(0, gold.length)
            .mapToObj(
                i ->
                    new ScoredAnswer(
                        "Tell <me> " + i / 2, "answer " + i + " of " + stage, 5, false, gold[i]))
            .toList());
  }

  private Pipeline pipeline() throws IOException {
    Path file =
        Files.writeString(
            folder.resolve("p.yaml"),
            """
            runs_folder: %s
            stages:
              base: {stage: pretrain, keys: {data: {source: a}}}
              more: {stage: pretrain, from: base, keys: {data: {source: b}}}
            evaluation: {prompts: tests, gold: 'length', samples: 2}
            """
                .formatted(folder.resolve("runs")));
    return PipelineLoader.load(file, List.of(), Stages.roots());
  }

  private static PipelineRecord record(Pipeline pipeline) {
    return PipelineRecord.open(pipeline.config(), HADOOP);
  }
}
