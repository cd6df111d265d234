package dev.firesteel.serve;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.firesteel.array.ArrayPool;
import dev.firesteel.backend.Backend;
import dev.firesteel.backend.Precision;
import dev.firesteel.backend.cpu.CpuBackend;
import dev.firesteel.chat.ChatTemplate;
import dev.firesteel.chat.TestTokenizers;
import dev.firesteel.generate.GenerationEngine;
import dev.firesteel.model.LanguageModel;
import dev.firesteel.model.Models;
import dev.firesteel.model.TestModels;
import dev.firesteel.tokenizer.DocumentTokens;
import dev.firesteel.tokenizer.Tokenizer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Function;

/**
 * A server with a tiny untrained model over bytes: {@link #CHAT}, and the same one without a chat
 * template, {@link #BASE}.
 */
final class TestServer implements AutoCloseable {
  static final String CHAT = "chat-model";
  static final String BASE = "base-model";
  static final int CONTEXT = 4096;
  static final int WIDTH = 16;
  static final ServeOptions OPTIONS = options(4, 8);

  private static final ObjectMapper JSON = new ObjectMapper();

  final Tokenizer tokenizer = TestTokenizers.bytesWith("<|im_start|>", "<|im_end|>");
  final GenerationEngine engine;
  final ModelServer server;
  private final Backend backend = new CpuBackend(Precision.FP32, 1);
  private final ArrayPool pool = new ArrayPool(backend);
  private final LanguageModel model =
      Models.create(
          TestModels.withInitStd(
              TestModels.llama(1, WIDTH, 2, 1, 24, CONTEXT, tokenizer.vocabularySize()), 0.4),
          backend,
          5);
  private final HttpClient client =
      HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

  TestServer() {
    this(OPTIONS);
  }

  TestServer(ServeOptions options, Route... more) {
    this(options, null, more);
  }

  /** With chat answers drawn from the documents in a folder, unless it is null. */
  TestServer(ServeOptions options, Path folder, Route... more) {
    this(options, folder, models -> List.of(more));
  }

  TestServer(ServeOptions options, Path folder, Function<ServedModels, List<Route>> more) {
    engine = new GenerationEngine(options.maxBatch(), options.maxQueue());
    DocumentTokens documents = DocumentTokens.of(tokenizer);
    List<ServedModel> served = new ArrayList<>();
    for (String name : List.of(CHAT, BASE)) {
      engine.add(name, model, tokenizer, pool, CONTEXT);
      served.add(
          ServedModel.of(
              name,
              tokenizer,
              documents,
              name.equals(CHAT) ? ChatTemplate.builtIn("chatml") : Optional.empty(),
              CONTEXT,
              WIDTH,
              1_790_000_000L));
    }
    Optional<Library> library =
        Optional.ofNullable(folder).map(each -> Library.of(each, served.get(0), engine));
    ServedModels models = new ServedModels(engine, served, library);
    server = new ModelServer(models, options, more.apply(models));
    server.start();
  }

  /** Options for tests, on any free port. */
  static ServeOptions options(int maxBatch, int maxQueue) {
    return options(0, Optional.empty(), Optional.empty(), maxBatch, maxQueue);
  }

  /** The same with other ways to listen. */
  static ServeOptions options(
      int port, Optional<String> apiKey, Optional<String> corsOrigin, int maxBatch, int maxQueue) {
    ServeOptions usual = ServeOptions.DEFAULT;
    return new ServeOptions(
        usual.host(),
        port,
        apiKey,
        corsOrigin,
        maxBatch,
        maxQueue,
        Duration.ofSeconds(30),
        usual.maxBodyBytes(),
        usual.maxConnections(),
        Duration.ofSeconds(20),
        Duration.ofSeconds(30),
        Duration.ofSeconds(5));
  }

  /** What the server answered. */
  record Reply(int status, HttpResponse<String> response) {
    String body() {
      return response.body();
    }

    JsonNode json() {
      try {
        return JSON.readTree(response.body());
      } catch (IOException e) {
        throw new UncheckedIOException(response.body(), e);
      }
    }

    String header(String name) {
      return response.headers().firstValue(name).orElse("");
    }

    String error() {
      return json().path("error").path("message").asText();
    }

    /** The data of all events. */
    List<String> events() {
      return response
          .body()
          .lines()
          .filter(line -> !line.isEmpty())
          .map(
              line -> {
                if (!line.startsWith("data: ")) {
                  throw new AssertionError("not an event: " + line);
                }
                return line.substring("data: ".length());
              })
          .toList();
    }

    /** All events but the last, which must be {@code [DONE]}. */
    List<JsonNode> parts() {
      List<String> events = events();
      if (!events.get(events.size() - 1).equals("[DONE]")) {
        throw new AssertionError("the stream must end with [DONE], got " + events);
      }
      return events.subList(0, events.size() - 1).stream().map(TestServer::parse).toList();
    }
  }

  static JsonNode parse(String json) {
    try {
      return JSON.readTree(json);
    } catch (IOException e) {
      throw new UncheckedIOException(json, e);
    }
  }

  int port() {
    return URI.create(server.url()).getPort();
  }

  Reply get(String path, String... headers) {
    return send(request(path, headers).GET().build());
  }

  /** Posts JSON; {@code '} in it stands for a quotation mark. */
  Reply post(String path, String json, String... headers) {
    return post(path, json.replace('\'', '"').getBytes(StandardCharsets.UTF_8), headers);
  }

  Reply post(String path, byte[] body, String... headers) {
    HttpRequest.Builder request = request(path, headers);
    if (!List.of(headers).contains("Content-Type")) {
      request.header("Content-Type", "application/json");
    }
    return send(request.POST(HttpRequest.BodyPublishers.ofByteArray(body)).build());
  }

  HttpRequest.Builder request(String path, String... headers) {
    HttpRequest.Builder request =
        HttpRequest.newBuilder(URI.create(server.url() + path)).timeout(Duration.ofSeconds(30));
    for (int i = 0; i < headers.length; i += 2) {
      request.header(headers[i], headers[i + 1]);
    }
    return request;
  }

  Reply send(HttpRequest request) {
    try {
      // The request's own timeout ends with the head of the answer.
      HttpResponse<String> response =
          client
              .sendAsync(request, HttpResponse.BodyHandlers.ofString(StandardCharsets.UTF_8))
              .get(60, TimeUnit.SECONDS);
      return new Reply(response.statusCode(), response);
    } catch (InterruptedException | ExecutionException | TimeoutException e) {
      throw new AssertionError(request.toString(), e);
    }
  }

  /** Waits until so many completions are in the engine. */
  void awaitActive(int active) throws InterruptedException {
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(10);
    while (engine.active() + engine.waiting() != active) {
      if (System.nanoTime() > end) {
        throw new AssertionError(
            "%d completions must be in the engine, got %d in rows and %d waiting"
                .formatted(active, engine.active(), engine.waiting()));
      }
      Thread.sleep(1);
    }
  }

  @Override
  public void close() {
    engine.close();
    server.close();
    model.close();
    pool.close();
    backend.close();
  }
}
