package dev.firesteel.spark;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Measures training on executors; not among the tests. Runs take turns, so that what else the
 * machine does falls on all of them.
 *
 * <pre>{@code
 * ./mvnw -q -ntp -pl spark-jobs -am verify -Dtest=NONE -Dit.test=ClusterNumbers \
 *     -Dsurefire.failIfNoSpecifiedTests=false -Dfailsafe.failIfNoSpecifiedTests=false \
 *     -Dfiresteel.numbers.rounds=5 -Dfiresteel.numbers.out=cluster.md
 * }</pre>
 */
class ClusterNumbers {
  private static final int ROUNDS = Integer.getInteger("firesteel.numbers.rounds", 3);
  private static final Path OUT =
      Path.of(System.getProperty("firesteel.numbers.out", "target/cluster-numbers.md"));
  private static final Duration LIMIT = Duration.ofMinutes(10);

  /** Until the compiled code is what it stays. */
  private static final int WARM_UP_STEPS = 6;

  private static final int STEPS = 16;

  /** The 13.9M shape, in two slots of four sequences. */
  private static final List<String> SHAPE =
      List.of(
          "model.architecture=gpt2",
          "model.layers=6",
          "model.heads=6",
          "model.kv_heads=6",
          "model.width=384",
          "model.feed_forward_width=1536",
          "model.dropout=0",
          "model.context_length=256",
          "model.vocabulary_size=8192",
          "training.micro_batch_size=4",
          "training.global_batch_size=8",
          "training.steps=" + STEPS,
          "logging.every=1",
          "evaluation.every=0",
          "sample.max_tokens=0",
          "checkpoint.every=0");

  private static final List<String> SECURED =
      List.of(
          "--conf", "spark.authenticate=true",
          "--conf", "spark.authenticate.secret=of-the-benchmark",
          "--conf", "spark.network.crypto.enabled=true");

  @TempDir private static Path folder;

  @Test
  void measure() throws Exception {
    TinyTraining runs = TinyTraining.in(folder, STEPS);
    List<Double> one = new ArrayList<>();
    List<Double> two = new ArrayList<>();
    List<Double> bf16 = new ArrayList<>();
    List<Double> secured = new ArrayList<>();
    List<Double> seconds = new ArrayList<>();
    try (SparkCluster cluster = SparkCluster.start(2, 1600)) {
      for (int round = 0; round < ROUNDS; round++) {
        one.add(tokensPerSecond(cluster, runs, "one-" + round, 1, List.of(), List.of()));
        two.add(tokensPerSecond(cluster, runs, "two-" + round, 2, List.of(), List.of()));
        secured.add(tokensPerSecond(cluster, runs, "secured-" + round, 2, SECURED, List.of()));
        bf16.add(
            tokensPerSecond(
                cluster, runs, "bf16-" + round, 2, List.of(), List.of("cluster.wire=bf16")));
      }
      for (int round = 0; round < ROUNDS; round++) {
        seconds.add(secondsFromKillToTraining(cluster, runs, "kill-" + round));
      }
    }
    List<String> lines = new ArrayList<>();
    lines.add("| what | median | least to most | beside one 2-core executor, by rounds |");
    lines.add("|---|---|---|---|");
    lines.add(row("one executor of 2 cores, tokens/s", one, one));
    lines.add(row("two executors of 1 core, tokens/s", two, one));
    lines.add(row("two, Spark's AES encryption, tokens/s", secured, one));
    lines.add(row("two, bf16 gradients, tokens/s", bf16, one));
    lines.add(
        String.format(
            Locale.ROOT,
            "| SIGKILL of an executor to the next step, s | %.1f | %s | |",
            median(seconds),
            extremes(seconds, "%.1f")));
    Files.write(OUT, lines);
    System.out.println(String.join("\n", lines)); // What the command is for.
  }

  /** Median over the steps after the warm-up. */
  private static double tokensPerSecond(
      SparkCluster cluster,
      TinyTraining runs,
      String name,
      int executors,
      List<String> conf,
      List<String> overrides)
      throws Exception {
    List<String> options = new ArrayList<>();
    int cores = 2 / executors;
    options.addAll(
        List.of("--master", "local-cluster[%d,%d,%d]".formatted(executors, cores, 3000)));
    options.addAll(List.of("--executor-memory", "2g", "--executor-cores", "" + cores));
    options.addAll(List.of("--conf", "spark.executorEnv.OMP_NUM_THREADS=1"));
    options.addAll(conf);
    List<String> all = new ArrayList<>(SHAPE);
    all.addAll(overrides);
    SparkCluster.Outcome outcome =
        cluster.submit(options, runs.arguments(name, all.toArray(String[]::new)), LIMIT);
    assertThat(outcome.exitCode()).as(outcome.err()).isZero();
    if (executors > 1) {
      assertThat(outcome.out()).contains(executors + " trainers of ");
    }
    List<Double> steps = new ArrayList<>();
    for (String line :
        Files.readAllLines(folder.resolve("runs").resolve(name + "/metrics.jsonl"))) {
      JsonNode row = new ObjectMapper().readTree(line);
      if (row.get("step").asInt() > WARM_UP_STEPS) {
        steps.add(row.get("tokens_per_second").asDouble());
      }
    }
    return median(steps);
  }

  private static double secondsFromKillToTraining(
      SparkCluster cluster, TinyTraining runs, String name) throws Exception {
    Process driver =
        cluster.submitting(
            name,
            List.of("--executor-memory", "600m", "--executor-cores", "1"),
            runs.arguments(name, "logging.every=1", "training.steps=4000", "sample.max_tokens=0"));
    runs.awaitCheckpoints(name, driver);
    ProcessHandle executor =
        cluster.running().stream()
            .filter(each -> each.info().commandLine().orElse("").contains("CoarseGrainedExecutor"))
            .findFirst()
            .orElseThrow();
    Instant killed = Instant.now();
    executor.destroyForcibly();
    while (!trainsAgain(cluster.text(name + ".out"))) {
      assertThat(driver.isAlive()).as(cluster.text(name + ".err")).isTrue();
      assertThat(Instant.now()).isBefore(killed.plus(LIMIT));
      Thread.sleep(50);
    }
    double seconds = Duration.between(killed, Instant.now()).toMillis() / 1000.0;
    driver.destroy();
    driver.waitFor();
    return seconds;
  }

  private static boolean trainsAgain(String output) {
    int ended = output.indexOf("Attempt 1 ended");
    return ended >= 0 && output.indexOf("\nstep ", ended) >= 0;
  }

  private static String row(String what, List<Double> values, List<Double> base) {
    List<Double> ratios = new ArrayList<>();
    for (int i = 0; i < values.size(); i++) {
      ratios.add(values.get(i) / base.get(i));
    }
    return String.format(
        Locale.ROOT,
        "| %s | %.0f | %s | %.2f (%s) |",
        what,
        median(values),
        extremes(values, "%.0f"),
        median(ratios),
        extremes(ratios, "%.2f"));
  }

  private static String extremes(List<Double> values, String format) {
    return String.format(
        Locale.ROOT,
        format + " to " + format,
        values.stream().mapToDouble(Double::doubleValue).min().orElseThrow(),
        values.stream().mapToDouble(Double::doubleValue).max().orElseThrow());
  }

  private static double median(List<Double> values) {
    double[] sorted = values.stream().mapToDouble(Double::doubleValue).sorted().toArray();
    int middle = sorted.length / 2;
    return sorted.length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  }
}
