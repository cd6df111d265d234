package dev.firesteel.benchmarks;

import dev.firesteel.benchmarks.Contender.Kind;
import dev.firesteel.benchmarks.Contender.Turn;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Whole training steps of a GPT-2 or a Llama, Firesteel and libtorch by turns in one run, each in a
 * JVM of its own. First all make two steps from the same weights: losses and gradient norms must
 * agree. Then warm-up, then turns A B A B. A table tells tokens per second (median and extremes of
 * all steps), the ratio to libtorch's fastest contender (median and extremes of the rounds),
 * GFLOP/s of the model's mathematics ({@link TrainingShape#flopsPerToken}), and memory; another one
 * the machine's ceilings in the same run.
 *
 * <pre>{@code
 * ./mvnw -q -Ppeer -pl benchmarks -am verify -DskipTests \
 *     -Dbenchmark="shapes=4.3M,124M threads=1,2 out=benchmarks/results/mine.md"
 * }</pre>
 *
 * <p>Other settings: {@code contenders=libtorch-f32,firesteel-bf16}, {@code rounds=5}, {@code
 * heap=6g} and {@code jdk=HOME} of the JVM that runs Firesteel.
 */
final class TrainingStepBenchmark {
  private static final double NORM_TOLERANCE = 2e-3;

  private final Settings settings;
  private final Report report = new Report();
  private final Map<String, String> descriptions = new TreeMap<>();

  private TrainingStepBenchmark(Settings settings) {
    this.settings = settings;
  }

  public static void main(String[] args) throws IOException {
    Settings settings =
        Settings.of(
            Map.of(
                "shapes", "4.3M,13.9M,llama-33.6M,124M",
                "threads", "1,2",
                "contenders",
                    "libtorch-f32,firesteel-fp32,libtorch-medium,firesteel-bf16,libtorch-bf16",
                "rounds", "5",
                "heap", "6g",
                "jdk", "",
                "out", ""),
            args);
    new TrainingStepBenchmark(settings).run();
  }

  private void run() throws IOException {
    report.line("%s", Machine.describe());
    report.line("");
    report.line(
        "| shape | threads | | tokens/s, median | min..max | ratio to libtorch f32 | to its best | GFLOP/s |"
            + " peak resident MB | peak Java heap MB | heap bytes/step | GCs |");
    report.line("|---|---|---|---|---|---|---|---|---|---|---|---|");
    for (String label : settings.list("shapes")) {
      for (int threads : settings.numbers("threads")) {
        compare(TrainingShape.of(label), threads);
      }
    }
    report.line("");
    report.line("%s", MachineCeilings.header());
    for (int threads : settings.numbers("threads")) {
      report.line("%s", SideBySide.ceilings(settings, threads).row());
    }
    report.line("");
    for (String label : settings.list("shapes")) {
      report.line("- %s: %s", label, TrainingShape.of(label).description());
    }
    descriptions.forEach((kind, description) -> report.line("- %s: %s", kind, description));
    report.line("- load average at the end: %s", Machine.load());
    report.save(settings.text("out"));
  }

  private void compare(TrainingShape shape, int threads) {
    try (SideBySide race = new SideBySide(settings, "Step", shape.label(), threads)) {
      race.requireAgreement(TrainingStepBenchmark::agrees);
      descriptions.putAll(race.descriptions());
      race.warmUp(shape.isLarge() ? 6 : 25, 3);
      race.run(settings.number("rounds"), shape.isLarge() ? 3 : 10);
      for (Contender contender : race.contenders()) {
        row(shape, threads, race, contender);
      }
    }
  }

  private void row(TrainingShape shape, int threads, SideBySide race, Contender contender) {
    Kind kind = contender.kind;
    List<Turn> turns = race.turns(kind);
    Turn last = turns.get(turns.size() - 1);
    List<Double> speeds =
        turns.stream()
            .flatMap(turn -> turn.seconds().stream())
            .map(seconds -> shape.tokensPerStep() / seconds)
            .toList();
    report.line(
        "| %s | %d | %s | %.0f | %s | %s | %.0f | %d | %s | %s | %s |",
        shape.label(),
        threads,
        kind.label,
        Report.median(speeds),
        Report.range(speeds, "%.0f"),
        race.ratiosToPeer(kind, turn -> 1 / Report.median(turn.seconds())),
        Report.median(speeds) * shape.flopsPerToken() * 1e-9,
        contender.residentPeakBytes() >> 20,
        kind.isPeer() ? "" : Long.toString(last.heapPeakBytes() >> 20),
        kind.isPeer() ? "" : Long.toString(last.heapBytesPerUnit()),
        kind.isPeer() ? "" : Long.toString(last.collections()));
  }

  /**
   * Losses and gradient norms of two steps: losses to 1e-4 in float32, norms to 2e-3, since
   * libtorch adds the squares of a tensor in float32 and so loses small ones among the 38.6 million
   * of the 124M shape's embedding (Firesteel adds in double); in bf16, whose operands have 8 bits,
   * all to 2e-2.
   */
  private static boolean agrees(int index, Kind kind, double got, double expected) {
    double tolerance = !kind.isExact() ? 2e-2 : index % 2 == 0 ? 1e-4 : NORM_TOLERANCE;
    // So written that NaN fails.
    return Math.abs(got - expected) <= tolerance * Math.abs(expected);
  }
}
