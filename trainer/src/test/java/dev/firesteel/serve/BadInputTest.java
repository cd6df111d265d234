package dev.firesteel.serve;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.firesteel.error.UserException;
import dev.firesteel.serve.TestServer.Reply;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class BadInputTest {
  private static final String CHAT = "/v1/chat/completions";
  private static final String TEXT = "/v1/completions";
  private static final String EMBED = "/v1/embeddings";

  private static TestServer server;

  @BeforeAll
  static void start() {
    server = new TestServer();
  }

  @AfterAll
  static void stop() {
    server.close();
  }

  @AfterEach
  void isAlive() {
    assertThat(server.get("/health").status()).isEqualTo(200);
  }

  private static void assertError(Reply reply, int status, String type, String param, String code) {
    assertThat(reply.status()).as(reply.body()).isEqualTo(status);
    assertThat(reply.header("Content-Type")).isEqualTo("application/json");
    assertThat(reply.json().path("error").fieldNames())
        .toIterable()
        .containsExactly("message", "type", "param", "code");
    assertThat(reply.json().path("error").path("type").asText()).isEqualTo(type);
    assertThat(reply.json().path("error").path("param").textValue()).isEqualTo(param);
    assertThat(reply.json().path("error").path("code").textValue()).isEqualTo(code);
  }

  private static void assertInvalid(Reply reply, String param, String message) {
    assertThat(reply.status()).as(reply.body()).isEqualTo(400);
    assertThat(reply.json().path("error").path("param").textValue()).isEqualTo(param);
    assertThat(reply.error()).contains(message);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "temperature | 3 | a number from 0 to 2, got 3",
        "temperature | -1 | a number from 0 to 2, got -1",
        "temperature | 'hot' | a number from 0 to 2, got a string",
        "temperature | 1e999 | a number from 0 to 2",
        "top_p | 2 | a number from 0 to 1",
        "top_k | 1.5 | a whole number of at least 0, got 1.5",
        "min_p | [] | a number from 0 to 1, got an array",
        "repetition_penalty | 0 | more than 0",
        "n | 0 | a whole number from 1 to 12",
        "n | 13 | a whole number from 1 to 12",
        "max_tokens | 0 | a whole number of at least 1",
        "max_tokens | 99999999999 | a whole number of at least 1, got 99999999999",
        "stop | ['a','b','c','d','e'] | at most 4 strings, got 5 of them",
        "stop | [1] | a string or an array of strings, got 1",
        "stop | '' | strings that are not empty",
        "seed | 1e30 | a whole number of 64 bits",
        "stream | 1 | true or false, got 1",
        "frequency_penalty | 2.1 | a number from -2 to 2",
        "presence_penalty | '0' | a number from -2 to 2",
        "logit_bias | [1] | an object of ids and numbers",
        "logit_bias | {'x': 1} | an object that gives ids of tokens, 0 to 258",
        "logit_bias | {'999999': 1} | an object that gives ids of tokens",
        "logit_bias | {'5': 101} | numbers from -100 to 100, got 101 for 5",
      })
  void refusesAFieldsValue(String field, String value, String message) {
    String fields = ", '%s': %s}".formatted(field, value);
    assertInvalid(
        server.post(TEXT, "{'model': 'base-model', 'prompt': 'x'" + fields), field, message);
    assertInvalid(
        server.post(
            CHAT,
            "{'model': 'chat-model', 'messages': [{'role': 'user', 'content': 'x'}]" + fields),
        field,
        message);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "[] | messages | an array of at least one object, got an empty one",
        "'x' | messages | an array of at least one object, got a string",
        "['x'] | messages[0] | an object, got a string",
        "[{}] | messages[0].role | a string, got nothing",
        "[{'role': 'robot', 'content': 'x'}] | messages[0].role | system, developer, user or assistant",
        "[{'role': 'tool', 'content': 'x'}] | messages[0].role | got tool",
        "[{'role': 'user'}] | messages[0].content | a string, got nothing",
        "[{'role': 'user', 'content': null}] | messages[0].content | a string, got nothing",
        "[{'role': 'user', 'content': 5}] | messages[0].content | an array of at least one object",
        "[{'role': 'user', 'content': [{'type': 'image_url'}]}] | messages[0].content[0].type | must be text",
        "[{'role': 'user', 'content': 'x', 'contents': 'y'}] | messages[0].contents | did you mean content?",
        "[{'role': 'assistant', 'content': 'x', 'tool_calls': [{}]}] | messages[0].tool_calls | this server does not have it",
      })
  void refusesMessages(String messages, String param, String message) {
    assertInvalid(
        server.post(CHAT, "{'model': 'chat-model', 'messages': " + messages + "}"), param, message);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "'prompt': 5 | prompt | a string, an array of strings, or an array of ids",
        "'prompt': [] | prompt | got an empty array",
        "'prompt': [[]] | prompt[0] | got an empty array",
        "'prompt': ['a', 1] | prompt[1] | a string or an array of ids of tokens, got 1",
        "'prompt': [99999] | prompt[0] | an id of a token, 0 to 258, got 99999",
        "'prompt': [-1] | prompt[0] | got -1",
        "'prompt': [1.5] | prompt[0] | got 1.5",
        "'x': 1 | prompt | a string or an array, got nothing",
        "'prompt': 'a', 'suffix': 'b' | suffix | this server does not have it",
        "'prompt': 'a', 'best_of': 3 | best_of | best_of must equal n",
        "'prompt': 'a', 'logprobs': 21 | logprobs | a whole number from 0 to 20",
        "'prompt': 'a', 'top_logprobs': 2 | top_logprobs | must come with logprobs: true",
        "'prompt': 'a', 'stream_options': {} | stream_options | must come with stream: true",
        "'prompt': 'a', 'temprature': 1 | temprature | did you mean temperature?",
        "'prompt': 'a', 'messages': [] | messages | leave it out",
        "'prompt': ['a','a','a','a','a','a','a'], 'n': 2 | prompt | at most 12 choices of all prompts, got 14",
      })
  void refusesCompletions(String fields, String param, String message) {
    assertInvalid(server.post(TEXT, "{'model': 'base-model', " + fields + "}"), param, message);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "'input': '' | input | texts that are not empty",
        "'input': ['a', ''] | input | texts that are not empty",
        "'input': {} | input | got an object",
        "'x': 1 | input | a string or an array, got nothing",
        "'input': 'a', 'encoding_format': 'hex' | encoding_format | float or base64, got hex",
        "'input': 'a', 'dimensions': 8 | dimensions | 16, the width of base-model",
      })
  void refusesEmbeddings(String fields, String param, String message) {
    assertInvalid(server.post(EMBED, "{'model': 'base-model', " + fields + "}"), param, message);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "'tools': [{'type': 'function'}] | tools",
        "'response_format': {'type': 'json_object'} | response_format",
        "'modalities': ['audio'] | modalities",
        "'functions': [{}] | functions",
        "'top_logprobs': 3 | top_logprobs",
      })
  void refusesWhatItDoesNotHave(String fields, String param) {
    Reply reply =
        server.post(
            CHAT,
            "{'model': 'chat-model', 'messages': [{'role': 'user', 'content': 'x'}], "
                + fields
                + "}");
    assertThat(reply.status()).isEqualTo(400);
    assertThat(reply.json().path("error").path("param").asText()).isEqualTo(param);
  }

  @Test
  void neutralFieldsOfTheProtocolAreAccepted() {
    Reply reply =
        server.post(
            CHAT,
            "{'model': 'chat-model', 'messages': [{'role': 'user', 'content': 'x'}],"
                + " 'max_tokens': 1, 'tools': [], 'tool_choice': 'none', 'user': 'me', 'store':"
                + " false, 'metadata': {}, 'response_format': {'type': 'text'}, 'modalities':"
                + " ['text'], 'n': null, 'stop': null, 'logprobs': false, 'top_logprobs': null,"
                + " 'logit_bias': {}}");
    assertThat(reply.status()).as(reply.body()).isEqualTo(200);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "{ | the body must be valid JSON",
        "{'a': 1, 'a': 2} | Duplicate field",
        "{} {} | Trailing token",
        "{'a': NaN} | Non-standard token",
        "[1] | must be a JSON object, got an array",
        "'x' | must be a JSON object, got a string",
        "null | must be a JSON object, got null",
      })
  void refusesWhatIsNotAJsonObject(String body, String message) {
    for (String path : List.of(CHAT, TEXT, EMBED)) {
      Reply reply = server.post(path, body);
      assertError(reply, 400, "invalid_request_error", null, "invalid_json");
      assertThat(reply.error()).contains(message);
    }
  }

  @Test
  void refusesAnEmptyBody() {
    assertError(server.post(CHAT, ""), 400, "invalid_request_error", null, "invalid_json");
  }

  @Test
  void refusesDeepNesting() {
    assertError(
        server.post(CHAT, "[".repeat(200_000)), 400, "invalid_request_error", null, "invalid_json");
    assertError(
        server.post(TEXT, "{'model': " + "1".repeat(100_000) + "}"),
        400,
        "invalid_request_error",
        null,
        "invalid_json");
  }

  @Test
  void refusesWhatIsNotUtf8() {
    byte[] body =
        "{\"model\": \"base-model\", \"prompt\": \"caf\u00e9\"}"
            .getBytes(StandardCharsets.ISO_8859_1);
    assertError(server.post(TEXT, body), 400, "invalid_request_error", null, "invalid_utf8");
    assertError(
        server.post(TEXT, "{}".getBytes(StandardCharsets.UTF_16)),
        400,
        "invalid_request_error",
        null,
        "invalid_utf8");
  }

  @Test
  void refusesUnknownModelsAndNamesTheNearest() {
    Reply reply = server.post(TEXT, "{'model': 'base-modle', 'prompt': 'x'}");
    assertError(reply, 404, "invalid_request_error", "model", "model_not_found");
    assertThat(reply.error())
        .isEqualTo(
            "the model must be one of chat-model, base-model, got base-modle: did you mean"
                + " base-model?");
    assertInvalid(
        server.post(TEXT, "{'prompt': 'x'}"), "model", "must be a string, got nothing: add it");
  }

  @Test
  void aBaseModelDoesNotChat() {
    Reply reply =
        server.post(
            CHAT, "{'model': 'base-model', 'messages': [{'role': 'user', 'content': 'x'}]}");
    assertError(reply, 400, "invalid_request_error", "model", "no_chat_template");
    assertThat(reply.error())
        .isEqualTo(
            "chat needs a model whose tokenizer has a chat template, and base-model is a base"
                + " model without one: use /v1/completions, a model that was trained with the command"
                + " sft, or the option --template");
  }

  @Test
  void refusesPromptsLongerThanTheContext() {
    String text = "a".repeat(TestServer.CONTEXT);
    Reply reply = server.post(TEXT, "{'model': 'base-model', 'prompt': '" + text + "'}");
    assertError(reply, 400, "invalid_request_error", "prompt", "context_length_exceeded");
    assertThat(reply.error())
        .isEqualTo(
            "the prompt must have at most 4095 tokens, since the context of base-model holds 4096,"
                + " got 4096: shorten it, or use a model with a longer context");
    assertError(
        server.post(
            CHAT,
            "{'model': 'chat-model', 'messages': [{'role': 'user', 'content': '" + text + "'}]}"),
        400,
        "invalid_request_error",
        "messages",
        "context_length_exceeded");
    assertError(
        server.post(EMBED, "{'model': 'base-model', 'input': '" + text + "b'}"),
        400,
        "invalid_request_error",
        "input",
        "context_length_exceeded");
  }

  @Test
  void refusesTenMegabytes() {
    byte[] body = new byte[10 << 20];
    Arrays.fill(body, (byte) ' ');
    Reply reply = server.post(TEXT, body);
    assertError(reply, 413, "invalid_request_error", null, "body_too_large");
    assertThat(reply.error())
        .isEqualTo(
            "the body must have at most 1,048,576 bytes, got more: shorten the prompt, or raise"
                + " --max-body");
    // Also where an error was found before the body was read.
    assertThat(server.post("/nowhere", body).status()).isEqualTo(404);
    assertThat(server.post(TEXT, body, "Content-Type", "text/plain").status()).isEqualTo(415);
  }

  @Test
  void refusesOtherMediaTypes() {
    byte[] body = "{}".getBytes(StandardCharsets.UTF_8);
    for (String type : List.of("text/plain", "application/x-www-form-urlencoded", "x")) {
      assertError(
          server.post(TEXT, body, "Content-Type", type),
          415,
          "invalid_request_error",
          null,
          "unsupported_media_type");
    }
    assertError(
        server.post(TEXT, body, "Content-Encoding", "gzip"),
        415,
        "invalid_request_error",
        null,
        "unsupported_content_encoding");
    assertThat(
            server
                .post(
                    TEXT,
                    "{\"model\": \"base-model\", \"prompt\": \"x\"}"
                        .getBytes(StandardCharsets.UTF_8),
                    "Content-Type",
                    "Application/JSON; charset=utf-8")
                .status())
        .isEqualTo(200);
  }

  @Test
  void refusesUnknownPathsAndMethods() {
    assertError(server.get("/v1/nothing"), 404, "invalid_request_error", null, "unknown_path");
    assertError(server.get("/v1/models/a/b"), 404, "invalid_request_error", null, "unknown_path");
    Reply get = server.get(TEXT);
    assertError(get, 405, "invalid_request_error", null, "method_not_allowed");
    assertThat(get.header("Allow")).isEqualTo("POST");
    assertThat(server.post("/health", "{}").header("Allow")).isEqualTo("GET");
  }

  @Test
  void refusesForeignHostsOnTheLoopbackAddress() throws Exception {
    for (String host : List.of("example.org", "example.org:80", "127.0.0.1.example.org")) {
      String answer =
          RawClient.once(server.port(), "GET /health HTTP/1.1\r\nHost: " + host + "\r\n\r\n");
      assertThat(answer).startsWith("HTTP/1.1 403").contains("forbidden_host");
    }
    for (String host : List.of("localhost", "LOCALHOST:99", "127.0.0.1", "[::1]:8080")) {
      String answer =
          RawClient.once(server.port(), "GET /health HTTP/1.1\r\nHost: " + host + "\r\n\r\n");
      assertThat(answer).startsWith("HTTP/1.1 200");
    }
  }

  @Test
  void anApiKeyIsRequiredWhereThereIsOne() {
    ServeOptions options =
        TestServer.options(0, Optional.of("secret"), Optional.of("https://example.org"), 2, 4);
    try (TestServer closed = new TestServer(options)) {
      for (String path : List.of("/v1/models", "/metrics")) {
        Reply none = closed.get(path);
        assertError(none, 401, "invalid_request_error", null, "invalid_api_key");
        assertThat(none.header("WWW-Authenticate")).isEqualTo("Bearer");
        assertThat(none.error()).contains("Authorization: Bearer KEY, got none");
        assertThat(closed.get(path, "Authorization", "Bearer secreT").error())
            .contains("got another one");
        assertThat(closed.get(path, "Authorization", "Basic secret").status()).isEqualTo(401);
        assertThat(closed.get(path, "Authorization", "Bearer secret").status()).isEqualTo(200);
      }
      assertThat(closed.post(TEXT, "{}").status()).isEqualTo(401);
      assertThat(closed.get("/health").status()).isEqualTo(200);
      // CORS for the origin that was named, and no other.
      Reply own = closed.get("/health", "Origin", "https://example.org");
      assertThat(own.header("Access-Control-Allow-Origin")).isEqualTo("https://example.org");
      Reply other = closed.get("/health", "Origin", "https://other.org");
      assertThat(other.header("Access-Control-Allow-Origin")).isEmpty();
    }
    assertThat(
            server
                .get("/health", "Origin", "https://example.org")
                .header("Access-Control-Allow-Origin"))
        .isEmpty();
  }

  @Test
  void everyOriginMayAskWhereAllAreAllowed() throws Exception {
    ServeOptions options = TestServer.options(0, Optional.empty(), Optional.of("*"), 2, 4);
    String preflight =
        String.join(
            "\r\n",
            "OPTIONS /v1/completions HTTP/1.1",
            "Host: localhost",
            "Origin: https://any.org",
            "Access-Control-Request-Method: POST",
            "Access-Control-Request-Headers: authorization,content-type",
            "",
            "");
    try (TestServer open = new TestServer(options)) {
      assertThat(RawClient.once(open.port(), preflight))
          .startsWith("HTTP/1.1 200")
          .contains("Access-Control-Allow-Origin: ")
          .contains("Access-Control-Allow-Methods: ")
          .doesNotContain("Access-Control-Allow-Credentials");
    }
    // Without --cors a browser is not let through.
    assertThat(RawClient.once(server.port(), preflight))
        .startsWith("HTTP/1.1 405")
        .doesNotContain("Access-Control");
  }

  @Test
  void aPortInUseIsSaid() {
    ServeOptions same = TestServer.options(server.port(), Optional.empty(), Optional.empty(), 1, 1);
    assertThatThrownBy(() -> new TestServer(same))
        .isInstanceOf(UserException.class)
        .hasMessage(
            "--port must be free, got %d, which another program uses on 127.0.0.1: choose another one, or 0 for any"
                .formatted(server.port()));
  }

  @Test
  void aFullQueueAnswers429() throws Exception {
    try (TestServer small = new TestServer(TestServer.options(1, 1))) {
      String endless =
          "{'model': 'base-model', 'prompt': 'x', 'max_tokens': 3000, 'logit_bias': {'97': 100}}";
      List<RawClient> clients = List.of(new RawClient(small.port()), new RawClient(small.port()));
      for (RawClient client : clients) {
        client.post(TEXT, endless);
      }
      small.awaitActive(2);
      Reply full = small.post(TEXT, endless);
      assertError(full, 429, "rate_limit_error", null, "queue_full");
      assertThat(full.header("Retry-After")).isEqualTo("1");
      for (RawClient client : clients) {
        client.close();
      }
    }
  }
}
