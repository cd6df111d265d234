package dev.firesteel.serve;

import dev.firesteel.generate.GenerationEngine;
import java.util.Map;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.atomic.LongAdder;

/**
 * What the server counts, and Prometheus's text format of it (version 0.0.4). The labels are paths
 * of routes, statuses and names of models: never anything that a client chooses, so that their
 * number is bounded. Thread-safe.
 */
final class ServerMetrics {
  private static final String REQUESTS = "firesteel_http_requests_total";
  private static final String DURATION = "firesteel_http_request_duration_seconds";
  private static final String ABORTED = "firesteel_requests_aborted_total";
  private static final String PROMPT_TOKENS = "firesteel_prompt_tokens_total";
  private static final String COMPLETION_TOKENS = "firesteel_completion_tokens_total";
  private static final String FIRST_TOKEN = "firesteel_time_to_first_token_seconds";
  private static final String PER_TOKEN = "firesteel_time_per_output_token_seconds";

  private final GenerationEngine engine;
  private final Map<String, LongAdder> requests = new ConcurrentSkipListMap<>();
  private final Map<String, Histogram> durations = new ConcurrentSkipListMap<>();
  private final Map<String, LongAdder> aborted = new ConcurrentSkipListMap<>();
  private final Map<String, LongAdder> promptTokens = new ConcurrentSkipListMap<>();
  private final Map<String, LongAdder> completionTokens = new ConcurrentSkipListMap<>();
  private final Map<String, Histogram> firstToken = new ConcurrentSkipListMap<>();
  private final Map<String, Histogram> perToken = new ConcurrentSkipListMap<>();

  ServerMetrics(GenerationEngine engine) {
    this.engine = engine;
  }

  private static String label(String name, String value) {
    return name
        + "=\""
        + value.replace("\\", "\\\\").replace("\"", "\\\"").replace("\n", "\\n")
        + "\"";
  }

  private static void add(Map<String, LongAdder> to, String labels, long count) {
    to.computeIfAbsent(labels, key -> new LongAdder()).add(count);
  }

  private static void observe(Map<String, Histogram> to, String labels, double seconds) {
    to.computeIfAbsent(labels, key -> new Histogram()).observe(seconds);
  }

  /** A request that was answered. */
  void answered(String path, int status, double seconds) {
    add(requests, label("path", path) + "," + label("status", Integer.toString(status)), 1);
    observe(durations, label("path", path), seconds);
  }

  /** A request that was given up: {@code client} (it left) or {@code timeout}. */
  void aborted(String reason) {
    add(aborted, label("reason", reason), 1);
  }

  /** Tokens that a request brought. */
  void promptTokens(String model, long count) {
    add(promptTokens, label("model", model), count);
  }

  /** A generated token. */
  void token(String model) {
    add(completionTokens, label("model", model), 1);
  }

  /** The first token of an answer, after its request arrived. */
  void firstToken(String model, double seconds) {
    observe(firstToken, label("model", model), seconds);
  }

  /** A further token of a completion, after the one before. */
  void nextToken(String model, double seconds) {
    observe(perToken, label("model", model), seconds);
  }

  /** All of it. */
  String text() {
    StringBuilder out = new StringBuilder();
    counters(out, REQUESTS, "Requests by path and status.", requests);
    histograms(out, DURATION, "From a request's arrival to the end of its answer.", durations);
    counters(out, ABORTED, "Requests given up, because the client left or by timeout.", aborted);
    gauge(out, "firesteel_queue_length", "Completions that wait for a row.", engine.waiting());
    gauge(out, "firesteel_active_completions", "Completions being decoded.", engine.active());
    counters(out, PROMPT_TOKENS, "Tokens of prompts and embedded texts.", promptTokens);
    counters(out, COMPLETION_TOKENS, "Generated tokens.", completionTokens);
    histograms(out, FIRST_TOKEN, "From a request's arrival to its first token.", firstToken);
    histograms(out, PER_TOKEN, "Between two tokens of a completion.", perToken);
    Runtime memory = Runtime.getRuntime();
    gauge(
        out,
        "firesteel_heap_used_bytes",
        "Heap in use, garbage included.",
        memory.totalMemory() - memory.freeMemory());
    return out.toString();
  }

  private static void header(StringBuilder out, String name, String help, String type) {
    out.append("# HELP ").append(name).append(' ').append(help).append('\n');
    out.append("# TYPE ").append(name).append(' ').append(type).append('\n');
  }

  private static void counters(
      StringBuilder out, String name, String help, Map<String, LongAdder> values) {
    header(out, name, help, "counter");
    values.forEach(
        (labels, count) ->
            out.append(name)
                .append('{')
                .append(labels)
                .append("} ")
                .append(count.sum())
                .append('\n'));
  }

  private static void gauge(StringBuilder out, String name, String help, long value) {
    header(out, name, help, "gauge");
    out.append(name).append(' ').append(value).append('\n');
  }

  private static void histograms(
      StringBuilder out, String name, String help, Map<String, Histogram> values) {
    header(out, name, help, "histogram");
    values.forEach((labels, histogram) -> histogram.write(out, name, labels));
  }
}
