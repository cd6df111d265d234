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
  private static final int WARM_UP = 60;
  private static final int STEPS = 20;

  private StepAllocation() {}

  public static void main(String[] args) {
    boolean kept = true;
    int threads = Runtime.getRuntime().availableProcessors();
    System.out.println(Machine.describe());
    System.out.println();
    System.out.println("| | heap bytes per step | collections in " + STEPS + " steps |");
    System.out.println("|---|---|---|");
    for (Kind kind : List.of(Kind.FIRESTEEL_FP32, Kind.FIRESTEEL_BF16)) {
      List<String> options = List.of("@" + System.getProperty("firesteel.jvm.options"), "-Xmx1g");
      Path java = Path.of(System.getProperty("java.home"));
      try (Contender trainer =
          new Contender(kind, "Step", TrainingShape.SMALL.label(), threads, java, options)) {
        trainer.run(WARM_UP);
        // Else what the warm-up left would be collected in the middle of the steps that count.
        trainer.startMemoryCount();
        Turn turn = trainer.run(STEPS);
        System.out.printf(
            Locale.ROOT,
            "| %s, %s, %d threads | %,d | %d |%n",
            kind.label,
            TrainingShape.SMALL.label(),
            threads,
            turn.heapBytesPerUnit(),
            turn.collections());
        kept &= turn.heapBytesPerUnit() < MOST_BYTES && turn.collections() == 0;
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
