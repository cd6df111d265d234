package dev.firesteel.serve;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.firesteel.random.RandomStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

/**
 * 10,000 requests from seeds: valid ones, ones with fields of any kind, damaged JSON, damaged
 * heads, broken-off bodies. Each must be answered with a status that fits, in OpenAI's form, and
 * none may change the answer to a good one.
 */
class HttpFuzzTest {
  private static final int REQUESTS = 10_000;

  /** A 500 would be the server's own fault. */
  private static final List<Integer> STATUSES =
      List.of(200, 400, 403, 404, 405, 411, 413, 414, 415, 417, 426, 429, 431, 501, 505);

  private static final List<String> PATHS =
      List.of("/v1/chat/completions", "/v1/completions", "/v1/completions", "/v1/embeddings");

  /** What a body of each of the paths begins with. */
  private static final List<String> BODIES =
      List.of(
          "{\"model\":\"chat-model\",\"max_tokens\":2,\"messages\":[{\"role\":\"user\",\"content\":\"Once\"}]",
          "{\"model\":\"base-model\",\"max_tokens\":2,\"prompt\":\"Once\"",
          "{\"model\":\"base-model\",\"max_tokens\":3,\"stream\":true,\"prompt\":[72,105]",
          "{\"model\":\"base-model\",\"input\":\"Once\"");

  private static final List<String> FIELDS =
      List.of(
          "model",
          "prompt",
          "messages",
          "input",
          "temperature",
          "top_p",
          "top_k",
          "min_p",
          "n",
          "stop",
          "seed",
          "max_tokens",
          "max_completion_tokens",
          "logprobs",
          "top_logprobs",
          "logit_bias",
          "frequency_penalty",
          "presence_penalty",
          "repetition_penalty",
          "stream",
          "stream_options",
          "echo",
          "best_of",
          "suffix",
          "user",
          "tools",
          "response_format",
          "encoding_format",
          "dimensions",
          "whatever");

  private static final List<String> VALUES =
      List.of(
          "null",
          "true",
          "false",
          "0",
          "1",
          "-1",
          "2",
          "3",
          "0.5",
          "1e400",
          "-0.0",
          "99999999999999999999",
          "\"\"",
          "\"x\"",
          "\"chat-model\"",
          "\"base-model\"",
          "\"\\u0000\\ud800\"",
          "\"\ud83d\ude42 \u4f60\u597d\"",
          "[]",
          "{}",
          "[1]",
          "[72,105]",
          "[[72]]",
          "[\"a\",\"b\"]",
          "[null]",
          "{\"65\":100}",
          "{\"a\":{\"b\":[]}}",
          "{\"include_usage\":true}",
          "{\"type\":\"text\"}",
          "[{\"role\":\"user\",\"content\":\"x\"}]",
          "[{\"role\":\"assistant\",\"content\":[{\"type\":\"text\",\"text\":\"x\"}]}]",
          "[{\"role\":\"system\"}]");

  private static final List<String> HEADERS =
      List.of(
          "Content-Type: application/json",
          "Content-Type: text/plain",
          "Content-Type:",
          "Content-Encoding: gzip",
          "Content-Length: 5",
          "Content-Length: -1",
          "Content-Length: 99999999999999999999",
          "Transfer-Encoding: chunked",
          "Transfer-Encoding: gzip",
          "Host: example.org",
          "Host: localhost",
          "Host: [",
          "Connection: close",
          "Connection: upgrade",
          "Upgrade: h2c",
          "Expect: 100-continue",
          "Expect: 200-maybe",
          "Accept: text/html",
          "Accept-Encoding: br",
          "Authorization: Bearer \u00ff",
          "Range: bytes=0-1",
          "Origin: https://example.org",
          "Cookie: " + "c".repeat(300),
          "X-Long: " + "x".repeat(20_000),
          ": no name",
          "No colon",
          "\u0000Control: 1",
          " Folded: 1");

  private static final List<String> TARGETS =
      List.of(
          "/",
          "/rate",
          "*",
          "",
          "//",
          "/v1",
          "/health",
          "/v1/models",
          "/v1/models/chat-model",
          "/v1/models/%00",
          "/v1/models/..%2f..%2fetc",
          "/../../etc/passwd",
          "/v1/%zz",
          "http://localhost/health",
          "/health?a=b&c=%ff",
          "/" + "a".repeat(9_000),
          "/\u00e4",
          "/health#fragment");

  private static final List<String> METHODS =
      List.of("GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "get", "B@D");

  private TestServer server;
  private RawClient client;
  private final Map<Integer, Integer> statuses = new TreeMap<>();

  private static <T> T any(List<T> list, RandomStream random) {
    return list.get(random.nextInt(list.size()));
  }

  @Test
  void everyRequestIsAnsweredAsItShouldBe() throws Exception {
    try (TestServer started = new TestServer()) {
      server = started;
      client = new RawClient(server.port());
      JsonNode before = good();
      for (int i = 0; i < REQUESTS; i++) {
        try {
          send(RandomStream.of(1, "request", i), i);
        } catch (IOException | RuntimeException | AssertionError e) {
          throw new AssertionError("request " + i, e);
        }
      }
      assertThat(good()).isEqualTo(before);
      client.close();
      server.awaitActive(0);
      assertThat(server.get("/health").status()).isEqualTo(200);
      // The mixture is worth something only if much of it arrives.
      assertThat(statuses.get(200)).as(statuses::toString).isGreaterThan(REQUESTS / 20);
      assertThat(statuses.get(400)).as(statuses::toString).isGreaterThan(REQUESTS / 10);
      assertThat(statuses.keySet()).contains(403, 404, 405, 415);
    }
  }

  private JsonNode good() {
    return server
        .post(
            "/v1/completions",
            "{'model': 'base-model', 'prompt': 'Once', 'temperature': 0, 'max_tokens': 20,"
                + " 'logprobs': 5}")
        .json()
        .path("choices");
  }

  private void send(RandomStream random, int i) throws IOException {
    int kind = random.nextInt(PATHS.size());
    byte[] body = body(kind, random);
    String method = random.nextInt(10) == 0 ? any(METHODS, random) : "POST";
    String target = random.nextInt(10) == 0 ? any(TARGETS, random) : PATHS.get(kind);
    StringBuilder head = new StringBuilder();
    head.append(method).append(' ').append(target);
    boolean old = random.nextInt(50) == 0;
    head.append(old ? " HTTP/1.0" : " HTTP/1.1").append("\r\n");
    boolean moreHeaders = random.nextInt(8) == 0;
    // Jetty may answer such a head, and close, before the body has been sent.
    boolean damagedHead = moreHeaders || !PATHS.contains(target) || !method.equals("POST");
    head.append(random.nextInt(50) == 0 ? "Host: example.org\r\n" : "Host: localhost\r\n");
    if (random.nextInt(20) > 0) {
      head.append("Content-Type: application/json\r\n");
    }
    head.append("Content-Length: ").append(body.length).append("\r\n");
    for (int more = moreHeaders ? 1 + random.nextInt(2) : 0; more > 0; more--) {
      head.append(any(HEADERS, random)).append("\r\n");
    }
    head.append("\r\n");
    byte[] headBytes = head.toString().getBytes(StandardCharsets.ISO_8859_1);
    if (random.nextInt(40) == 0) {
      breakOff(headBytes, body, random);
      return;
    }
    try {
      client.send(headBytes);
      client.send(body);
    } catch (IOException e) {
      if (!damagedHead) {
        throw e;
      }
    }
    RawClient.Answer answer;
    try {
      answer = method.equals("HEAD") ? null : client.answer();
    } catch (IOException e) {
      if (!damagedHead) {
        throw e;
      }
      answer = null;
    }
    if (answer != null) {
      check(answer, i);
    }
    // What follows a damaged head on its connection may be read as its body.
    if (answer == null || old || damagedHead || answer.closes() || answer.status() == 100) {
      reconnect();
    }
  }

  private void check(RawClient.Answer answer, int i) {
    statuses.merge(answer.status(), 1, Integer::sum);
    if (answer.status() == 100) {
      return;
    }
    assertThat(answer.status()).as("%d: %s", i, answer.text()).isIn(STATUSES);
    if (answer.status() >= 400) {
      JsonNode error = TestServer.parse(answer.body()).path("error");
      assertThat(error.path("message").asText()).as("%d: %s", i, answer.text()).isNotEmpty();
      assertThat(error.path("message").asText().chars().noneMatch(Character::isISOControl))
          .as(answer.text())
          .isTrue();
    } else if (answer.body().startsWith("data: ")) {
      assertThat(answer.body()).endsWith("data: [DONE]\n\n");
    } else if (answer.head().contains("application/json")) {
      assertThat(TestServer.parse(answer.body()).isObject()).isTrue();
    }
  }

  private void breakOff(byte[] head, byte[] body, RandomStream random) throws IOException {
    byte[] whole = Arrays.copyOf(head, head.length + body.length);
    System.arraycopy(body, 0, whole, head.length, body.length);
    client.send(Arrays.copyOf(whole, random.nextInt(whole.length)));
    reconnect();
  }

  private void reconnect() throws IOException {
    client.close();
    client = new RawClient(server.port());
  }

  private static byte[] body(int kind, RandomStream random) {
    StringBuilder json = new StringBuilder(BODIES.get(random.nextInt(20) == 0 ? 0 : kind));
    for (int fields = random.nextInt(3); fields > 0; fields--) {
      json.append(",\"").append(any(FIELDS, random)).append("\":").append(any(VALUES, random));
    }
    byte[] bytes = json.append('}').toString().getBytes(StandardCharsets.UTF_8);
    switch (random.nextInt(8)) {
      case 0 -> {
        for (int flips = 1 + random.nextInt(4); flips > 0; flips--) {
          bytes[random.nextInt(bytes.length)] = (byte) random.nextInt(256);
        }
        return bytes;
      }
      case 1 -> {
        return Arrays.copyOf(bytes, random.nextInt(bytes.length));
      }
      case 2 -> {
        byte[] noise = new byte[random.nextInt(200)];
        for (int i = 0; i < noise.length; i++) {
          noise[i] = (byte) random.nextInt(256);
        }
        return noise;
      }
      default -> {
        return bytes;
      }
    }
  }
}
