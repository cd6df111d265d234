package dev.firesteel.spark.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.firesteel.spark.Firesteel;
import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ServeCommandTest {
  @TempDir private static Path folder;
  private static String model;

  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();

  @BeforeAll
  static void write() throws IOException {
    model = ModelFolder.write(folder.resolve("tiny"));
  }

  private int serve(String... arguments) {
    String[] all = new String[arguments.length + 1];
    all[0] = "serve";
    System.arraycopy(arguments, 0, all, 1, arguments.length);
    return Firesteel.run(
        all,
        new PrintStream(out, true, StandardCharsets.UTF_8),
        new PrintStream(err, true, StandardCharsets.UTF_8));
  }

  private String error() {
    return err.toString(StandardCharsets.UTF_8);
  }

  @Test
  void servesUntilASignalEndsItWithoutAFailure() throws Exception {
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:TieredStopAtLevel=1",
                "--add-modules=jdk.incubator.vector",
                "-cp",
                System.getProperty("java.class.path"),
                Firesteel.class.getName(),
                "serve",
                model,
                "named=" + model,
                "--template",
                "named=chatml",
                "--port",
                "0",
                "compute.threads=1")
            .redirectErrorStream(true)
            .start();
    try (BufferedReader reader =
        new BufferedReader(
            new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8))) {
      StringBuilder said = new StringBuilder();
      Matcher url = null;
      for (String line = reader.readLine(); line != null; line = reader.readLine()) {
        said.append(line).append('\n');
        url = Pattern.compile("Listening on (\\S+) \\(Ctrl-C ends it\\)").matcher(line);
        if (url.find()) {
          break;
        }
      }
      assertThat(said)
          .contains("Serving tiny: context 16, completions only (no chat template)")
          .contains("Serving named: context 16, chat");
      HttpResponse<String> answer =
          HttpClient.newHttpClient()
              .send(
                  HttpRequest.newBuilder(URI.create(url.group(1) + "/v1/completions"))
                      .header("Content-Type", "application/json")
                      .POST(
                          HttpRequest.BodyPublishers.ofString(
                              "{\"model\": \"named\", \"prompt\": \"x\", \"max_tokens\": 3,"
                                  + " \"temperature\": 0}"))
                      .build(),
                  HttpResponse.BodyHandlers.ofString());
      assertThat(answer.body()).contains("\"completion_tokens\":3");
      process.destroy(); // SIGTERM
      assertThat(process.waitFor(20, TimeUnit.SECONDS)).isTrue();
      assertThat(process.exitValue()).isZero();
    } finally {
      process.destroyForcibly();
    }
  }

  @Test
  void namesWhatIsWrongWithTheModels() throws IOException {
    assertThat(serve(folder.resolve("none").toString())).isEqualTo(2);
    assertThat(error())
        .contains("must be a run directory, a checkpoint or a Hugging Face model directory");
    err.reset();
    assertThat(serve(model, model)).isEqualTo(2);
    assertThat(error())
        .contains("models must have different names, got tiny twice: name one otherwise, as in");
    err.reset();
    assertThat(serve("a b=" + model)).isEqualTo(2);
    assertThat(error()).contains("the name of a model must consist of letters");
    err.reset();
    assertThat(serve(model, "--template", "other=chatml")).isEqualTo(2);
    assertThat(error())
        .contains("--template must name one of the models tiny before the =, got other");
    err.reset();
    assertThat(serve(model, "--template", "chatml", "--template", "plain")).isEqualTo(2);
    assertThat(error()).contains("--template must be given once for all models, got plain as well");
    err.reset();
    assertThat(serve(model, "--template", "tiny=chatmal")).isEqualTo(2);
    assertThat(error()).contains("the chat template must be tokenizer, one of chatml,");
    err.reset();
    assertThat(serve("compute.threads=1")).isEqualTo(2);
    assertThat(error()).contains("serve needs a model, got none");
    err.reset();
    assertThat(serve()).isEqualTo(2);
  }

  @Test
  void refusesARewardModel() throws IOException {
    Path reward = folder.resolve("reward");
    ModelFolder.write(reward);
    ObjectMapper json = new ObjectMapper();
    ObjectNode config = (ObjectNode) json.readTree(reward.resolve("config.json").toFile());
    config.putArray("architectures").add("GPT2ForSequenceClassification");
    Files.writeString(reward.resolve("config.json"), config.toString());

    assertThat(serve(reward.toString())).isEqualTo(2);
    assertThat(error()).contains("must be a language model, got a reward model");
  }

  @Test
  void namesAPortInUse() throws IOException {
    try (ServerSocket used = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      assertThat(serve(model, "--port", Integer.toString(used.getLocalPort()), "compute.threads=1"))
          .isEqualTo(2);
      assertThat(error())
          .contains("--port must be free, got %d".formatted(used.getLocalPort()))
          .hasLineCount(1);
    }
  }

  @Test
  void checksItsOptions() {
    for (List<String> wrong :
        List.of(
            List.of("--port", "70000", "--port must be 0 to 65535, got 70000"),
            List.of("--max-batch", "0", "--max-batch must be at least 1, got 0"),
            List.of("--max-queue", "0", "--max-queue must be at least 1, got 0"),
            List.of("--request-timeout", "0", "--request-timeout must be more than 0 seconds"),
            List.of("--cors", "example.org", "--cors must be * or an origin like https://"),
            List.of("--api-key", "a b", "the API key must be printable ASCII characters"),
            List.of("--host", "no.such.host.invalid", "which is unknown: correct it"),
            List.of("--context", "1", "must have 2 to 16 tokens"))) {
      err.reset();
      assertThat(serve(model, wrong.get(0), wrong.get(1), "compute.threads=1")).isEqualTo(2);
      assertThat(error()).contains(wrong.get(2));
    }
  }
}
