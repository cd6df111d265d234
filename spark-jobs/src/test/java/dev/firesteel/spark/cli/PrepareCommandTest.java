package dev.firesteel.spark.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.firesteel.spark.Firesteel;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PrepareCommandTest {
  @TempDir Path folder;
  private Path text;
  private Path prepared;
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();

  @BeforeEach
  void text() throws IOException {
    text = Files.writeString(folder.resolve("text.txt"), "abcdefghij".repeat(10));
    prepared = folder.resolve("prepared");
  }

  @Test
  void preparesOnceAndSaysWhatIsThere() throws IOException {
    Path config =
        Files.writeString(
            folder.resolve("run.yaml"), "data: {source: nothing}\ntokenizer: {kind: byte}\n");
    String[] command = {
      "prepare", "--config", config.toString(), "data.source=" + text, "data.path=" + prepared
    };

    assertThat(run(command)).isZero();
    assertThat(lines(out))
        .containsExactly(
            "Reading 1 file, 0.0 MB, from " + text,
            "Read 1 documents, dropped 0 (0 empty, 0 malformed, 0 without text field, 0 duplicates,"
                + " 0 over the limit), kept 1",
            "Tokenizing with 257 tokens",
            prepared
                + " is prepared: training 99 tokens of 0.0 MB text in 1 shard, validation 2 tokens"
                + " of 0.0 MB text in 1 shard (split by tail), vocabulary of 257 tokens");

    out.reset();
    assertThat(run(command)).isZero();
    assertThat(lines(out)).hasSize(2).last().asString().startsWith(prepared + " is up to date: ");
  }

  @Test
  void aMistakeIsOneSentenceAndExitCodeTwo() {
    assertThat(run("prepare", "data.source=" + folder.resolve("none"))).isEqualTo(2);
    assertThat(lines(err)).last().asString().startsWith("firesteel: data.source " + folder);

    assertThat(run("prepare", "data.sorce=x")).isEqualTo(2);
    assertThat(lines(err))
        .last()
        .isEqualTo(
            "firesteel: unknown key \"data.sorce\" in the command line: did you mean"
                + " \"data.source\"?");
  }

  @Test
  void trainsATokenizerAloneAndNeverWritesOverOne() throws IOException {
    Path file = folder.resolve("tokenizer.json");
    String[] command = {
      "tokenizer",
      "--output",
      file.toString(),
      "data.source=" + text,
      "tokenizer.vocabulary_size=260"
    };

    assertThat(run(command)).isZero();
    assertThat(lines(out)).last().asString().startsWith(file + " has 260 tokens, SHA-256 ");
    String json = Files.readString(file);

    assertThat(run(command)).isEqualTo(2);
    assertThat(lines(err))
        .last()
        .isEqualTo(
            "firesteel: --output "
                + file
                + " must not exist, got a file: give another name or delete it");
    assertThat(file).hasContent(json);
    assertThat(prepared).doesNotExist();
  }

  private int run(String... arguments) {
    return Firesteel.run(
        arguments,
        new PrintStream(out, true, StandardCharsets.UTF_8),
        new PrintStream(err, true, StandardCharsets.UTF_8));
  }

  private static List<String> lines(ByteArrayOutputStream stream) {
    return stream.toString(StandardCharsets.UTF_8).lines().toList();
  }
}
