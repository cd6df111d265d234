package dev.firesteel.benchmarks;

import dev.firesteel.benchmarks.CollectiveCost.Algorithm;
import dev.firesteel.collective.Shard;
import dev.firesteel.collective.Transfer;
import dev.firesteel.optim.GradientExchange;
import java.io.IOException;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/**
 * Finds a {@link HostCost} from the real collective between two ranks over the loopback device, and
 * compares what {@link CollectiveCost} makes of it with what two and four ranks take for other
 * calls. The least time of all rounds counts, since other work on the machine only adds to it.
 */
final class CollectiveCalibration {
  /** Calls in a row, none of which is waited for before the last began. */
  private static final int PIPELINED = 64;

  private static final int BUCKET = GradientExchange.BUCKET_ELEMENTS;
  private static final int SMALLER = 80 * Shard.ALIGNMENT;

  private final int rounds;
  private final Map<Call, Times> two = new EnumMap<>(Call.class);
  private final Map<Call, Times> four = new EnumMap<>(Call.class);

  /** What is measured. */
  private enum Call {
    BARRIER("one barrier", 0),
    PIPELINED_GATHERS("an all-gather of nothing, of " + PIPELINED + " in a row", 0),
    GATHER("all-gather of 25 MiB", BUCKET),
    REDUCE("reduce-scatter of 25 MiB", BUCKET),
    SMALLER_GATHER("all-gather of 5 MiB", SMALLER),
    SMALLER_REDUCE("reduce-scatter of 5 MiB", SMALLER);

    private final String label;
    private final int elements;

    Call(String label, int elements) {
      this.label = label;
      this.elements = elements;
    }

    private double seconds(LoopbackRanks ranks, float[][] arrays) {
      return switch (this) {
        case BARRIER -> ranks.seconds(arrays, (collective, array) -> collective.barrier());
        case PIPELINED_GATHERS ->
            ranks.seconds(
                    arrays,
                    (collective, array) -> {
                      List<Transfer> transfers = new ArrayList<>();
                      for (int i = 0; i < PIPELINED; i++) {
                        transfers.add(collective.allGather(array, 0, 0));
                      }
                      transfers.forEach(Transfer::await);
                    })
                / PIPELINED;
        case GATHER, SMALLER_GATHER ->
            ranks.seconds(
                arrays, (collective, array) -> collective.allGather(array, 0, elements).await());
        case REDUCE, SMALLER_REDUCE ->
            ranks.seconds(
                arrays,
                (collective, array) -> collective.reduceScatter(array, 0, elements).await());
      };
    }

    private double predicted(CollectiveCost cost, double callSeconds) {
      long bytes = (long) elements * Float.BYTES;
      return switch (this) {
        case BARRIER -> cost.small();
        case PIPELINED_GATHERS -> cost.allGather(0);
        case GATHER, SMALLER_GATHER -> callSeconds + cost.allGather(bytes);
        case REDUCE, SMALLER_REDUCE -> callSeconds + cost.reduceScatter(bytes);
      };
    }

    /** Whether the cost was found from it, between two ranks. */
    private boolean isFitted() {
      return this != SMALLER_GATHER && this != SMALLER_REDUCE;
    }
  }

  /** Seconds of all rounds. */
  private static final class Times {
    private final List<Double> seconds = new ArrayList<>();

    private double least() {
      return seconds.stream().min(Double::compare).orElseThrow();
    }
  }

  /** Measures in {@code rounds} turns, after as many that do not count. */
  CollectiveCalibration(int rounds) throws IOException {
    this.rounds = rounds;
    float[][] arrays = new float[4][BUCKET];
    try (LoopbackRanks pair = new LoopbackRanks(2);
        LoopbackRanks quartet = new LoopbackRanks(4)) {
      for (int round = -rounds; round < rounds; round++) {
        measure(pair, arrays, round >= 0, two);
        measure(quartet, arrays, round >= 0, four);
      }
    }
  }

  private static void measure(
      LoopbackRanks ranks, float[][] arrays, boolean counts, Map<Call, Times> into) {
    for (Call call : Call.values()) {
      double seconds = call.seconds(ranks, arrays);
      if (counts) {
        into.computeIfAbsent(call, key -> new Times()).seconds.add(seconds);
      }
    }
  }

  /** The cost that two ranks show. */
  HostCost host() {
    double exchange = two.get(Call.PIPELINED_GATHERS).least();
    double call = Math.max(0, two.get(Call.BARRIER).least() - exchange);
    double halfBucket = BUCKET / 2.0 * Float.BYTES;
    double gather = two.get(Call.GATHER).least();
    double reduce = two.get(Call.REDUCE).least();
    return new HostCost(
        call,
        exchange,
        (gather - call - exchange) / halfBucket,
        Math.max(0, reduce - gather) / halfBucket);
  }

  /** Tells the cost, and what it predicts beside what was measured. */
  void report(Report report) {
    HostCost host = host();
    report.line(
        "Measured between two ranks: %.0f us a call, %.0f us an exchange, %.2f ns a byte each way (a host limits a network"
            + " above %.1f Gb/s), %.2f ns a byte added. The least of %d rounds, after as many that do not count.%n",
        1e6 * host.callSeconds(),
        1e6 * host.exchangeSeconds(),
        1e9 * host.secondsPerByte(),
        host.gbits(),
        1e9 * host.secondsPerByteAdded(),
        rounds);
    report.line("| ranks | call | predicted, ms | measured, ms | error | median, extremes |");
    report.line("|---|---|---|---|---|---|");
    report(report, 2, two);
    report(report, 4, four);
  }

  private void report(Report report, int ranks, Map<Call, Times> measured) {
    // Each rank keeps one processor busy while it moves or adds bytes.
    double sharing = Math.max(1.0, (double) ranks / Runtime.getRuntime().availableProcessors());
    HostCost host = host().shared(sharing);
    Network none = new Network(0, 0, ranks, 1, 1);
    CollectiveCost cost = new CollectiveCost(Algorithm.HALVING, host, none, 0, ranks);
    for (Call call : Call.values()) {
      Times times = measured.get(call);
      double predicted = call.predicted(cost, host.callSeconds());
      boolean fitted = ranks == 2 && call.isFitted();
      report.line(
          "| %d | %s | %.3f | %.3f | %s | %.3f, %s |",
          ranks,
          call.label,
          1e3 * predicted,
          1e3 * times.least(),
          fitted ? "fitted" : "%+.0f %%".formatted(100 * (predicted / times.least() - 1)),
          1e3 * Report.median(times.seconds),
          Report.range(times.seconds.stream().map(seconds -> 1e3 * seconds).toList(), "%.3f"));
    }
  }
}
