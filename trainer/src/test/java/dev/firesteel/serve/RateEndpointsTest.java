package dev.firesteel.serve;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.firesteel.generate.GenerationOptions;
import dev.firesteel.rate.RatingFile;
import dev.firesteel.serve.TestServer.Reply;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Ratings over HTTP, of a model with a template and one without. */
class RateEndpointsTest {
  private static final ObjectMapper JSON = new ObjectMapper();

  @TempDir private Path folder;
  private Path out;
  private TestServer server;

  @BeforeEach
  void start() throws IOException {
    out = folder.resolve("ratings.jsonl");
    JsonNode prompt = JSON.readTree("{\"prompt\": \"Tell me about a dog.\"}");
    server =
        new TestServer(
            TestServer.OPTIONS,
            null,
            models ->
                RateEndpoints.routes(
                    models,
                    GenerationOptions.builder().temperature(1).maxTokens(8).seed(3).build(),
                    Optional.empty(),
                    RatingFile.open(out),
                    List.of(prompt)));
  }

  @AfterEach
  void stop() {
    server.close();
  }

  @Test
  void thePageAsksForPairsAndSendsVerdicts() throws IOException {
    Reply page = server.get("/rate");
    assertThat(page.status()).isEqualTo(200);
    assertThat(page.header("Content-Security-Policy"))
        .startsWith("default-src 'none'; script-src 'sha256-");
    assertThat(page.body()).isEqualTo(server.get("/").body());

    JsonNode state = server.get("/rate/state").json();
    assertThat(state)
        .isEqualTo(
            JSON.readTree(
                "{\"rated\":0,\"undecided\":0,\"prompts\":1,\"out\":\"%s\",\"remaining\":[\"Tell me about a dog.\"]}"
                    .formatted(out)));

    JsonNode pair = server.post("/rate/pair", "{}").json();
    assertThat(pair.path("prompt").asText()).isEqualTo("Tell me about a dog.");
    assertThat(pair.path("answers")).hasSize(2);
    assertThat(pair.path("comparable").asBoolean()).isTrue();
    // Nothing in it says which model wrote what.
    assertThat(pair.toString()).doesNotContain("model", "seed");

    JsonNode after =
        server
            .post(
                "/rate/verdict",
                "{'id':'%s','verdict':'left','rater':'Ann'}".formatted(pair.path("id").asText()))
            .json();
    assertThat(after.path("rated").asInt()).isEqualTo(1);
    assertThat(after.path("remaining")).isEmpty();
    JsonNode record = JSON.readTree(Files.readString(out));
    assertThat(record.at("/chosen/0/content").asText().strip())
        .isEqualTo(pair.at("/answers/0").asText().strip());
    assertThat(
            List.of(record.path("chosen_model").asText(), record.path("rejected_model").asText()))
        .containsExactlyInAnyOrder("chat-model", "base-model");
  }

  @Test
  void aPromptMayBeTyped() {
    Reply pair = server.post("/rate/pair", "{'prompt':'Hello'}");
    assertThat(pair.status()).as(pair.body()).isEqualTo(200);
    assertThat(pair.json().path("prompt").asText()).isEqualTo("Hello");
  }

  @Test
  void mistakesAreErrors() {
    assertThat(server.post("/rate/pair", "{'prompt':' '}").error())
        .isEqualTo("prompt must have text, got none");
    assertThat(server.post("/rate/pair", "{'prompt':'%s'}".formatted("x".repeat(5000))).error())
        .startsWith("the prompt must have at most 4095 tokens");
    assertThat(server.post("/rate/verdict", "{'id':'9','verdict':'left'}").error())
        .startsWith(
            "a verdict must be on a pair that was handed out and not judged yet, got pair 9");
    assertThat(server.post("/rate/verdict", "{'id':'9','verdict':'best'}").error())
        .isEqualTo("a verdict must be left, right, tie or skip, got best: send one of them");
    assertThat(server.post("/rate/verdict", "{'id':'9'}").status()).isEqualTo(400);
    assertThat(server.get("/rate/pair").status()).isEqualTo(405);
    assertThat(out).isEmptyFile();
  }
}
