package dev.firesteel.benchmarks;

import dev.firesteel.benchmarks.Contender.Kind;
import dev.firesteel.benchmarks.Contender.Turn;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;

/**
 * Shows that a training step after warm-up allocates less than 1 MB on the heap, counted over all
 * Java threads, and that no garbage is collected; ends with exit code 1 otherwise.
 *
 * <pre>{@code
 * ./mvnw -q -Pallocation -pl benchmarks -am verify -DskipTests
 * }</pre>
 */
final class StepAllocation {
  private static final long MOST_BYTES = 1_000_000;

  /** What is run of one shape. The steps of the warm-up leave the JIT nothing to compile. */
  private record Run(TrainingShape shape, String heap, int warmUp, int steps) {}

  private static final List<Run> RUNS =
      List.of(
          new Run(TrainingShape.SMALL, "-Xmx1g", 60, 20),
          new Run(TrainingShape.GPT2, "-Xmx5g", 8, 5));

  private StepAllocation() {}

  public static void main(String[] args) {
    boolean kept = true;
    int threads = Runtime.getRuntime().availableProcessors();
    Path java = Path.of(System.getProperty("java.home"));
    System.out.println(Machine.describe());
    System.out.println();
    System.out.println("| | steps | heap bytes per step | collections in these steps |");
    System.out.println("|---|---|---|---|");
    for (Run run : RUNS) {
      for (Kind kind : List.of(Kind.FIRESTEEL_FP32, Kind.FIRESTEEL_BF16)) {
        List<String> options =
            List.of("@" + System.getProperty("firesteel.jvm.options"), run.heap());
        try (Contender trainer =
            new Contender(kind, "Step", run.shape().label(), threads, java, options)) {
          trainer.run(run.warmUp());
          // Else what the warm-up left would be collected in the middle of the steps that count.
          trainer.startMemoryCount();
          Turn turn = trainer.run(run.steps());
          System.out.printf(
              Locale.ROOT,
              "| %s, %s, %d threads | %d | %,d | %d |%n",
              kind.label,
              run.shape().label(),
              threads,
              run.steps(),
              turn.heapBytesPerUnit(),
              turn.collections());
          kept &= turn.heapBytesPerUnit() < MOST_BYTES && turn.collections() == 0;
        }
      }
    }
    if (!kept) {
      System.err.println(
          "A steady training step must allocate less than "
              + MOST_BYTES
              + " bytes, collect 0 times");
      System.exit(1);
    }
  }
}
