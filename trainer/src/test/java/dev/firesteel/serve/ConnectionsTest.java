package dev.firesteel.serve;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import com.sun.management.UnixOperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** Clients that are slow, that leave, that are many; and the end of the server. */
class ConnectionsTest {
  private static final String TEXT = "/v1/completions";

  /** Takes seconds, if nothing ends it. */
  private static final String LONG =
      "{'model': 'base-model', 'prompt': 'x', 'max_tokens': 4000, 'logit_bias': {'97': 100}%s}";

  private static ServeOptions options(
      Duration requestTimeout, Duration bodyTimeout, Duration grace) {
    ServeOptions usual = TestServer.options(2, 8);
    return new ServeOptions(
        usual.host(),
        0,
        Optional.empty(),
        Optional.empty(),
        2,
        8,
        requestTimeout,
        usual.maxBodyBytes(),
        usual.maxConnections(),
        bodyTimeout,
        Duration.ofSeconds(30),
        grace);
  }

  @Test
  void aSlowBodyAnswers408AndASlowHeadIsCutOff() throws Exception {
    Duration second = Duration.ofSeconds(1);
    try (TestServer server = new TestServer(options(Duration.ofSeconds(30), second, second));
        RawClient body = new RawClient(server.port());
        RawClient head = new RawClient(server.port())) {
      body.send(
          "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
              .getBytes(StandardCharsets.ISO_8859_1));
      head.send("GET /health HTTP/1.1\r\n".getBytes(StandardCharsets.ISO_8859_1));
      Thread drip =
          new Thread(
              () -> {
                try {
                  for (int i = 0; i < 100; i++) {
                    Thread.sleep(100);
                    head.send(("X-" + i + ": 1\r\n").getBytes(StandardCharsets.ISO_8859_1));
                    if (i < 5) {
                      body.send((byte) ' ');
                    }
                  }
                } catch (Exception e) {
                  // The server has closed the connection, as it should.
                }
              });
      drip.start();
      RawClient.Answer answer = body.answer();
      assertThat(answer.status()).isEqualTo(408);
      assertThat(answer.body()).contains("body_timeout").contains("must arrive in time");
      assertThat(body.ends()).isTrue();
      assertThat(head.ends()).isTrue();
      drip.interrupt();
      drip.join();
      assertThat(server.get("/health").status()).isEqualTo(200);
    }
  }

  /** The deadline is for a head: once it has come, the answer may take its time. */
  @Test
  void aLongAnswerAfterALateBodyIsNotCutOff() throws Exception {
    Duration second = Duration.ofSeconds(1);
    try (TestServer server = new TestServer(options(Duration.ofSeconds(30), second, second));
        RawClient client = new RawClient(server.port())) {
      byte[] body = LONG.formatted(", 'n': 3").replace('\'', '"').getBytes(StandardCharsets.UTF_8);
      client.send(
          "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
              .formatted(body.length)
              .getBytes(StandardCharsets.ISO_8859_1));
      Thread.sleep(600);
      client.send(body);
      assertThat(client.answer().status()).isEqualTo(200);
    }
  }

  @Test
  void anAnswerLeavesNothingBehind() {
    try (TestServer server = new TestServer()) {
      for (int i = 0; i < 20; i++) {
        server.post(TEXT, "{'model': 'base-model', 'prompt': 'x', 'max_tokens': 2}");
        server.post("/v1/embeddings", "{'model': 'base-model', 'input': 'x'}");
        server.post(TEXT, "{");
      }
      // That of slow heads alone.
      assertThat(server.server.timeouts()).isEqualTo(1);
    }
  }

  @Test
  void aClientThatLeavesEndsItsComputation() throws Exception {
    try (TestServer server = new TestServer()) {
      for (String more : List.of("", ", 'stream': true", ", 'n': 6")) {
        RawClient client = new RawClient(server.port());
        client.post(TEXT, LONG.formatted(more));
        server.awaitActive(more.contains("6") ? 6 : 1);
        if (more.contains("stream")) {
          client.read();
        }
        long left = System.nanoTime();
        client.close();
        server.awaitActive(0);
        assertThat(Duration.ofNanos(System.nanoTime() - left)).isLessThan(Duration.ofSeconds(1));
      }
      assertThat(server.get("/metrics").body())
          .contains("firesteel_requests_aborted_total{reason=\"client\"} 3\n");
    }
  }

  @Test
  void whatAClientSendsEarlyIsAnsweredInOrder() throws Exception {
    try (TestServer server = new TestServer();
        RawClient client = new RawClient(server.port())) {
      client.post(TEXT, "{'model': 'base-model', 'prompt': 'x', 'max_tokens': 500}");
      server.awaitActive(1);
      client.send(
          "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
      assertThat(client.answer().body()).contains("text_completion");
      assertThat(client.answer().body()).contains("\"status\":\"ok\"");
    }
  }

  @Test
  void anAnswerThatTakesTooLongEndsWithAnError() {
    try (TestServer server =
        new TestServer(
            options(Duration.ofMillis(300), Duration.ofSeconds(5), Duration.ofSeconds(1)))) {
      TestServer.Reply whole = server.post(TEXT, LONG.formatted(""));
      assertThat(whole.status()).isEqualTo(503);
      assertThat(whole.json().path("error").path("code").asText()).isEqualTo("timeout");
      List<com.fasterxml.jackson.databind.JsonNode> parts =
          server.post(TEXT, LONG.formatted(", 'stream': true")).parts();
      assertThat(parts).hasSizeGreaterThan(1);
      assertThat(parts.get(parts.size() - 1).path("error").path("code").asText())
          .isEqualTo("timeout");
      assertThat(server.get("/health").status()).isEqualTo(200);
    }
  }

  @Test
  void aThousandConnectionsAtOnceAreAllAnswered() throws Exception {
    // Both ends of each are files of this process.
    if (ManagementFactory.getOperatingSystemMXBean() instanceof UnixOperatingSystemMXBean system) {
      assumeThat(system.getMaxFileDescriptorCount())
          .as("files that a process may open")
          .isGreaterThan(3000);
    }
    try (TestServer server = new TestServer()) {
      List<RawClient> clients = new ArrayList<>();
      try {
        for (int i = 0; i < 1000; i++) {
          clients.add(new RawClient(server.port()));
        }
        for (RawClient client : clients) {
          client.post(TEXT, "{'model': 'base-model', 'prompt': 'x', 'max_tokens': 2}");
        }
        int served = 0;
        for (RawClient client : clients) {
          RawClient.Answer answer = client.answer();
          assertThat(answer.status()).isIn(200, 429);
          served += answer.status() == 200 ? 1 : 0;
        }
        assertThat(served).isGreaterThan(8);
        assertThat(server.get("/health").status()).isEqualTo(200);
      } finally {
        for (RawClient client : clients) {
          client.close();
        }
      }
    }
  }

  @Test
  void connectionsBeyondTheLimitWait() throws Exception {
    ServeOptions usual = TestServer.OPTIONS;
    ServeOptions few =
        new ServeOptions(
            usual.host(),
            0,
            usual.apiKey(),
            usual.corsOrigin(),
            1,
            1,
            usual.requestTimeout(),
            usual.maxBodyBytes(),
            3,
            usual.bodyTimeout(),
            usual.idleTimeout(),
            usual.grace());
    byte[] get =
        "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n".getBytes(StandardCharsets.US_ASCII);
    try (TestServer server = new TestServer(few)) {
      List<RawClient> first = new ArrayList<>();
      for (int i = 0; i < 3; i++) {
        RawClient client = new RawClient(server.port());
        client.send(get);
        assertThat(client.answer().status()).isEqualTo(200);
        first.add(client);
      }
      try (RawClient waiting = new RawClient(server.port())) {
        waiting.send(get);
        for (RawClient client : first) {
          client.close();
        }
        assertThat(waiting.answer().status()).isEqualTo(200);
      }
    }
  }

  @Test
  void drainingLetsAnswersEndAndRefusesNewOnes() throws Exception {
    try (TestServer server = new TestServer()) {
      RawClient client = new RawClient(server.port());
      client.post(
          TEXT,
          "{'model': 'base-model', 'prompt': 'x', 'max_tokens': 700, 'logit_bias': {'97': 100}}");
      server.awaitActive(1);
      RawClient late = new RawClient(server.port());
      Thread drain = new Thread(server.server::drain);
      drain.start();
      late.send(
          "GET /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
      RawClient.Answer refused = late.answer();
      // The request may have come before the thread did.
      while (refused.status() == 200) {
        late.send(
            "GET /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n"
                .getBytes(StandardCharsets.US_ASCII));
        refused = late.answer();
      }
      assertThat(refused.status()).isEqualTo(503);
      assertThat(refused.body()).contains("shutting_down");
      assertThat(client.answer().status()).isEqualTo(200);
      drain.join();
      client.close();
      late.close();
    }
  }

  @Test
  void afterTheTimeOfGraceAnswersAreGivenUpWithAnError() throws Exception {
    try (TestServer server =
        new TestServer(
            options(Duration.ofSeconds(30), Duration.ofSeconds(5), Duration.ofMillis(100)))) {
      RawClient client = new RawClient(server.port());
      client.post(TEXT, LONG.formatted(", 'n': 4"));
      server.awaitActive(4);
      server.server.drain();
      server.engine.close();
      RawClient.Answer answer = client.answer();
      assertThat(answer.status()).isEqualTo(503);
      assertThat(answer.body()).contains("shutting_down");
      client.close();
    }
  }
}
