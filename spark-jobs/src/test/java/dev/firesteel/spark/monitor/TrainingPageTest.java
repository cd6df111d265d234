package dev.firesteel.spark.monitor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.firesteel.metrics.Measures;
import dev.firesteel.metrics.Metric;
import dev.firesteel.metrics.Unit;
import dev.firesteel.spark.rpc.TrainingPlugin;
import dev.firesteel.spark.session.SparkSessions;
import dev.firesteel.train.RankStep;
import dev.firesteel.train.TrainingEvent;
import dev.firesteel.train.TrainingListener;
import java.io.File;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The tab of Spark's UI and the metrics system, as a browser and Prometheus see them: an embedded
 * session with the UI on, to which a run's events came through the plugin.
 */
public class TrainingPageTest {
  private static final Duration LIMIT = Duration.ofSeconds(60);
  private static final String PROMETHEUS = "spark.metrics.conf.*.sink.prometheusServlet.";

  private static final HttpClient HTTP = HttpClient.newHttpClient();
  private static SparkSessions.OpenSession spark;
  private static String url;

  @BeforeAll
  static void showARun() throws Exception {
    spark =
        SparkSessions.open(
            "page",
            Map.of(
                "spark.ui.enabled",
                "true",
                "spark.ui.port",
                "0",
                "spark.metrics.namespace",
                "firesteel",
                PROMETHEUS + "class",
                "org.apache.spark.metrics.sink.PrometheusServlet",
                PROMETHEUS + "path",
                "/metrics/prometheus"));
    url = TrainingPlugin.driver().pageUrl().orElseThrow();
    assertThat(get("")).contains("No training has started in this application.");
    RunStatus status = TrainingPlugin.driver().status();
    TrainingListener events = TrainingPlugin::send;
    status.attemptStarted(1, 2);
    status.rankReported(new RankReport("0", rank(0, "node-0", 100, 130, 40, 30)));
    status.rankReported(new RankReport("1", rank(1, "node-1", 100, 130, 25, 5)));
    status.attemptEnded(150, "rank 1 on node-1 was lost: <connection reset>");
    status.attemptStarted(2, 2);
    events.onEvent(
        new TrainingEvent.Started(RunStatusTest.plan("<script>alert('x')</script>", 0, 2000)));
    for (int step = 10; step <= 800; step += 10) {
      double loss = 2 + 5 * Math.exp(-step / 200.0) + 0.05 * Math.sin(step);
      events.onEvent(RunStatusTest.step(step, loss, 40_000 + 1000 * Math.sin(step / 30.0)));
      if (step % 100 == 0) {
        events.onEvent(RunStatusTest.evaluated(step, loss + 0.1, 1.25));
        events.onEvent(
            new TrainingEvent.CheckpointCommitted(step, "file:/runs/one/checkpoints/step-" + step));
      }
      TrainingPlugin.sendRankStep(rank(0, "node-0", step, 130, 40, 30));
      TrainingPlugin.sendRankStep(rank(1, "node-2", step, 130, 25, 5));
    }
    Metric reward = Metric.of("reward", "reward", Unit.NONE);
    events.onEvent(new TrainingEvent.Evaluated(750, Measures.of(reward, -1.5)));
    events.notice("An unfinished checkpoint <file:/runs/one/checkpoints/step-750> is ignored");
    awaitReports(status, 800);
  }

  @AfterAll
  static void close() {
    if (spark != null) {
      spark.close();
    }
  }

  @Test
  void thePageShowsTheRun() throws Exception {
    String page = get("");

    assertThat(page)
        .contains("step 800 of 2,000 (40.0 %)", "&middot; 40", " tokens/s &middot;", " left")
        .contains("fill: none; stroke: var(", "fill: none; stroke: #d6600a")
        .containsSubsequence(
            "aria-label=\"Loss over", "Reward over", "Garbage collection per step over")
        .contains("<td>Loss</td>", " nats per token</td>", " nats per token, perplexity 9.")
        .contains("<td>Reward</td><td>-1.500, at step 750</td>")
        .contains("<td>/runs/one/checkpoints/step-800</td>")
        .contains("<td>Allocated per step</td><td>2 KiB</td>")
        .contains("<td>Garbage collection per step</td><td>1.5 ms</td>");
    assertThat(row(page, "<td>0</td><td>node-0</td>"))
        .contains("<td>130.0</td><td>100.0</td><td>40.0</td><td>30.0</td><td>25 %</td>")
        .contains("<td>0.5</td><td>4 KiB</td><td>100.0 MiB</td>")
        .doesNotContain("straggler");
    assertThat(row(page, "<td>1</td><td>node-2</td>"))
        .contains("table-warning", "<td>80 %</td>", "<td>1.25 straggler</td>");
    assertThat(row(page, "<td>1</td><td>2</td><td>node-0, node-1</td>"))
        .contains("rank 1 on node-1 was lost: &lt;connection reset&gt;");
    assertThat(row(page, "<td>2</td><td>2</td><td>node-0, node-2</td>")).contains("running");
  }

  @Test
  void valuesCannotBecomeMarkup() throws Exception {
    assertThat(get(""))
        .contains("&lt;script&gt;alert(")
        .contains("&lt;/runs/one/checkpoints/step-750&gt; is ignored")
        .doesNotContain("<script>alert", "<connection reset>");
  }

  @Test
  void sparksOwnPagesLeadToIt() throws Exception {
    assertThat(fetch(url.replace("/firesteel/", "/environment/")))
        .contains("href=\"/firesteel/\">Firesteel</a>");
  }

  @Test
  void toolsGetJson() throws Exception {
    JsonNode json = new ObjectMapper().readTree(get("json/"));

    assertThat(json.at("/now/step").asLong()).isEqualTo(800);
    assertThat(json.at("/now/metrics/reward").asDouble()).isEqualTo(-1.5);
    assertThat(json.at("/series/0/key").asText()).isEqualTo("loss");
    assertThat(json.at("/series/0/points").size()).isEqualTo(80);
    assertThat(json.at("/series/7/key").asText()).isEqualTo("val_loss");
    assertThat(json.at("/series/7/points").size()).isEqualTo(8);
    assertThat(json.at("/ranks/1/straggler").asBoolean()).isTrue();
    assertThat(json.at("/attempts").size()).isEqualTo(2);
  }

  @Test
  void prometheusScrapesTheRunAndItsRanks() throws Exception {
    String metrics = fetch(url.replace("/firesteel/", "/metrics/prometheus/"));

    assertThat(gauge(metrics, "run_step")).isEqualTo(800);
    assertThat(gauge(metrics, "run_loss"))
        .isEqualTo(TrainingPlugin.driver().status().numbers().metric("loss"));
    assertThat(gauge(metrics, "run_tokens_per_second")).isBetween(39_000.0, 41_000.0);
    assertThat(gauge(metrics, "run_allocated_bytes_per_step")).isEqualTo(2048);
    assertThat(gauge(metrics, "run_gc_ms")).isEqualTo(1.5);
    assertThat(gauge(metrics, "run_reward")).isEqualTo(-1.5);
    assertThat(gauge(metrics, "run_attempt")).isEqualTo(2);
    assertThat(gauge(metrics, "run_world_size")).isEqualTo(2);
    assertThat(gauge(metrics, "run_checkpoint_step")).isEqualTo(800);
    assertThat(gauge(metrics, "run_stragglers")).isEqualTo(1);
    assertThat(gauge(metrics, "ranks_0_compute_millis")).isEqualTo(100);
    assertThat(gauge(metrics, "ranks_1_wait_millis")).isEqualTo(5);
    assertThat(gauge(metrics, "ranks_1_overlap_share")).isEqualTo(0.8);
    assertThat(gauge(metrics, "ranks_1_straggler")).isEqualTo(1);
  }

  @Test
  void aBrowserShowsItAndItsScriptMayRun(@TempDir Path folder) throws Exception {
    Optional<String> browser = browser();
    assumeThat(browser).as("Chromium or Chrome on the PATH, to look at the page").isPresent();

    // Virtual time goes on past the page's refreshes at once.
    Path page = folder.resolve("page.html");
    Path log = folder.resolve("log");
    Path requests = folder.resolve("requests");
    Process process =
        new ProcessBuilder(
                browser.orElseThrow(),
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--enable-logging=stderr",
                "--user-data-dir=" + folder.resolve("profile"),
                "--log-net-log=" + requests,
                "--virtual-time-budget=12000",
                "--dump-dom",
                url)
            .redirectOutput(page.toFile())
            .redirectError(log.toFile())
            .start();
    try {
      assertThat(process.waitFor(LIMIT.toSeconds(), TimeUnit.SECONDS)).as("ended").isTrue();
    } finally {
      process.descendants().forEach(ProcessHandle::destroyForcibly);
      process.destroyForcibly().waitFor();
    }

    assertThat(Files.readString(log)).doesNotContain("Content Security Policy", "CONSOLE");
    assertThat(Files.readString(page))
        .contains("<polyline", "step 800 of 2,000", "1.25 straggler")
        // A refresh that fails says so here.
        .containsPattern("id=\"firesteel-taken\"[^>]*>As of ");
    assertThat(Files.readAllLines(requests))
        .as("a refresh: the page asked for by its script")
        .anyMatch(line -> line.contains("GET /firesteel/ ") && line.contains("Dest: empty"));
  }

  private static RankStep rank(
      int rank, String host, long step, double millis, double communication, double waited) {
    return new RankStep(rank, host, step, millis, communication, waited, 100, 0.5, 4096, 100 << 20);
  }

  /** Reports are not waited for by who sends them. */
  private static void awaitReports(RunStatus status, long step) throws InterruptedException {
    Instant limit = Instant.now().plus(LIMIT);
    for (int rank = 0; rank < 2; rank++) {
      while (status.rank(rank).filter(state -> state.step() == step).isEmpty()) {
        assertThat(Instant.now()).as("report of rank %d", rank).isBefore(limit);
        Thread.sleep(10);
      }
    }
  }

  /** The row of a table that holds these cells. */
  private static String row(String page, String cells) {
    return page.lines()
        .filter(line -> line.startsWith("<tr") && line.contains(cells))
        .findFirst()
        .orElseThrow(() -> new AssertionError("no row has " + cells + ":\n" + page));
  }

  private static double gauge(String metrics, String name) {
    Matcher line =
        Pattern.compile(
                "^metrics_firesteel_driver_plugin_dev_firesteel_spark_rpc_TrainingPlugin_"
                    + name
                    + "_Value\\{type=\"gauges\"} (\\S+)$",
                Pattern.MULTILINE)
            .matcher(metrics);
    assertThat(line.find()).as("%s in\n%s", name, metrics).isTrue();
    return Double.parseDouble(line.group(1));
  }

  private static String get(String path) throws IOException, InterruptedException {
    return fetch(url + path);
  }

  /** What a page of Spark's UI answers. */
  public static String fetch(String address) throws IOException, InterruptedException {
    var request = HttpRequest.newBuilder(URI.create(address)).timeout(LIMIT).build();
    var response = HTTP.send(request, BodyHandlers.ofString());
    assertThat(response.statusCode()).as(response.body()).isEqualTo(200);
    return response.body();
  }

  private static Optional<String> browser() {
    return Stream.of(System.getenv("PATH").split(File.pathSeparator))
        .flatMap(
            folder ->
                Stream.of("chromium", "chromium-browser", "google-chrome")
                    .map(name -> Path.of(folder, name)))
        .filter(Files::isExecutable)
        .map(Path::toString)
        .findFirst();
  }
}
