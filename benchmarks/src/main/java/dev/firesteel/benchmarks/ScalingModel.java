package dev.firesteel.benchmarks;

import dev.firesteel.benchmarks.CollectiveCost.Algorithm;
import dev.firesteel.benchmarks.DataParallelStep.Work;
import dev.firesteel.optim.GradientExchange;
import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * What a training step would take on many executors, which nobody here has: {@link
 * DataParallelStep} by {@link CollectiveCost}, with the processor's part measured by {@link
 * CollectiveCalibration} and the network's part assumed. Prints predictions for two and four ranks
 * on the loopback device beside measurements, step times and efficiencies, and from where a ring or
 * a hierarchical sum beats halving.
 *
 * <pre>{@code
 * ./mvnw -q -Pscaling -pl benchmarks -am verify -DskipTests -Dbenchmark="out=scaling.md chart=scaling.png"
 * }</pre>
 *
 * <p>Settings, all optional: {@code executors=8,64,512}, {@code gbits=10,25,100} of a host's port,
 * {@code parameters=10M,100M,1B}, {@code gflops=196,3136} that an executor sustains, {@code
 * tokens=524288} of the global batch, {@code slot=1024} tokens of one pass, {@code latency=20}
 * microseconds one way between hosts, {@code perHost=1,8} executors, {@code rack=16} hosts, {@code
 * oversubscription=1,4} of their uplink, {@code memory=27} GB/s of a host, {@code streams=1,4}
 * threads that share the work of a rank's exchanges (Firesteel has one), {@code rounds=40} of the
 * calibration, {@code out=FILE}, {@code chart=FILE.png}. Step times are for the first of {@code
 * perHost} and of {@code oversubscription}.
 */
final class ScalingModel {
  private static final Map<String, String> DEFAULTS =
      Map.ofEntries(
          Map.entry("executors", "8,64,512"),
          Map.entry("gbits", "10,25,100"),
          Map.entry("parameters", "10M,100M,1B"),
          Map.entry("gflops", "196,3136"),
          Map.entry("tokens", "524288"),
          Map.entry("slot", "1024"),
          Map.entry("latency", "20"),
          Map.entry("perHost", "1,8"),
          Map.entry("rack", "16"),
          Map.entry("oversubscription", "1,4"),
          Map.entry("memory", "27"),
          Map.entry("streams", "1,4"),
          Map.entry("rounds", "40"),
          Map.entry("out", ""),
          Map.entry("chart", ""));

  private static final long BUCKET_BYTES = (long) GradientExchange.BUCKET_ELEMENTS * Float.BYTES;
  private static final long LEAST_BYTES = 1 << 10;
  private static final long MOST_BYTES = 1L << 34;

  private final Settings settings;
  private final HostCost host;
  private final Report report;

  private ScalingModel(Settings settings, HostCost host, Report report) {
    this.settings = settings;
    this.host = host;
    this.report = report;
  }

  public static void main(String[] args) throws IOException {
    Settings settings = Settings.of(DEFAULTS, args);
    Report report = new Report();
    report.line("%s%n", Machine.describe());
    CollectiveCalibration calibration = new CollectiveCalibration(settings.number("rounds"));
    calibration.report(report);
    ScalingModel model = new ScalingModel(settings, calibration.host(), report);
    model.stepTimes();
    model.algorithms();
    report.save(settings.text("out"));
    if (!settings.text("chart").isEmpty()) {
      model.chart().save(settings.text("chart"));
    }
  }

  private void stepTimes() {
    for (int gflops : settings.numbers("gflops")) {
      for (int streams : settings.numbers("streams")) {
        stepTimes(gflops, streams);
      }
    }
  }

  private void stepTimes(int gflops, int streams) {
    report.line(
        "%nExecutors that sustain %d GFLOP/s, %d of their threads exchange, %s tokens a step, passes of %s tokens, %s"
            + " microseconds between hosts, halving:%n",
        gflops, streams, settings.text("tokens"), settings.text("slot"), settings.text("latency"));
    int[] gbits = settings.numbers("gbits");
    StringBuilder header =
        new StringBuilder("| parameters | executors | tokens of one | compute, s |");
    for (int each : gbits) {
      header.append(" %d Gb/s: step, s | efficiency |".formatted(each));
    }
    report.line("%s", header);
    report.line("|---|---|---|---|%s", "---|---|".repeat(gbits.length));
    for (String parameters : settings.list("parameters")) {
      for (int executors : settings.numbers("executors")) {
        stepTimes(parameters, executors, gflops, streams);
      }
    }
  }

  private void stepTimes(String parameters, int executors, int gflops, int streams) {
    Work work = work(parameters, executors, gflops);
    StringBuilder row = new StringBuilder();
    for (int gbits : settings.numbers("gbits")) {
      DataParallelStep step = step(work, executors, gbits, streams);
      row.append(
          String.format(Locale.ROOT, " %.3g | %.1f %% |", step.seconds(), 100 * step.efficiency()));
    }
    report.line(
        "| %s | %d | %d | %.3g |%s",
        parameters, executors, work.tokens(), work.computeSeconds(), row);
  }

  private Work work(String parameters, int executors, int gflops) {
    return new Work(
        count(parameters),
        settings.number("tokens") / executors,
        settings.number("slot"),
        1e9 * gflops);
  }

  private DataParallelStep step(Work work, int executors, int gbits, int streams) {
    Network network =
        network(gbits, settings.numbers("perHost")[0], settings.numbers("oversubscription")[0]);
    HostCost shared = host.shared(1.0 / streams);
    return DataParallelStep.of(work, cost(Algorithm.HALVING, shared, network, executors));
  }

  private Network network(int gbits, int perHost, int oversubscription) {
    double latency = 1e-6 * settings.number("latency");
    return Network.ofGbits(latency, gbits, perHost, settings.number("rack"), oversubscription);
  }

  private CollectiveCost cost(
      Algorithm algorithm, HostCost ofRank, Network network, int executors) {
    double memory = 1e-9 / settings.number("memory");
    return new CollectiveCost(algorithm, ofRank, network, memory, executors);
  }

  /** {@code 10M}, {@code 1B}. */
  private static long count(String text) {
    long unit =
        switch (text.charAt(text.length() - 1)) {
          case 'M' -> 1_000_000L;
          case 'B' -> 1_000_000_000L;
          default -> throw new IllegalArgumentException("parameters end in M or B, got " + text);
        };
    return Long.parseLong(text.substring(0, text.length() - 1)) * unit;
  }

  private void algorithms() {
    report.line(
        "%nSum and gathering of one bucket of 25 MiB, ms, and the size from which another way than halving is faster (up to 16 GiB); racks of %s hosts:%n",
        settings.text("rack"));
    report.line(
        "| executors | of one host | Gb/s | oversubscription | halving | ring | hierarchical | ring faster from | hierarchical faster from |");
    report.line("|---|---|---|---|---|---|---|---|---|");
    for (int executors : settings.numbers("executors")) {
      for (int perHost : settings.numbers("perHost")) {
        for (int gbits : settings.numbers("gbits")) {
          for (int oversubscription : settings.numbers("oversubscription")) {
            algorithms(executors, perHost, gbits, oversubscription);
          }
        }
      }
    }
  }

  private void algorithms(int executors, int perHost, int gbits, int oversubscription) {
    if (executors <= perHost
        || (oversubscription > 1 && executors <= perHost * settings.number("rack"))) {
      return; // No network, or no uplink, takes part.
    }
    Network network = network(gbits, perHost, oversubscription);
    CollectiveCost halving = cost(Algorithm.HALVING, host, network, executors);
    CollectiveCost ring = cost(Algorithm.RING, host, network, executors);
    CollectiveCost hierarchical = cost(Algorithm.HIERARCHICAL, host, network, executors);
    report.line(
        "| %d | %d | %d | %d | %.1f | %.1f | %.1f | %s | %s |",
        executors,
        perHost,
        gbits,
        oversubscription,
        1e3 * halving.allReduce(BUCKET_BYTES),
        1e3 * ring.allReduce(BUCKET_BYTES),
        1e3 * hierarchical.allReduce(BUCKET_BYTES),
        fasterFrom(ring, halving),
        fasterFrom(hierarchical, halving));
  }

  /** The least size, to a factor of two, from which on {@code other} is faster. */
  private static String fasterFrom(CollectiveCost other, CollectiveCost halving) {
    long from = 0;
    for (long bytes = MOST_BYTES; bytes >= LEAST_BYTES; bytes /= 2) {
      if (other.allReduce(bytes) >= 0.999 * halving.allReduce(bytes)) {
        break;
      }
      from = bytes;
    }
    if (from == 0) {
      return "never";
    }
    return from >= 1 << 20 ? (from >> 20) + " MiB" : (from >> 10) + " KiB";
  }

  private EfficiencyChart chart() {
    int gflops = settings.numbers("gflops")[settings.numbers("gflops").length - 1];
    int streams = settings.numbers("streams")[0];
    EfficiencyChart chart =
        new EfficiencyChart(
            "%s tokens a step, executors of %d GFLOP/s, %d threads exchange"
                .formatted(settings.text("tokens"), gflops, streams));
    List<Integer> executors = Arrays.stream(settings.numbers("executors")).boxed().toList();
    for (String parameters : settings.list("parameters")) {
      for (int gbits : settings.numbers("gbits")) {
        List<Double> efficiencies =
            executors.stream()
                .map(
                    each -> step(work(parameters, each, gflops), each, gbits, streams).efficiency())
                .toList();
        chart.add("%s, %d Gb/s".formatted(parameters, gbits), executors, efficiencies);
      }
    }
    return chart;
  }
}
