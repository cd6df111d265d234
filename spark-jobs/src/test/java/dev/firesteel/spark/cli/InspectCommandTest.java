package dev.firesteel.spark.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.firesteel.spark.Firesteel;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class InspectCommandTest {
  @TempDir private static Path folder;
  private static String model;

  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();

  @BeforeAll
  static void write() throws IOException {
    model = ModelFolder.write(folder.resolve("model"));
  }

  @Test
  void showsAModelAsText() {
    assertThat(inspect(model)).isZero();
    assertThat(text(out).lines().map(line -> line.strip().replaceAll(" {2,}", " ")))
        .contains(
            model + ": model directory",
            "architecture gpt2",
            "transformer.wpe.weight F32 [16, 8] 0.5000 0.5000 0.5000 0 5.657 0 0 0",
            "ok shapes: the tensors are those that config.json describes",
            "ok tokenizer: 257 tokens for 257 rows of the embedding");
    assertThat(text(err)).isEmpty();
  }

  @Test
  void showsAModelAsJson() throws IOException {
    assertThat(inspect(model, "--json")).isZero();
    JsonNode json = new ObjectMapper().readTree(text(out));
    assertThat(json.path("kind").asText()).isEqualTo("model directory");
    assertThat(json.path("passed").asBoolean()).isTrue();
    assertThat(json.path("tables").path("tensors").path(0).path("max").asDouble()).isEqualTo(0.5);
  }

  @Test
  void aFailedCheckIsAFailure() throws IOException {
    Path file = folder.resolve("bad.safetensors");
    byte[] bytes = Files.readAllBytes(Path.of(model, "model.safetensors"));
    bytes[bytes.length - 1] = (byte) 0xff;
    bytes[bytes.length - 2] = (byte) 0xff; // a NaN
    Files.write(file, bytes);

    assertThat(inspect(file.toString())).isEqualTo(1);
    assertThat(text(out)).contains("FAILED  finite: ", "has 1 NaN and 0 infinite of ");
  }

  @Test
  void comparesTwoPaths() {
    assertThat(inspect(model, model + "/model.safetensors")).isZero();
    assertThat(text(out)).contains("comparison of their tensors", "only in the first: nothing");
  }

  @Test
  void showsTokensInBracketsWhereThereIsNoTerminal() {
    assertThat(inspect(model, "--tokens", "ab")).isZero();
    assertThat(text(out).lines())
        .startsWith("[a 97][b 98]", "2 tokens, 2 bytes, 1.00 bytes per token");
  }

  @Test
  void showsTheNextTokens() {
    // All tokens are alike: each has the probability 1 / 257, and the lowest id comes first.
    assertThat(
            inspect(
                model, "compute.backend=reference", "--next", "a", "--steps", "2", "--top", "2"))
        .isZero();
    assertThat(text(out).lines().map(line -> line.strip().replaceAll(" {2,}", " ")))
        .contains("1 \"\\u0000\" 0.39 % \"\\u0001\" 0.39 %", "a\\u0000\\u0000");
  }

  @Test
  void writesPages() throws IOException {
    String page = folder.resolve("page.html").toString();
    assertThat(inspect(model, "compute.backend=reference", "--attention", "ab", "--out", page))
        .isZero();
    assertThat(Files.readString(Path.of(page)))
        .contains("<h1>Attention</h1>", "\"tokens\":[\"a\",\"b\"]");
    assertThat(inspect(model, "--embeddings", "--out", page)).isZero();
    assertThat(Files.readString(Path.of(page)))
        .contains("<h1>Token embeddings</h1>", "variance on the two axes");
    assertThat(inspect(model, "--embeddings", "--map", "umap", "--out", page)).isZero();
    assertThat(Files.readString(Path.of(page))).contains("UMAP, 15 neighbours");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "--tokens a --next b | only one of --tokens, --next, --attention and --embeddings can be given, got 2: run the command once for each",
        "--out x | --out is the page of --attention or --embeddings, got neither: leave it out",
        "--embeddings | --attention and --embeddings write a page, and need its name: give --out FILE",
        "more --next b | a text needs one model, got 2 paths: name one",
        "more and | inspect takes one path, or two to compare, got 3 paths: name one or two",
        "--embeddings --map tsne --out x | --map must be pca or umap, got tsne",
        "--next b --steps 0 | --steps and --top must be at least 1 and --points at least 3, got 0, 5 and 1000",
      })
  void wrongUsageIsOneSentence(String arguments, String message) {
    List<String> all = new ArrayList<>(List.of(model));
    all.addAll(List.of(arguments.split(" ")));
    assertThat(inspect(all.toArray(String[]::new))).isEqualTo(2);
    assertThat(text(err)).isEqualToIgnoringNewLines("firesteel: " + message);
    assertThat(text(out)).isEmpty();
  }

  private int inspect(String... arguments) {
    List<String> all = new ArrayList<>(List.of("inspect"));
    all.addAll(List.of(arguments));
    return Firesteel.run(
        all.toArray(String[]::new),
        new PrintStream(out, true, StandardCharsets.UTF_8),
        new PrintStream(err, true, StandardCharsets.UTF_8));
  }

  private static String text(ByteArrayOutputStream stream) {
    return stream.toString(StandardCharsets.UTF_8);
  }
}
