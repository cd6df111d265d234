package dev.firesteel.spark.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.firesteel.config.ConfigLoader;
import dev.firesteel.config.PretrainConfig;
import dev.firesteel.scaling.ParametricLaw;
import dev.firesteel.spark.Firesteel;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.apache.parquet.example.data.Group;
import org.apache.parquet.example.data.simple.SimpleGroupFactory;
import org.apache.parquet.hadoop.ParquetWriter;
import org.apache.parquet.hadoop.example.ExampleParquetWriter;
import org.apache.parquet.schema.MessageType;
import org.apache.parquet.schema.MessageTypeParser;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The commands fit and forecast, from a file of runs to a scored forecast. */
class FitCommandTest {
  private static final ParametricLaw LAW = new ParametricLaw(1.69, 406.4, 410.7, .34, .28);

  @TempDir private Path folder;
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();

  /** N, D and L of four sizes, each with four token counts. */
  private static List<double[]> runs() {
    List<double[]> runs = new ArrayList<>();
    for (int size = 0; size < 4; size++) {
      for (int length = 0; length < 4; length++) {
        double parameters = 1e6 * Math.pow(3, size);
        double tokens = 5 * parameters * Math.pow(4, length);
        double wobble = 1 + 0.001 * Math.sin(7 * size + 3 * length);
        runs.add(new double[] {parameters, tokens, wobble * LAW.loss(parameters, tokens)});
      }
    }
    return runs;
  }

  private Path csv() throws IOException {
    StringBuilder text = new StringBuilder("run,\"Model, size\",tokens,loss\r\n");
    for (double[] run : runs()) {
      text.append("\"a, b\",%s,%s,%s%n".formatted(run[0], run[1], run[2]));
    }
    return Files.writeString(folder.resolve("runs.csv"), "\ufeff" + text);
  }

  @Test
  void runsOfASweepThatAreNotFinishedAreLeftOut() throws IOException {
    StringBuilder lines = new StringBuilder();
    for (double[] run : runs()) {
      lines.append(
          "{\"state\":\"finished\",\"parameters\":%s,\"tokens\":%s,\"loss\":%s}%n"
              .formatted(run[0], run[1], run[2]));
    }
    lines.append("{\"state\":\"failed\",\"parameters\":1e6,\"tokens\":1e7,\"loss\":null}\n");
    assertThat(fit(Files.writeString(folder.resolve("sweep.jsonl"), lines))).as(text(err)).isZero();
    assertThat(text(out))
        .contains("Left out 1 of %d runs, which are not finished".formatted(runs().size() + 1));
  }

  @Test
  void allFormatsHaveTheSameFit() throws IOException {
    StringBuilder lines = new StringBuilder();
    for (double[] run : runs()) {
      lines.append(
          "{\"loss\":%s,\"parameters\":%s,\"note\":null,\"tokens\":%s,\"parameters_matmul\":%s}%n"
              .formatted(run[2], run[0], run[1], 0.9 * run[0]));
    }
    Path json = Files.writeString(folder.resolve("runs.jsonl"), lines);
    Path parquet = folder.resolve("parquet");
    MessageType schema =
        MessageTypeParser.parseMessageType(
            "message run { required int64 parameters; required double tokens; optional double loss; optional binary name (UTF8); }");
    try (ParquetWriter<Group> writer =
        ExampleParquetWriter.builder(
                new org.apache.hadoop.fs.Path(parquet.resolve("part-0.parquet").toString()))
            .withType(schema)
            .build()) {
      for (double[] run : runs()) {
        writer.write(
            new SimpleGroupFactory(schema)
                .newGroup()
                .append("parameters", (long) run[0])
                .append("tokens", run[1])
                .append("loss", run[2]));
      }
    }

    assertThat(fit(csv(), "--column", "parameters=Model, size")).isZero();
    assertThat(fit(json)).isZero();
    assertThat(fit(parquet)).isZero();

    assertThat(text(err)).isEmpty();
    JsonNode first = document("runs.csv");
    assertThat(document("runs.jsonl").path("approach_3").path("constants"))
        .isEqualTo(first.path("approach_3").path("constants"));
    assertThat(document("parquet").path("approach_3").path("constants"))
        .isEqualTo(first.path("approach_3").path("constants"));
    assertThat(first.path("approach_3").path("constants").path("alpha").path("value").asDouble())
        .isBetween(0.3, 0.38);
    assertThat(
            document("runs.jsonl")
                .path("counts")
                .path("parameters_matmul")
                .path("objective")
                .isNumber())
        .isTrue();
    assertThat(folder.resolve("fit-runs.csv"))
        .isDirectoryContaining(file -> file.endsWith("report.html"))
        .isDirectoryContaining(file -> file.endsWith("contour.png"));
    assertThat(text(out))
        .contains("Approach 3: L(N, D) = E + A / N^alpha + B / D^beta", "Report: ");
  }

  @Test
  void badInputIsOneSentenceWithRowAndColumn() throws IOException {
    refused("", "must hold a header and at least one row with a run, got an empty file");
    refused("parameters,tokens,loss\n", "must hold at least one row with a run, got none");
    refused("a,b\n1,2\n", "must have a column \"parameters\", got the columns a, b");
    refused(
        "parameters,tokens,loss\n1e6,1e7,3\n1e6,1e7,-3\n",
        "must hold a number above 0 in line 3, column \"loss\", got \"-3\"");
    refused(
        "parameters,tokens,loss\n1e6,1e7,NaN\n",
        "must hold a number above 0 in line 2, column \"loss\", got \"NaN\"");
    refused(
        "parameters,tokens,loss\n\n1e6,many,3\n",
        "must hold a number above 0 in line 3, column \"tokens\", got \"many\"");
    refused(
        "parameters,tokens,loss\n1e6,1e7,3,4\n",
        "must have 3 cells in each line, as its header has, got 4 in line 2");
    refused(
        "parameters,tokens,loss\n" + "1e6,1e7,3\n".repeat(9),
        "approach 3 needs runs of at least 2 model sizes, got one of 1.000e+06 parameters");
    assertThat(run("fit", "--data", folder.resolve("none.csv").toString(), "--out", "x"))
        .isEqualTo(2);
    assertThat(text(err)).contains("which does not exist").hasLineCount(1);
    err.reset();
    Path json = Files.writeString(folder.resolve("bad.jsonl"), "{\"loss\":1}\nno json\n");
    assertThat(fit(json)).isEqualTo(2);
    assertThat(text(err)).contains("got something else in line 2").hasLineCount(1);
  }

  private void refused(String csv, String sentence) throws IOException {
    Path file = Files.writeString(folder.resolve("bad.csv"), csv);
    assertThat(fit(file)).as(csv).isEqualTo(2);
    assertThat(text(err)).as(csv).contains(sentence).hasLineCount(1);
    err.reset();
  }

  @Test
  void anApproachThatWasAskedForIsNotLeftOut() throws IOException {
    assertThat(fit(csv(), "--column", "parameters=Model, size", "--approach", "critical_batch"))
        .isEqualTo(2);
    assertThat(text(err)).contains("needs the columns steps and batch_tokens");
    err.reset();
    assertThat(fit(csv(), "--column", "size=Model, size")).isEqualTo(2);
    assertThat(text(err)).contains("--column must name one of parameters, tokens, flops, loss");
  }

  @Test
  void aForecastIsWrittenAndScored() throws IOException {
    assertThat(fit(csv(), "--column", "parameters=Model, size", "--approach", "3")).isZero();
    Path yaml = folder.resolve("big.yaml");
    assertThat(
            run(
                "forecast",
                "--fit",
                folder.resolve("fit-runs.csv").toString(),
                "--flops",
                "2e16",
                "--out",
                yaml.toString(),
                "data.source=none",
                "data.path=no/such/data",
                "tokenizer.kind=byte",
                "model.context_length=64",
                "runs_folder=" + folder.resolve("runs")))
        .isZero();
    PretrainConfig config = ConfigLoader.load(PretrainConfig.class, yaml, List.of());
    assertThat(config.name()).isEqualTo("big");
    Path forecast = folder.resolve("big.forecast.json");
    JsonNode expected = new ObjectMapper().readTree(forecast.toFile());
    assertThat(6 * expected.path("parameters").asDouble() * expected.path("tokens").asDouble())
        .isBetween(1.9e16, 2.1e16);

    Path run = Files.createDirectories(folder.resolve("runs/big"));
    Files.writeString(run.resolve("config.yaml"), ConfigLoader.toYaml(config));
    int steps = config.training().steps();
    String loss = expected.path("loss").asText();
    Files.writeString(
        run.resolve("metrics.jsonl"), "{\"step\":%d,\"val_loss\":%s}\n".formatted(steps - 1, loss));
    assertThat(score(forecast, run)).isEqualTo(2);
    assertThat(text(err)).contains("finish the run first");
    Files.writeString(
        run.resolve("metrics.jsonl"),
        "{\"step\":1,\"val_loss\":9}\n{\"step\":%d,\"val_loss\":%s}\n".formatted(steps, loss));
    out.reset();
    assertThat(score(forecast, run)).isZero();
    assertThat(text(out)).startsWith("Inside: final validation loss ").doesNotContain("trained on");
  }

  private int score(Path forecast, Path run) {
    return run("forecast", "--score", forecast.toString(), "--run", run.toString());
  }

  private int fit(Path data, String... more) {
    List<String> all =
        new ArrayList<>(
            List.of(
                "fit",
                "--data",
                data.toString(),
                "--bootstrap",
                "20",
                "--starts",
                "150",
                "--out",
                folder.resolve("fit-" + data.getFileName()).toString()));
    all.addAll(List.of(more));
    return run(all.toArray(String[]::new));
  }

  private int run(String... arguments) {
    return Firesteel.run(
        arguments,
        new PrintStream(out, true, StandardCharsets.UTF_8),
        new PrintStream(err, true, StandardCharsets.UTF_8));
  }

  private JsonNode document(String data) throws IOException {
    return new ObjectMapper().readTree(folder.resolve("fit-" + data + "/fit.json").toFile());
  }

  private static String text(ByteArrayOutputStream bytes) {
    return bytes.toString(StandardCharsets.UTF_8);
  }
}
