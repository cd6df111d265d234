package dev.firesteel.spark.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.firesteel.spark.Firesteel;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code chat} with lines from a pipe, and what {@code rate} refuses. */
class ChatCommandTest {
  @TempDir private static Path folder;
  private static String model;

  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();

  @BeforeAll
  static void write() throws IOException {
    model = ModelFolder.write(folder.resolve("model"), 128);
  }

  private int run(byte[] input, String... arguments) {
    InputStream before = System.in;
    System.setIn(new ByteArrayInputStream(input));
    try {
      return Firesteel.run(
          arguments,
          new PrintStream(out, true, StandardCharsets.UTF_8),
          new PrintStream(err, true, StandardCharsets.UTF_8));
    } finally {
      System.setIn(before);
    }
  }

  private int run(String input, String... arguments) {
    return run(input.getBytes(StandardCharsets.UTF_8), arguments);
  }

  private static String text(ByteArrayOutputStream stream) {
    return stream.toString(StandardCharsets.UTF_8);
  }

  @Test
  void aBaseModelContinuesLines() {
    String[] arguments = {
      "chat", model, "compute.backend=reference", "--max-tokens", "5", "--seed", "3"
    };
    assertThat(run("Once\nTwice\n", arguments)).as(text(err)).isZero();
    assertThat(text(out)).isNotBlank();
    assertThat(text(err))
        .startsWith(model + " has no chat template, so it is a base model: it continues each text");
    byte[] first = out.toByteArray();
    out.reset();
    run("Once\nTwice\n", arguments);
    assertThat(out.toByteArray()).isEqualTo(first);
  }

  @Test
  void aChatIsSavedAsFineTuningReadsIt() throws IOException {
    Path file = folder.resolve("talk.jsonl");
    assertThat(
            run(
                "Hello\\\nthere\n\n/save " + file + "\n/quit\nnot read\n",
                "chat",
                model,
                "compute.backend=reference",
                "--template",
                "chatml",
                "--system",
                "S",
                "--max-tokens",
                "5"))
        .as(text(err))
        .isZero();
    JsonNode saved = new ObjectMapper().readTree(file.toFile()).path("messages");
    assertThat(saved).hasSize(3);
    assertThat(saved.at("/0/content").asText()).isEqualTo("S");
    assertThat(saved.at("/1/content").asText()).isEqualTo("Hello\nthere");
    assertThat(text(err)).contains("saved to " + file).doesNotContain("has no chat template");
  }

  @Test
  void mistakesAreOneSentence() throws IOException {
    assertThat(run("", "chat", folder.resolve("none").toString())).isEqualTo(2);
    assertThat(run("Hi\n", "chat", model, "--system", "S")).isEqualTo(2);
    assertThat(run("Hi\n", "chat", model, "--template", "chatmal")).isEqualTo(2);
    assertThat(run("/sett\n", "chat", model)).isEqualTo(2);
    assertThat(run(new byte[] {'a', (byte) 0xff, '\n'}, "chat", model)).isEqualTo(2);
    assertThat(text(err).lines().filter(line -> line.startsWith("firesteel: ")))
        .containsExactly(
            "firesteel: %s must be a run directory, a checkpoint or a Hugging Face model directory, got nothing of that name"
                .formatted(folder.resolve("none")),
            "firesteel: a system message needs a model with a chat template, and this one has none: give it a template (--template chatml), or put the instructions into the prompt",
            "firesteel: the chat template must be tokenizer, one of chatml, alpaca, llama3, vicuna, zephyr, plain, or a file, got chatmal, which is neither: correct the name",
            "firesteel: a command must be one of /help, /system, /reset, /retry, /set, /save, /quit, got /sett: correct it, or type // for a message that begins with a slash",
            "firesteel: standard input must be text in UTF-8, and is not: convert it");
  }

  @Test
  void whatCannotBeRatedIsRefused() throws IOException {
    String out = folder.resolve("ratings.jsonl").toString();
    assertThat(run("", "rate", model, "--out", out, "--prompts", folder.resolve("none").toString()))
        .isEqualTo(2);
    assertThat(run("", "rate", model, "--out", out, "--temperature", "0")).isEqualTo(2);
    assertThat(run("", "rate", model, "b=" + model, "c=" + model, "--out", out)).isEqualTo(2);
    assertThat(run("", "rate", model, "--out", folder.toString())).isEqualTo(2);
    assertThat(run("", "rate", model, "--out", out, "--system", "S")).isEqualTo(2);
    try (ServerSocket taken = new ServerSocket(0)) {
      assertThat(
              run(
                  "",
                  "rate",
                  model,
                  "--out",
                  out,
                  "--template",
                  "chatml",
                  "--system",
                  "S",
                  "--host",
                  "0.0.0.0",
                  "--port",
                  String.valueOf(taken.getLocalPort())))
          .isEqualTo(2);
    }
    assertThat(text(err).lines().filter(line -> line.startsWith("firesteel: ")))
        .hasSize(6)
        .satisfiesExactly(
            line ->
                assertThat(line).contains("must be a JSONL file with at least one line, got none"),
            line ->
                assertThat(line).contains("two answers of one model need a temperature above 0"),
            line -> assertThat(line).contains("one or two models are rated, got 3"),
            line -> assertThat(line).contains("must be a file of lines, got a folder"),
            line ->
                assertThat(line).contains("a system message needs a model with a chat template"),
            line -> assertThat(line).contains("--port must be free"));
  }
}
