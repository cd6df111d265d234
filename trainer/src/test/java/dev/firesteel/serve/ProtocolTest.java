package dev.firesteel.serve;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import dev.firesteel.serve.TestServer.Reply;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

class ProtocolTest {
  private static final String CHAT = "/v1/chat/completions";
  private static final String TEXT = "/v1/completions";
  private static final String HELLO =
      "'model': 'chat-model', 'messages': [{'role': 'user', 'content': 'Hello'}]";

  private static TestServer server;

  @BeforeAll
  static void start() {
    server = new TestServer();
  }

  @AfterAll
  static void stop() {
    server.close();
  }

  private static Reply chat(String more) {
    return server.post(CHAT, "{" + HELLO + ", 'seed': 7, 'max_tokens': 12" + more + "}");
  }

  private static Reply text(String fields) {
    return server.post(TEXT, "{'model': 'base-model', 'seed': 7, " + fields + "}");
  }

  private static JsonNode choice(Reply reply) {
    assertThat(reply.status()).as(reply.body()).isEqualTo(200);
    return reply.json().path("choices").path(0);
  }

  @Test
  void listsItsModels() {
    JsonNode list = server.get("/v1/models").json();
    assertThat(list.path("object").asText()).isEqualTo("list");
    assertThat(list.path("data")).hasSize(2);
    JsonNode first = list.path("data").path(0);
    assertThat(first.path("id").asText()).isEqualTo("chat-model");
    assertThat(first.path("object").asText()).isEqualTo("model");
    assertThat(first.path("created").asLong()).isEqualTo(1_790_000_000L);
    assertThat(first.path("owned_by").asText()).isEqualTo("firesteel");
    assertThat(first.path("context_length").asInt()).isEqualTo(TestServer.CONTEXT);
    assertThat(first.path("chat").asBoolean()).isTrue();
    assertThat(list.path("data").path(1).path("chat").asBoolean(true)).isFalse();
    assertThat(server.get("/v1/models/base-model").json()).isEqualTo(list.path("data").path(1));
    assertThat(server.get("/v1/models/other").status()).isEqualTo(404);
  }

  @Test
  void answersAConversation() {
    Reply reply = chat("");
    JsonNode choice = choice(reply);
    assertThat(reply.header("Content-Type")).isEqualTo("application/json");
    assertThat(reply.json().path("object").asText()).isEqualTo("chat.completion");
    assertThat(reply.json().path("id").asText()).startsWith("chatcmpl-");
    assertThat(reply.json().path("model").asText()).isEqualTo("chat-model");
    assertThat(choice.path("message").path("role").asText()).isEqualTo("assistant");
    assertThat(choice.path("message").path("content").isTextual()).isTrue();
    assertThat(choice.path("logprobs").isNull()).isTrue();
    assertThat(choice.path("finish_reason").asText()).isIn("length", "stop");
    JsonNode usage = reply.json().path("usage");
    // <|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n
    assertThat(usage.path("prompt_tokens").asInt()).isEqualTo(1 + 5 + 5 + 1 + 1 + 1 + 10);
    assertThat(usage.path("completion_tokens").asInt()).isBetween(1, 12);
    assertThat(usage.path("total_tokens").asInt())
        .isEqualTo(usage.path("prompt_tokens").asInt() + usage.path("completion_tokens").asInt());
  }

  @Test
  void theSameSeedGivesTheSameAnswerAndNoneAnother() {
    assertThat(choice(chat(", 'temperature': 1.5")))
        .isEqualTo(choice(chat(", 'temperature': 1.5")));
    String fields = "'model': 'base-model', 'prompt': 'x', 'max_tokens': 40, 'temperature': 2";
    Reply one = server.post(TEXT, "{" + fields + "}");
    Reply other = server.post(TEXT, "{" + fields + "}");
    assertThat(choice(one)).isNotEqualTo(choice(other));
  }

  @Test
  void aStreamIsTheWholeAnswerInParts() {
    String fields = ", 'temperature': 1.5, 'n': 3, 'logprobs': true, 'top_logprobs': 2";
    Reply whole = chat(fields);
    Reply stream = chat(fields + ", 'stream': true, 'stream_options': {'include_usage': true}");
    assertThat(stream.header("Content-Type")).isEqualTo("text/event-stream;charset=utf-8");
    List<JsonNode> parts = stream.parts();
    JsonNode last = parts.get(parts.size() - 1);
    assertThat(last.path("choices")).isEmpty();
    assertThat(last.path("usage")).isEqualTo(whole.json().path("usage"));
    for (int i = 0; i < 3; i++) {
      JsonNode expected = whole.json().path("choices").path(i);
      StringBuilder text = new StringBuilder();
      List<JsonNode> tokens = new ArrayList<>();
      String reason = null;
      boolean first = true;
      for (JsonNode part : parts.subList(0, parts.size() - 1)) {
        assertThat(part.path("object").asText()).isEqualTo("chat.completion.chunk");
        assertThat(part.path("id")).isEqualTo(last.path("id"));
        assertThat(part.path("usage").isNull()).isTrue();
        JsonNode choice = part.path("choices").path(0);
        if (choice.path("index").asInt() != i) {
          continue;
        }
        assertThat(reason).as("nothing follows the reason").isNull();
        assertThat(choice.path("delta").has("role")).isEqualTo(first);
        first = false;
        text.append(choice.path("delta").path("content").asText(""));
        choice.path("logprobs").path("content").forEach(tokens::add);
        reason = choice.path("finish_reason").textValue();
      }
      assertThat(text).hasToString(expected.path("message").path("content").asText());
      assertThat(tokens).isEqualTo(list(expected.path("logprobs").path("content")));
      assertThat(reason).isEqualTo(expected.path("finish_reason").asText());
    }
  }

  private static List<JsonNode> list(JsonNode array) {
    List<JsonNode> list = new ArrayList<>();
    array.forEach(list::add);
    return list;
  }

  @Test
  void tokensCarryTheirProbabilitiesAndAlternatives() {
    JsonNode choice = choice(chat(", 'temperature': 0, 'logprobs': true, 'top_logprobs': 5"));
    StringBuilder bytes = new StringBuilder();
    for (JsonNode token : choice.path("logprobs").path("content")) {
      assertThat(token.path("top_logprobs")).hasSize(5);
      JsonNode best = token.path("top_logprobs").path(0);
      // Greedy: the most likely token is the one.
      assertThat(best.path("logprob")).isEqualTo(token.path("logprob"));
      assertThat(best.path("token")).isEqualTo(token.path("token"));
      assertThat(best.path("bytes")).isEqualTo(token.path("bytes"));
      assertThat(token.path("logprob").asDouble()).isNegative();
      token.path("bytes").forEach(each -> bytes.append((char) each.asInt()));
    }
    String text =
        new String(bytes.toString().getBytes(StandardCharsets.ISO_8859_1), StandardCharsets.UTF_8);
    assertThat(text).isEqualTo(choice.path("message").path("content").asText());
  }

  @Test
  void stopStringsEndAnAnswerWithoutTheirTokens() {
    String forced = "'prompt': 'x', 'logit_bias': {'97': 100}, 'logprobs': 0";
    assertThat(choice(text(forced + ", 'max_tokens': 9")).path("text").asText())
        .isEqualTo("aaaaaaaaa");
    JsonNode stopped = choice(text(forced + ", 'stop': ['aaaa', 'zz']"));
    assertThat(stopped.path("text").asText()).isEmpty();
    assertThat(stopped.path("finish_reason").asText()).isEqualTo("stop");
    assertThat(stopped.path("logprobs").path("tokens")).isEmpty();
    JsonNode echoed = choice(text(forced + ", 'stop': 'zz', 'max_tokens': 3"));
    assertThat(echoed.path("text").asText()).isEqualTo("aaa");
    assertThat(echoed.path("logprobs").path("tokens")).hasSize(3);
    assertThat(echoed.path("finish_reason").asText()).isEqualTo("length");
  }

  @Test
  void completionsHaveTheirOwnForm() {
    JsonNode choice = choice(text("'prompt': 'Once', 'max_tokens': 5, 'logprobs': 3"));
    JsonNode lists = choice.path("logprobs");
    int tokens = lists.path("tokens").size();
    assertThat(tokens).isPositive();
    assertThat(lists.path("token_logprobs")).hasSize(tokens);
    assertThat(lists.path("top_logprobs")).hasSize(tokens);
    assertThat(lists.path("text_offset")).hasSize(tokens);
    assertThat(lists.path("text_offset").path(0).asInt()).isZero();
    assertThat(choice(text("'prompt': 'Once', 'max_tokens': 5")).path("logprobs").isNull())
        .isTrue();
    // The same numbers in the form of chat completions.
    JsonNode content =
        choice(text("'prompt': 'Once', 'max_tokens': 5, 'logprobs': true, 'top_logprobs': 3"))
            .path("logprobs")
            .path("content");
    assertThat(content).hasSize(tokens);
    assertThat(content.path(0).path("logprob")).isEqualTo(lists.path("token_logprobs").path(0));
    assertThat(content.path(0).path("top_logprobs")).hasSize(3);
  }

  @Test
  void echoScoresThePrompt() {
    JsonNode choice =
        choice(text("'prompt': 'Hello', 'max_tokens': 0, 'echo': true, 'logprobs': 2"));
    assertThat(choice.path("text").asText()).isEqualTo("Hello");
    assertThat(choice.path("finish_reason").asText()).isEqualTo("length");
    JsonNode lists = choice.path("logprobs");
    assertThat(list(lists.path("tokens")).stream().map(JsonNode::asText))
        .containsExactly("H", "e", "l", "l", "o");
    assertThat(lists.path("token_logprobs").path(0).isNull()).isTrue();
    assertThat(lists.path("top_logprobs").path(0).isNull()).isTrue();
    for (int i = 1; i < 5; i++) {
      assertThat(lists.path("token_logprobs").path(i).asDouble()).isNegative();
      assertThat(lists.path("text_offset").path(i).asInt()).isEqualTo(i);
    }
    Reply both =
        text("'prompt': ['Hello', 'Bye'], 'max_tokens': 4, 'echo': true, 'logprobs': 1, 'n': 2");
    assertThat(both.json().path("choices")).hasSize(4);
    assertThat(choice(both).path("text").asText()).startsWith("Hello");
    assertThat(both.json().path("choices").path(3).path("text").asText()).startsWith("Bye");
    assertThat(both.json().path("usage").path("prompt_tokens").asInt()).isEqualTo(8);
    List<JsonNode> parts =
        text("'prompt': 'Hello', 'max_tokens': 0, 'echo': true, 'stream': true").parts();
    assertThat(parts.get(0).path("choices").path(0).path("text").asText()).isEqualTo("Hello");
    assertThat(parts.get(parts.size() - 1).path("choices").path(0).path("finish_reason").asText())
        .isEqualTo("length");
  }

  @Test
  void promptsMayBeIdsOfTokens() {
    String options = ", 'max_tokens': 6, 'temperature': 0";
    JsonNode text = choice(text("'prompt': 'Hi'" + options));
    assertThat(choice(text("'prompt': [72, 105]" + options))).isEqualTo(text);
    assertThat(choice(text("'prompt': [[72, 105]]" + options))).isEqualTo(text);
    assertThat(choice(text("'prompt': ['Hi']" + options))).isEqualTo(text);
    // An empty prompt is the start of a document.
    assertThat(text("'prompt': ''" + options).json().path("usage").path("prompt_tokens").asInt())
        .isEqualTo(1);
  }

  @Test
  void whatAUserTypesIsNeverASpecialToken() {
    Reply plain =
        server.post(
            CHAT,
            "{'model': 'chat-model', 'max_tokens': 1, 'messages': [{'role': 'user',"
                + " 'content': 'a<|im_end|>'}]}");
    // Ten bytes, and not one token.
    assertThat(plain.json().path("usage").path("prompt_tokens").asInt())
        .isEqualTo(1 + 5 + 11 + 1 + 1 + 1 + 10);
  }

  @Test
  void contentMayBePartsAndDeveloperMeansSystem() {
    String parts =
        "{'model': 'chat-model', 'max_tokens': 6, 'temperature': 0, 'messages': ["
            + "{'role': '%s', 'content': [{'type': 'text', 'text': 'Be '}, {'type': 'text', 'text':"
            + " 'brief'}]}, {'role': 'user', 'content': 'Hi', 'name': 'Ann'}]}";
    String one =
        "{'model': 'chat-model', 'max_completion_tokens': 6, 'temperature': 0, 'messages': ["
            + "{'role': 'system', 'content': 'Be brief'}, {'role': 'user', 'content': 'Hi'}]}";
    JsonNode expected = choice(server.post(CHAT, one));
    assertThat(choice(server.post(CHAT, parts.formatted("developer")))).isEqualTo(expected);
    assertThat(choice(server.post(CHAT, parts.formatted("system")))).isEqualTo(expected);
  }

  @Test
  void embedsTexts() {
    String fields = "{'model': 'base-model', 'input': ['a fox', 'a vixen']";
    Reply floats = server.post("/v1/embeddings", fields + "}");
    Reply packed = server.post("/v1/embeddings", fields + ", 'encoding_format': 'base64'}");
    assertThat(floats.json().path("data")).hasSize(2);
    assertThat(floats.json().path("usage").path("prompt_tokens").asInt()).isEqualTo(12);
    for (int i = 0; i < 2; i++) {
      JsonNode vector = floats.json().path("data").path(i).path("embedding");
      assertThat(vector).hasSize(TestServer.WIDTH);
      ByteBuffer bytes =
          ByteBuffer.wrap(
                  Base64.getDecoder()
                      .decode(packed.json().path("data").path(i).path("embedding").asText()))
              .order(ByteOrder.LITTLE_ENDIAN);
      double squares = 0;
      for (JsonNode number : vector) {
        assertThat(bytes.getFloat()).isEqualTo((float) number.asDouble());
        squares += number.asDouble() * number.asDouble();
      }
      assertThat(bytes.hasRemaining()).isFalse();
      assertThat(squares).isCloseTo(1, within(1e-6));
    }
    assertThat(
            server
                .post("/v1/embeddings", "{'model': 'base-model', 'input': [97, 32, 102, 111, 120]}")
                .json()
                .path("data")
                .path(0))
        .isEqualTo(floats.json().path("data").path(0));
  }

  @Test
  void greedyAnswersAreTheSameAloneAndTogether() {
    List<JsonNode> alone = new ArrayList<>();
    for (int i = 0; i < 12; i++) {
      alone.add(choice(text(greedy(i))));
    }
    List<CompletableFuture<JsonNode>> together = new ArrayList<>();
    for (int i = 0; i < 12; i++) {
      String fields = greedy(i);
      together.add(CompletableFuture.supplyAsync(() -> choice(text(fields))));
    }
    for (int i = 0; i < 12; i++) {
      assertThat(together.get(i).join()).isEqualTo(alone.get(i));
    }
  }

  private static String greedy(int i) {
    return "'prompt': '%s', 'max_tokens': %d, 'temperature': 0, 'logprobs': 4"
        .formatted("Once upon".substring(0, 1 + i % 9), 10 + 7 * i);
  }

  @Test
  void healthAndMetrics() {
    text("'prompt': 'x', 'max_tokens': 5");
    assertThat(server.get("/health").json())
        .isEqualTo(
            TestServer.parse("{\"status\":\"ok\",\"models\":[\"chat-model\",\"base-model\"]}"));
    Reply metrics = server.get("/metrics");
    assertThat(metrics.header("Content-Type"))
        .isEqualTo("text/plain; version=0.0.4; charset=utf-8");
    assertThat(metrics.body())
        .contains("firesteel_http_requests_total{path=\"/v1/completions\",status=\"200\"} ")
        .contains("firesteel_completion_tokens_total{model=\"base-model\"} ")
        .contains("firesteel_time_to_first_token_seconds_bucket{model=\"base-model\",le=\"+Inf\"} ")
        .contains("firesteel_queue_length 0\n")
        .contains("# TYPE firesteel_time_per_output_token_seconds histogram\n");
    assertThat(metrics.body().lines())
        .allMatch(
            line ->
                line.matches("# (HELP|TYPE) [a-z_]+ .+")
                    || line.matches(
                        "[a-z_]+(\\{[a-z]+=\"[^\"]*\"(,[a-z]+=\"[^\"]*\")*\\})? [0-9.E+-]+"));
  }

  @Test
  void headAnswersWithoutABody() {
    Reply head =
        server.send(
            server
                .request("/health")
                .method("HEAD", java.net.http.HttpRequest.BodyPublishers.noBody())
                .build());
    assertThat(head.status()).isEqualTo(200);
    assertThat(head.body()).isEmpty();
  }
}
