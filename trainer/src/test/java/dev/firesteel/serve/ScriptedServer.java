package dev.firesteel.serve;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/**
 * OpenAI's interface with answers that a test says, for the page alone: word by word, each with
 * log-probabilities. A message with {@code slow} is answered slowly.
 */
final class ScriptedServer implements AutoCloseable {
  private static final ObjectMapper JSON = new ObjectMapper();

  final Map<String, String> answers = new ConcurrentHashMap<>();
  final List<JsonNode> requests = Collections.synchronizedList(new ArrayList<>());
  volatile String key = "";

  /** Prompts of more messages than this do not fit. */
  volatile int mostMessages = Integer.MAX_VALUE;

  /** After more messages than this the context is full before there is much of an answer. */
  volatile int mostMessagesWithRoom = Integer.MAX_VALUE;

  private final ExecutorService threads = Executors.newCachedThreadPool();
  private final HttpServer server;
  private final List<ObjectNode> models = new ArrayList<>();

  ScriptedServer(Map<String, byte[]> pages, String policy) throws IOException {
    server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.setExecutor(threads);
    pages.forEach(
        (path, bytes) ->
            server.createContext(
                path,
                exchange -> {
                  if (!exchange.getRequestURI().getPath().equals(path)) {
                    exchange.sendResponseHeaders(404, -1);
                    exchange.close();
                    return;
                  }
                  exchange.getResponseHeaders().set("Content-Type", "text/html;charset=utf-8");
                  exchange.getResponseHeaders().set("Content-Security-Policy", policy);
                  exchange.sendResponseHeaders(200, bytes.length);
                  exchange.getResponseBody().write(bytes);
                  exchange.close();
                }));
    server.createContext(
        "/v1/models",
        exchange -> {
          ObjectNode body = JsonNodeFactory.instance.objectNode().put("object", "list");
          body.putArray("data").addAll(models);
          json(exchange, 200, body);
        });
    server.createContext("/v1/chat/completions", exchange -> answer(exchange, true));
    server.createContext("/v1/completions", exchange -> answer(exchange, false));
    server.start();
  }

  void model(String id, boolean chat) {
    models.add(
        JsonNodeFactory.instance
            .objectNode()
            .put("id", id)
            .put("object", "model")
            .put("context_length", 2048)
            .put("chat", chat));
  }

  String address() {
    return "http://127.0.0.1:" + server.getAddress().getPort();
  }

  /** Another answer of the server's. */
  void on(String path, JsonNode body) {
    server.createContext(
        path,
        exchange -> {
          byte[] request = exchange.getRequestBody().readAllBytes();
          if (request.length > 0) {
            requests.add(JSON.readTree(request));
          }
          json(exchange, 200, body);
        });
  }

  private boolean refused(HttpExchange exchange) throws IOException {
    String given = exchange.getRequestHeaders().getFirst("Authorization");
    if (key.isEmpty() || ("Bearer " + key).equals(given)) {
      return false;
    }
    error(exchange, 401, "invalid_api_key", "the API key is wrong");
    return true;
  }

  private void json(HttpExchange exchange, int status, JsonNode body) throws IOException {
    if (status == 200 && refused(exchange)) {
      return;
    }
    byte[] bytes = body.toString().getBytes(StandardCharsets.UTF_8);
    exchange.getResponseHeaders().set("Content-Type", "application/json");
    exchange.sendResponseHeaders(status, bytes.length);
    exchange.getResponseBody().write(bytes);
    exchange.close();
  }

  private void error(HttpExchange exchange, int status, String code, String message)
      throws IOException {
    ObjectNode body = JsonNodeFactory.instance.objectNode();
    body.putObject("error").put("code", code).put("message", message);
    json(exchange, status, body);
  }

  private void answer(HttpExchange exchange, boolean chat) throws IOException {
    JsonNode request = JSON.readTree(exchange.getRequestBody());
    requests.add(request);
    if (refused(exchange)) {
      return;
    }
    if (request.path("messages").size() > mostMessages) {
      error(exchange, 400, "context_length_exceeded", "the prompt is too long for the context");
      return;
    }
    String asked =
        chat
            ? request.at("/messages/" + (request.path("messages").size() - 1) + "/content").asText()
            : request.path("prompt").asText();
    String model = request.path("model").asText();
    String answer = answers.getOrDefault(model + ": " + asked, answers.getOrDefault(asked, "?"));
    exchange.getResponseHeaders().set("Content-Type", "text/event-stream");
    exchange.sendResponseHeaders(200, 0);
    try (OutputStream out = exchange.getResponseBody()) {
      String[] words = answer.split("(?<= )|(?<=\n)", -1);
      for (int i = 0; i < words.length; i++) {
        if (asked.contains("slow")) {
          Thread.sleep(100);
        }
        ObjectNode chunk = chunk(words[i], chat, i);
        if (i == 0 && asked.contains("cite")) {
          chunk
              .putArray("citations")
              .addObject()
              .put("index", 1)
              .put("source", "farm/dogs.txt")
              .put("line", 7)
              .put("text", "Rex is the oldest dog.");
        }
        event(out, chunk);
      }
      ObjectNode end = JsonNodeFactory.instance.objectNode();
      boolean full = request.path("messages").size() > mostMessagesWithRoom;
      ObjectNode choice =
          end.putArray("choices").addObject().put("finish_reason", full ? "length" : "stop");
      if (chat) {
        choice.putObject("delta");
      } else {
        choice.put("text", "");
      }
      event(out, end);
      ObjectNode usage = JsonNodeFactory.instance.objectNode();
      usage.putArray("choices");
      usage.putObject("usage").put("completion_tokens", words.length);
      event(out, usage);
      out.write("data: [DONE]\n\n".getBytes(StandardCharsets.UTF_8));
    } catch (IOException e) {
      // The page stopped the answer.
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  private static void event(OutputStream out, JsonNode json) throws IOException {
    out.write(("data: " + json + "\n\n").getBytes(StandardCharsets.UTF_8));
    out.flush();
  }

  private static ObjectNode chunk(String word, boolean chat, int position) {
    double[] shares = {0.97, 0.6, 0.3, 0.1, 0.02};
    double logprob = Math.log(shares[position % shares.length]);
    ObjectNode chunk = JsonNodeFactory.instance.objectNode();
    ObjectNode choice = chunk.putArray("choices").addObject().putNull("finish_reason");
    if (chat) {
      choice.putObject("delta").put("content", word);
    } else {
      choice.put("text", word);
    }
    ArrayNode content = choice.putObject("logprobs").putArray("content");
    ArrayNode top =
        content.addObject().put("token", word).put("logprob", logprob).putArray("top_logprobs");
    top.addObject().put("token", word).put("logprob", logprob);
    top.addObject().put("token", " other").put("logprob", Math.log(0.02));
    return chunk;
  }

  @Override
  public void close() {
    server.stop(0);
    threads.shutdownNow();
  }
}
