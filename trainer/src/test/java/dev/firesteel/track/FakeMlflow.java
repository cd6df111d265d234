package dev.firesteel.track;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/**
 * The part of MLflow's REST API that a run uses, with the answers that a server of MLflow 3 gives,
 * and its ways to be away.
 */
final class FakeMlflow implements AutoCloseable {
  private static final ObjectMapper JSON = new ObjectMapper();

  /** How calls are answered. */
  enum Mode {
    /** As MLflow does. */
    WORKS,
    /** With status 500. */
    FAILS,
    /** As MLflow does, but the answer is status 500. */
    LOSES_ANSWERS,
    /** Never. */
    HANGS,
    /** With an error of the client. */
    REFUSES_BATCHES
  }

  private final HttpServer server;
  private final ExecutorService threads = Executors.newCachedThreadPool();
  volatile Mode mode = Mode.WORKS;
  final List<String> calls = new CopyOnWriteArrayList<>();
  final Map<String, String> parameters = new ConcurrentSkipListMap<>();
  final Map<String, List<JsonNode>> metrics = new ConcurrentSkipListMap<>();
  final Map<String, byte[]> artifacts = new ConcurrentSkipListMap<>();
  final List<String> statuses = new CopyOnWriteArrayList<>();
  final List<String> versions = new CopyOnWriteArrayList<>();
  final List<String> runs = new CopyOnWriteArrayList<>();
  final List<String> authorizations = new CopyOnWriteArrayList<>();

  FakeMlflow() throws IOException {
    server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.createContext("/", this::handle);
    server.setExecutor(threads);
    server.start();
  }

  String uri() {
    return "http://127.0.0.1:" + server.getAddress().getPort();
  }

  private void handle(HttpExchange exchange) throws IOException {
    byte[] body = exchange.getRequestBody().readAllBytes();
    String path = exchange.getRequestURI().getPath();
    calls.add(path.replace("/api/2.0/mlflow/", ""));
    if (mode == Mode.HANGS) {
      return;
    }
    if (mode == Mode.FAILS) {
      answer(exchange, 500, "down");
      return;
    }
    authorizations.add(String.valueOf(exchange.getRequestHeaders().getFirst("Authorization")));
    if (path.startsWith("/api/2.0/mlflow-artifacts/artifacts/")) {
      artifacts.put(path.substring("/api/2.0/mlflow-artifacts/artifacts/".length()), body);
      answer(exchange, 200, "{}");
      return;
    }
    JsonNode request = body.length == 0 ? JSON.createObjectNode() : JSON.readTree(body);
    String call = path.replace("/api/2.0/mlflow/", "");
    if (mode == Mode.REFUSES_BATCHES && call.equals("runs/log-batch")) {
      answer(exchange, 400, "{\"error_code\": \"INVALID_PARAMETER_VALUE\", \"message\": \"bad\"}");
      return;
    }
    synchronized (this) {
      respond(exchange, call, request);
    }
  }

  private void respond(HttpExchange exchange, String call, JsonNode request) throws IOException {
    ObjectNode result = JSON.createObjectNode();
    switch (call) {
      case "experiments/get-by-name" -> {
        answer(exchange, 404, "{\"error_code\": \"RESOURCE_DOES_NOT_EXIST\"}");
        return;
      }
      case "experiments/create" -> result.put("experiment_id", "7");
      case "runs/create" -> {
        runs.add(request.path("run_name").asText());
        result.set("run", run());
      }
      case "runs/get" -> result.set("run", run());
      case "runs/update" -> statuses.add(request.path("status").asText());
      case "runs/log-batch" -> batch(request);
      case "registered-models/create" -> {
        answer(exchange, 400, "{\"error_code\": \"RESOURCE_ALREADY_EXISTS\"}");
        return;
      }
      case "model-versions/create" ->
          versions.add(request.path("name").asText() + " " + request.path("source").asText());
      default -> throw new IOException("unknown call " + call);
    }
    answer(exchange, mode == Mode.LOSES_ANSWERS ? 500 : 200, result.toString());
  }

  private ObjectNode run() {
    ObjectNode run = JSON.createObjectNode();
    run.putObject("info")
        .put("run_id", "abc")
        .put("artifact_uri", "mlflow-artifacts:/7/abc/artifacts");
    ArrayNode latest = run.putObject("data").putArray("metrics");
    metrics.forEach((key, values) -> latest.add(values.get(values.size() - 1)));
    return run;
  }

  private void batch(JsonNode request) {
    if (!request.path("run_id").asText().equals("abc")) {
      throw new IllegalStateException("no such run: " + request);
    }
    for (JsonNode parameter : request.path("params")) {
      parameters.put(parameter.path("key").asText(), parameter.path("value").asText());
    }
    for (JsonNode metric : request.path("metrics")) {
      metrics
          .computeIfAbsent(metric.path("key").asText(), key -> new CopyOnWriteArrayList<>())
          .add(metric);
    }
  }

  /** The values of a metric by step, none of which may be there twice. */
  Map<Long, Double> points(String key) {
    Map<Long, Double> points = new TreeMap<>();
    for (JsonNode metric : metrics.getOrDefault(key, List.of())) {
      if (points.put(metric.path("step").asLong(), metric.path("value").asDouble()) != null) {
        throw new AssertionError(key + " has two values at step " + metric.path("step"));
      }
    }
    return points;
  }

  private static void answer(HttpExchange exchange, int status, String body) throws IOException {
    byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
    exchange.sendResponseHeaders(status, bytes.length);
    try (OutputStream out = exchange.getResponseBody()) { // Closing the exchange cuts the answer.
      out.write(bytes);
    }
  }

  @Override
  public void close() {
    server.stop(0);
    threads.shutdownNow();
  }
}
