package dev.firesteel.benchmarks;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.firesteel.random.RandomStream;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.LongAdder;
import java.util.stream.Stream;

/**
 * Many streams at once against a running server: whether any is lost, whether greedy answers stay
 * the same among any others, and whether the server's memory grows. One in ten clients leaves in
 * the middle. Start the server in another terminal:
 *
 * <pre>{@code
 * ./firesteel serve MODEL --port 8099
 * ./mvnw -q -Pprofile -pl benchmarks -am verify -DskipTests -Dmain=ServeLoad \
 *     -Dbenchmark="url=http://127.0.0.1:8099 pid=PID streams=64 seconds=300"
 * }</pre>
 */
public final class ServeLoad {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final int PROMPTS = 8;

  private final Settings settings;
  private final String url;
  private final HttpClient client =
      HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
  private final String model;
  private final LongAdder complete = new LongAdder();
  private final LongAdder left = new LongAdder();
  private final LongAdder tokens = new LongAdder();
  private final Map<String, LongAdder> lost = new ConcurrentHashMap<>();
  private final Map<String, String> greedy = new ConcurrentHashMap<>();
  private final LongAdder greedyRepeats = new LongAdder();
  private volatile boolean over;

  private ServeLoad(Settings settings) throws IOException, InterruptedException {
    this.settings = settings;
    url = settings.text("url");
    model =
        settings.text("model").isEmpty()
            ? JSON.readTree(get("/v1/models")).path("data").path(0).path("id").asText()
            : settings.text("model");
  }

  /** Runs the load, and prints a report. */
  public static void main(String[] args) throws Exception {
    new ServeLoad(
            Settings.of(
                Map.of(
                    "url", "http://127.0.0.1:8080",
                    "pid", "",
                    "model", "",
                    "streams", "64",
                    "seconds", "300",
                    "out", ""),
                args))
        .run();
  }

  private String get(String path) throws IOException, InterruptedException {
    return client
        .send(
            HttpRequest.newBuilder(URI.create(url + path)).build(),
            HttpResponse.BodyHandlers.ofString(StandardCharsets.UTF_8))
        .body();
  }

  private void run() throws Exception {
    Report report = new Report();
    report.line("%s", Machine.describe());
    int streams = settings.number("streams");
    int seconds = settings.number("seconds");
    List<Thread> threads = new ArrayList<>();
    for (int i = 0; i < streams; i++) {
      int stream = i;
      Thread thread = new Thread(() -> stream(stream), "stream-" + i);
      thread.setDaemon(true);
      thread.start();
      threads.add(thread);
    }
    report.line("");
    report.line("| after | answers | tokens | lost | heap, least of 20 s | resident |");
    report.line("|--:|--:|--:|--:|--:|--:|");
    long began = System.nanoTime();
    int parts = Math.max(1, seconds / 20);
    for (int part = 1; part <= parts; part++) {
      double leastHeap = Double.MAX_VALUE;
      while (elapsed(began) < seconds * (double) part / parts) {
        Thread.sleep(500);
        leastHeap = Math.min(leastHeap, heapMegabytes());
      }
      report.line(
          "| %.0f s | %d | %d | %d | %.0f MB | %s |",
          elapsed(began), complete.sum(), tokens.sum(), lost(), leastHeap, resident());
    }
    over = true;
    for (Thread thread : threads) {
      thread.join(Duration.ofMinutes(2).toMillis());
    }
    report.line("");
    report.line(
        "%d streams for %d s: %d answers complete, %d left by their clients, %d lost%s; %d greedy"
            + " answers compared with the first to the same prompt; %.0f tokens/s.",
        streams,
        seconds,
        complete.sum(),
        left.sum(),
        lost(),
        lost.isEmpty() ? "" : " " + lost,
        greedyRepeats.sum(),
        tokens.sum() / elapsed(began));
    Thread.sleep(1000);
    report.line("Afterwards: %s.", gauges());
    report.save(settings.text("out"));
    System.exit(lost() == 0 ? 0 : 1);
  }

  private static double elapsed(long began) {
    return (System.nanoTime() - began) * 1e-9;
  }

  private long lost() {
    return lost.values().stream().mapToLong(LongAdder::sum).sum();
  }

  private double heapMegabytes() throws IOException, InterruptedException {
    return metric("firesteel_heap_used_bytes") / 1e6;
  }

  private String gauges() throws IOException, InterruptedException {
    return String.format(
        Locale.ROOT,
        "%.0f completions active, %.0f waiting",
        metric("firesteel_active_completions"),
        metric("firesteel_queue_length"));
  }

  private double metric(String name) throws IOException, InterruptedException {
    return get("/metrics")
        .lines()
        .filter(line -> line.startsWith(name + " "))
        .mapToDouble(line -> Double.parseDouble(line.substring(name.length() + 1)))
        .findFirst()
        .orElseThrow();
  }

  private String resident() throws IOException {
    String pid = settings.text("pid");
    if (pid.isEmpty()) {
      return "?";
    }
    try (Stream<String> lines = Files.lines(Path.of("/proc", pid, "status"))) {
      return lines
          .filter(line -> line.startsWith("VmRSS:"))
          .map(line -> Long.parseLong(line.replaceAll("\\D", "")) / 1024 + " MB")
          .findFirst()
          .orElse("?");
    }
  }

  private void stream(int stream) {
    for (long i = 0; !over; i++) {
      RandomStream random = RandomStream.of(1, "load", stream, i);
      try {
        request(random);
      } catch (IOException | RuntimeException e) {
        lose(e.toString());
      } catch (InterruptedException e) {
        return;
      }
    }
  }

  private void request(RandomStream random) throws IOException, InterruptedException {
    boolean isGreedy = random.nextInt(3) == 0;
    boolean leaves = random.nextInt(10) == 0;
    String prompt = "Once upon a time, number " + random.nextInt(PROMPTS);
    int most = isGreedy ? 60 : 10 + random.nextInt(90);
    String body =
        JSON.createObjectNode()
            .put("model", model)
            .put("prompt", prompt)
            .put("max_tokens", most)
            .put("temperature", isGreedy ? 0 : 1)
            .put("stream", true)
            .toString();
    HttpResponse<Stream<String>> response =
        client.send(
            HttpRequest.newBuilder(URI.create(url + "/v1/completions"))
                .header("Content-Type", "application/json")
                .timeout(Duration.ofMinutes(3))
                .POST(HttpRequest.BodyPublishers.ofString(body))
                .build(),
            HttpResponse.BodyHandlers.ofLines());
    try (Stream<String> lines = response.body()) {
      if (response.statusCode() != 200) {
        lose("status " + response.statusCode());
        return;
      }
      read(lines.iterator(), leaves ? 1 + random.nextInt(5) : Integer.MAX_VALUE, isGreedy, prompt);
    }
  }

  private void read(Iterator<String> lines, int most, boolean isGreedy, String prompt)
      throws IOException {
    StringBuilder text = new StringBuilder();
    String reason = "";
    for (int events = 0; events < most; ) {
      if (!lines.hasNext()) {
        lose("broken off");
        return;
      }
      String line = lines.next();
      if (line.isEmpty()) {
        continue;
      }
      if (line.equals("data: [DONE]")) {
        end(text.toString(), reason, isGreedy, prompt);
        return;
      }
      JsonNode event = JSON.readTree(line.substring("data: ".length()));
      if (event.has("error")) {
        lose("error " + event.path("error").path("code").asText());
        return;
      }
      JsonNode choice = event.path("choices").path(0);
      text.append(choice.path("text").asText());
      reason = choice.path("finish_reason").asText("");
      tokens.increment();
      events++;
    }
    left.increment();
  }

  private void end(String text, String reason, boolean isGreedy, String prompt) {
    if (!reason.equals("stop") && !reason.equals("length")) {
      lose("no reason");
      return;
    }
    if (isGreedy) {
      String first = greedy.putIfAbsent(prompt, text);
      if (first != null) {
        greedyRepeats.increment();
        if (!first.equals(text)) {
          lose("another greedy answer");
          return;
        }
      }
    }
    complete.increment();
  }

  private void lose(String why) {
    lost.computeIfAbsent(why, key -> new LongAdder()).increment();
  }
}
