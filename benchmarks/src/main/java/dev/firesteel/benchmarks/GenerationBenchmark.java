package dev.firesteel.benchmarks;

import dev.firesteel.benchmarks.Contender.Kind;
import dev.firesteel.benchmarks.Contender.Turn;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Greedy generation with a key-value cache, Firesteel and libtorch by turns in one run, each in a
 * JVM of its own, as in {@link TrainingStepBenchmark}. First all must give the same losses for a
 * given continuation that is fed token by token, and those in float32 must generate the same
 * tokens. Each step reads every weight once: the table tells at how many GB/s.
 *
 * <pre>{@code
 * ./mvnw -q -Ppeer -pl benchmarks -am verify -DskipTests -Dmain=GenerationBenchmark \
 *     -Dbenchmark="shape=124M batches=1,16 tokens=128 threads=2"
 * }</pre>
 *
 * <p>Other settings: {@code contenders}, {@code rounds=3}, {@code heap=4g}, {@code jdk=HOME},
 * {@code out=FILE}.
 */
final class GenerationBenchmark {
  private GenerationBenchmark() {}

  public static void main(String[] args) throws IOException {
    Settings settings =
        Settings.of(
            Map.of(
                "shape", "124M",
                "batches", "1,16",
                "tokens", "128",
                "threads", "2",
                "contenders", "libtorch-f32,firesteel-fp32,libtorch-bf16,firesteel-bf16",
                "rounds", "3",
                "heap", "4g",
                "jdk", "",
                "out", ""),
            args);
    Report report = new Report();
    report.line("%s", Machine.describe());
    report.line("");
    report.line(
        "| batch | threads | | tokens/s, median | min..max | ratio to libtorch f32 | to its best | ms a step |"
            + " weights read, GB/s | prompt of %d, ms | peak resident MB |",
        GenerationTask.PROMPT);
    report.line("|---|---|---|---|---|---|---|---|---|---|---|");
    Map<String, String> descriptions = new TreeMap<>();
    for (int batch : settings.numbers("batches")) {
      for (int threads : settings.numbers("threads")) {
        GenerationTask task =
            new GenerationTask(
                TrainingShape.of(settings.text("shape")), batch, settings.number("tokens"));
        try (SideBySide race = new SideBySide(settings, "Generation", task.encoded(), threads)) {
          race.requireAgreement(
              (index, kind, got, expected) -> agrees(index < task.tokens(), kind, got, expected));
          descriptions.putAll(race.descriptions());
          race.warmUp(1, 1);
          race.run(settings.number("rounds"), 1);
          for (Contender contender : race.contenders()) {
            row(report, task, threads, race, contender);
          }
        }
      }
    }
    report.line("");
    report.line("%s", MachineCeilings.header());
    for (int threads : settings.numbers("threads")) {
      report.line("%s", SideBySide.ceilings(settings, threads).row());
    }
    report.line("");
    descriptions.forEach((kind, description) -> report.line("- %s: %s", kind, description));
    report.line("- load average at the end: %s", Machine.load());
    report.save(settings.text("out"));
  }

  private static boolean agrees(boolean isLoss, Kind kind, double got, double expected) {
    if (!isLoss) {
      // Rounding to bf16 may turn the order of two logits, and all that follows is another text.
      return !kind.isExact() || got == expected;
    }
    // So written that NaN fails.
    return Math.abs(got - expected) <= (kind.isExact() ? 1e-4 : 2e-2) * Math.abs(expected);
  }

  private static void row(
      Report report, GenerationTask task, int threads, SideBySide race, Contender contender) {
    Kind kind = contender.kind;
    List<Double> speeds = race.turns(kind).stream().map(turn -> speed(task, turn)).toList();
    double stepSeconds = task.batch() / Report.median(speeds);
    report.line(
        "| %d | %d | %s | %.1f | %s | %s | %.1f | %.1f | %.0f | %d |",
        task.batch(),
        threads,
        kind.label,
        Report.median(speeds),
        Report.range(speeds, "%.1f"),
        race.ratiosToPeer(kind, turn -> speed(task, turn)),
        1e3 * stepSeconds,
        task.shape().multipliedParameters() * (kind.isExact() ? 4 : 2) / stepSeconds * 1e-9,
        1e3 * Report.median(race.turns(kind).stream().map(turn -> turn.told().get(0)[0]).toList()),
        contender.residentPeakBytes() >> 20);
  }

  /** Tokens per second after the prompts. */
  private static double speed(GenerationTask task, Turn turn) {
    return task.batch() * (task.tokens() - 1) / turn.told().get(0)[1];
  }
}
