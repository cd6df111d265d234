package dev.firesteel.spark;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.firesteel.tokenizer.BpeTokenizer;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The configurations for published datasets with the key changed that says where the file lies: a
 * small file of exactly the layout in which it is published. Steps are smaller than the
 * configurations', which {@code ShippedConfigsTest} loads as they are. Records are made up.
 */
class PublishedDatasetsTest {
  private static final ObjectMapper JSON = new ObjectMapper();

  @TempDir private static Path folder;
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();

  @BeforeAll
  static void writeModel() throws IOException {
    BaseModel.write(folder.resolve("model"), BpeTokenizer.bytes(), 512);
  }

  /** One JSON array over many lines, indented by four spaces. */
  @Test
  void alpacaIsAnArray() throws IOException {
    ArrayNode records = JSON.createArrayNode();
    for (int i = 0; i < 20; i++) {
      ObjectNode record = records.addObject();
      record.put("instruction", "Add %d and \"two\" \u2013 in words.".formatted(i));
      record.put("input", i % 3 == 0 ? "Begin with\n{the} first [one]." : "");
      record.put("output", "It is %d.\n\nThat is all.".formatted(i + 2));
    }
    String array =
        JSON.writerWithDefaultPrettyPrinter().writeValueAsString(records).replace("  ", "    ");
    Path file = Files.writeString(folder.resolve("alpaca_data.json"), array);
    run("sft", "alpaca", file);

    assertThat(text(out))
        .contains("Read 20 records, kept 20")
        .contains("### Instruction:")
        .contains("[[It is ");
    assertThat(MetricRows.of(folder.resolve("runs/alpaca")))
        .anyMatch(row -> row.path("loss").isNumber());
  }

  /** Lines compressed by gzip; both answers repeat the dialogue before them. */
  @Test
  void hhRlhfIsCompressedDialogues() throws IOException {
    List<String> lines = new ArrayList<>();
    for (int i = 0; i < 24; i++) {
      String dialogue =
          "\n\nHuman: What is %d?\n\nAssistant: A number.\n\nHuman: Which?\n\nAssistant:"
              .formatted(i);
      lines.add(
          JSON.createObjectNode()
              .put("chosen", dialogue + " It is %d, I believe.".formatted(i))
              .put("rejected", dialogue + " I do not know.")
              .toString());
    }
    Path file = folder.resolve("train.jsonl.gz");
    try (OutputStream gzip = new GZIPOutputStream(Files.newOutputStream(file))) {
      gzip.write(String.join("\n", lines).getBytes(UTF_8));
    }
    run("reward", "hh-rlhf", file);

    assertThat(text(out))
        .contains("Read 24 records, kept 24")
        .contains("Human: Which?")
        .containsPattern("Assistant:\\s*\\[\\[ It is ");
    assertThat(MetricRows.of(folder.resolve("runs/hh-rlhf")))
        .anyMatch(row -> row.path("accuracy").isNumber());
  }

  /** Lines with a question and an answer, whose last line is the number after four hashes. */
  @Test
  void gsm8kIsQuestionsWithWorkedAnswers() throws IOException {
    List<String> lines = new ArrayList<>();
    for (int i = 1; i <= 8; i++) {
      lines.add(
          JSON.createObjectNode()
              .put(
                  "question",
                  "Ann has %d pens and buys %d more. How many are hers?".formatted(i, i))
              .put(
                  "answer",
                  "She has %d+%d=<<%d+%d=%d>>%d pens.\n#### %d"
                      .formatted(i, i, i, i, 2 * i, 2 * i, 2 * i))
              .toString());
    }
    Path file = Files.write(folder.resolve("gsm8k.train.jsonl"), lines);
    run(
        "grpo",
        "gsm8k-grpo",
        file,
        "rollouts.prompts=1",
        "rollouts.max_tokens=32",
        "training.steps=1");

    assertThat(MetricRows.of(folder.resolve("runs/gsm8k-grpo")))
        .anyMatch(row -> row.path("rewards_exact_match_reward_mean").isNumber());
    assertThat(text(out)).contains("Read 8 records, kept 8");
  }

  private void run(String command, String config, Path source, String... more) {
    List<String> arguments =
        new ArrayList<>(
            List.of(
                command,
                "--config",
                Path.of("..", "configs", config + ".yaml").toString(),
                "data.source=" + source,
                "model.from=" + folder.resolve("model"),
                "data.path=" + folder.resolve(config + "-data"),
                "runs_folder=" + folder.resolve("runs"),
                "compute.threads=2",
                "training.global_batch_size=8",
                "evaluation.every=0",
                "sample.max_tokens=8"));
    arguments.addAll(Arrays.asList(more));
    int code = Firesteel.run(arguments.toArray(String[]::new), print(out), print(err));
    assertThat(code).as(text(err)).isZero();
  }

  private static PrintStream print(ByteArrayOutputStream bytes) {
    return new PrintStream(bytes, true, UTF_8);
  }

  private static String text(ByteArrayOutputStream bytes) {
    return bytes.toString(UTF_8);
  }
}
