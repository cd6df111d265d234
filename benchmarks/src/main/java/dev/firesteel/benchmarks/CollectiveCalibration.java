package dev.firesteel.benchmarks;

import dev.firesteel.benchmarks.CollectiveCost.Algorithm;
import dev.firesteel.collective.Collective;
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
 * calls. All kinds of calls take turns.
 */
final class CollectiveCalibration {
  private static final int BUCKET = GradientExchange.BUCKET_ELEMENTS;
  private static final int SMALLER = 80 * Shard.ALIGNMENT;

  private final int rounds;
  private final Map<Call, Times> two = new EnumMap<>(Call.class);
  private final Map<Call, Times> four = new EnumMap<>(Call.class);

  /** What is measured, so many times in a row that ranks which begin late do not count. */
  private enum Call {
    BARRIER("one barrier", 0, 64),
    PIPELINED_GATHERS("one all-gather of nothing, all in a row begun at once", 0, 64),
    GATHER("all-gather of 25 MiB", BUCKET, 4),
    REDUCE("reduce-scatter of 25 MiB", BUCKET, 4),
    SMALLER_GATHER("all-gather of 5 MiB", SMALLER, 16),
    SMALLER_REDUCE("reduce-scatter of 5 MiB", SMALLER, 16);

    private final String label;
    private final int elements;
    private final int times;

    Call(String label, int elements, int times) {
      this.label = label;
      this.elements = elements;
      this.times = times;
    }

    /** Of one of the calls. */
    private double seconds(LoopbackRanks ranks, float[][] arrays) {
      return ranks.seconds(arrays, this::run) / times;
    }

    private void run(Collective collective, float[] array) {
      List<Transfer> begun = new ArrayList<>();
      for (int i = 0; i < times; i++) {
        switch (this) {
          case BARRIER -> collective.barrier();
          case PIPELINED_GATHERS -> begun.add(collective.allGather(array, 0, 0));
          case GATHER, SMALLER_GATHER -> collective.allGather(array, 0, elements).await();
          case REDUCE, SMALLER_REDUCE -> collective.reduceScatter(array, 0, elements).await();
        }
      }
      begun.forEach(Transfer::await);
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

    private double median() {
      return Report.median(seconds);
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
    double exchange = two.get(Call.PIPELINED_GATHERS).median();
    double call = Math.max(0, two.get(Call.BARRIER).median() - exchange);
    double halfBucket = BUCKET / 2.0 * Float.BYTES;
    double perByte = (two.get(Call.GATHER).median() - call - exchange) / halfBucket;
    return new HostCost(call, exchange, perByte, perByte * Math.max(0, additionShare()));
  }

  /** By how much adding makes an exchange longer: a small difference, so taken turn by turn. */
  private double additionShare() {
    List<Double> gathers = two.get(Call.GATHER).seconds;
    List<Double> reductions = two.get(Call.REDUCE).seconds;
    List<Double> shares = new ArrayList<>();
    for (int round = 0; round < rounds; round++) {
      shares.add(reductions.get(round) / gathers.get(round) - 1);
    }
    return Report.median(shares);
  }

  /** Tells the cost, and what it predicts beside what was measured. */
  void report(Report report) {
    HostCost host = host();
    report.line(
        "Measured between two ranks: %.0f us a call, %.0f us an exchange, %.2f ns a byte each way (a host limits a network"
            + " above %.1f Gb/s), %.2f ns a byte added. Medians of %d rounds, after as many that do not count.%n",
        1e6 * host.callSeconds(),
        1e6 * host.exchangeSeconds(),
        1e9 * host.secondsPerByte(),
        host.gbits(),
        1e9 * host.secondsPerByteAdded(),
        rounds);
    report.line("| ranks | call | predicted, ms | measured, ms | error | extremes |");
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
          "| %d | %s | %.3f | %.3f | %s | %s |",
          ranks,
          call.label,
          1e3 * predicted,
          1e3 * times.median(),
          fitted ? "fitted" : "%+.0f %%".formatted(100 * (predicted / times.median() - 1)),
          Report.range(times.seconds.stream().map(seconds -> 1e3 * seconds).toList(), "%.3f"));
    }
  }
}
