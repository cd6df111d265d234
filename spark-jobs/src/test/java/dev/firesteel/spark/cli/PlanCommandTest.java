package dev.firesteel.spark.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.firesteel.config.ConfigLoader;
import dev.firesteel.config.PretrainConfig;
import dev.firesteel.plan.RunPlan;
import dev.firesteel.plan.StageInputs;
import dev.firesteel.spark.Firesteel;
import dev.firesteel.spark.driver.TrainerProcess;
import dev.firesteel.tokenizer.BpeTokenizer;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import org.apache.spark.SparkConf;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PlanCommandTest {
  private static final String[] MODEL = {
    "data.source=none",
    "data.path=no/such/data",
    "tokenizer.kind=byte",
    "model.architecture=gpt2",
    "model.layers=2",
    "model.heads=2",
    "model.width=64",
    "model.context_length=48",
    "training.steps=10",
    "training.micro_batch_size=2",
    "training.global_batch_size=4"
  };

  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();

  @Test
  void tellsParametersWorkMemoryDiskAndTime() {
    assertThat(plan()).isZero();
    assertThat(text(out).lines().map(line -> line.strip().replaceAll(" {2,}", ": ")))
        .contains(
            "run: 119,616 parameters",
            "embedding: 16,448 (13.8 %)",
            "a step: 192 tokens in 2 micro-batches of 2 x 48",
            "the run: 10 steps, 1,920 tokens; the data is not prepared yet (no/such/data)",
            "weights: 468 KiB",
            "a checkpoint: 1.4 MiB, of which the run keeps up to 4")
        .anyMatch(line -> line.matches("recommended: -Xmx512m \\(on a cluster .*"))
        .anyMatch(line -> line.matches("matmuls: [1-9]\\d* GFLOP/s, measured just now"))
        .anyMatch(line -> line.matches("a step: .*, [\\d,]+ tokens/s"));
    assertThat(text(err)).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 4})
  void everyValueStandsBehindItsNameInOneColumn(int trainers) {
    assertThat(
            plan(
                "--no-probe",
                "cluster.trainers=" + trainers,
                "training.global_batch_size=" + 2 * trainers))
        .isZero();

    // The value's column: behind the first gap of two spaces.
    Pattern row = Pattern.compile("^(  \\S.*? {2,})\\S.*$");
    List<String> rows = text(out).lines().filter(line -> line.startsWith("  ")).toList();
    assertThat(rows).hasSizeGreaterThan(10).allMatch(line -> row.matcher(line).matches());
    assertThat(rows.stream().map(line -> line.replaceAll(row.pattern(), "$1").length()).distinct())
        .hasSize(1);
    assertThat(text(out).contains("for checkpoints  ")).isEqualTo(trainers > 1);
  }

  @Test
  void writesJson() throws IOException {
    assertThat(plan("--json", "--no-probe")).isZero();
    JsonNode json = new ObjectMapper().readTree(text(out));
    assertThat(json.at("/plan/parameter_count").asLong()).isEqualTo(119_616);
    assertThat(json.at("/plan/memory/peak_heap_bytes").asLong()).isPositive();
    assertThat(json.at("/plan/flops/formula").asText()).startsWith("6 x weights");
    assertThat(json.at("/data/vocabulary_size").asInt()).isEqualTo(257);
    assertThat(json.at("/step_seconds").isNull()).isTrue();
  }

  @Test
  void charactersMustHaveBeenCounted() {
    assertThat(plan("tokenizer.kind=char")).isEqualTo(2);
    assertThat(text(err))
        .isEqualToIgnoringNewLines(
            "firesteel: a plan needs the number of characters in the text, which only prepare"
                + " counts, got tokenizer.kind char and no prepared data in no/such/data: run"
                + " prepare first, or set model.vocabulary_size");
  }

  @Test
  void epochsMustHaveBeenCounted() {
    assertThat(plan("training.steps=0", "training.epochs=2")).isEqualTo(2);
    assertThat(text(err))
        .isEqualToIgnoringNewLines(
            "firesteel: a plan needs the number of steps, which training.epochs gives only for"
                + " prepared data, got none in no/such/data: run prepare first, or give"
                + " training.steps instead");
  }

  @Test
  void plansAModelToStartFromByItsConfiguration(@TempDir Path model) throws IOException {
    Files.writeString(
        model.resolve("config.json"),
        """
        {"model_type": "gpt2", "n_layer": 2, "n_embd": 64, "n_head": 2, "n_positions": 48,
         "vocab_size": 300}
        """);
    Files.writeString(model.resolve("tokenizer.json"), BpeTokenizer.bytes().toJson());

    assertThat(plan("--no-probe", "model.from=" + model)).isZero();
    assertThat(text(out)).contains("run: 122,368 parameters");

    assertThat(plan("--no-probe", "model.from=" + model, "model.layers=3")).isEqualTo(2);
    assertThat(text(err))
        .isEqualToIgnoringNewLines(
            "firesteel: model.layers must be 2 as in the model " + model + ", got 3: leave it out");
  }

  @Test
  void aModelToStartFromMustBeThere() {
    assertThat(plan("model.from=no/such/model")).isEqualTo(2);
    assertThat(text(err))
        .isEqualToIgnoringNewLines(
            "firesteel: no/such/model must be a run directory, a checkpoint or a Hugging Face model"
                + " directory, got nothing of that name");
  }

  @Test
  void warnsOfAHeapThatIsTooSmall() {
    PretrainConfig config =
        ConfigLoader.load(
            PretrainConfig.class,
            List.of(
                "data.source=none",
                "model.architecture=gpt2",
                "model.layers=12",
                "model.heads=12",
                "model.width=768",
                "model.context_length=1024",
                "training.micro_batch_size=4",
                "training.global_batch_size=4"));
    SparkConf cluster =
        new SparkConf(false)
            .set("spark.master", "spark://host:7077")
            .set("spark.executor.memory", "4g");
    TrainerProcess executor = TrainerProcess.of(cluster);
    RunPlan plan = executor.plan(config, 50257, StageInputs.NONE);
    assertThat(executor.warning(plan, config, 50257, StageInputs.NONE))
        .hasValueSatisfying(
            warning ->
                assertThat(warning)
                    .matches(
                        "warning: the run should have a heap of \\d\\.\\d\\d GiB \\(\\d\\.\\d\\d"
                            + " GiB in use\\), an executor has 4\\.00 GiB: submit with"
                            + " --executor-memory \\d+m, or with compute.recompute=block"));
    TrainerProcess larger = TrainerProcess.of(cluster.set("spark.executor.memory", "16g"));
    assertThat(larger.warning(plan, config, 50257, StageInputs.NONE)).isEmpty();
    TrainerProcess embedded = TrainerProcess.of(new SparkConf(false));
    assertThat(embedded.heapBytes()).isEqualTo(Runtime.getRuntime().maxMemory());
  }

  private int plan(String... more) {
    List<String> arguments = new ArrayList<>(List.of("plan"));
    arguments.addAll(List.of(MODEL));
    arguments.addAll(List.of(more));
    return Firesteel.run(arguments.toArray(String[]::new), print(out), print(err));
  }

  private static PrintStream print(ByteArrayOutputStream bytes) {
    return new PrintStream(bytes, true, StandardCharsets.UTF_8);
  }

  private static String text(ByteArrayOutputStream bytes) {
    return bytes.toString(StandardCharsets.UTF_8);
  }
}
