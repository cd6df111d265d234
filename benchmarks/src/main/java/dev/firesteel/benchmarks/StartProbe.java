package dev.firesteel.benchmarks;

import dev.firesteel.backend.Backend;
import dev.firesteel.backend.BackendKind;
import dev.firesteel.backend.BackendOptions;
import dev.firesteel.backend.Precision;
import dev.firesteel.backend.choice.Backends;
import java.time.Duration;
import java.util.Locale;

/**
 * One start of a run: what its steps do once the JIT is done. Main class of a child JVM: {@code
 * SHAPE fp32|bf16 THREADS SECONDS SEQUENCES TOKENS}, where SECONDS are trained before anything is
 * counted.
 */
final class StartProbe {
  private static final int COUNTED = 10;

  /** Seconds that the JIT may take on a busy machine. */
  private static final int LIMIT = 120;

  private StartProbe() {}

  public static void main(String[] args) {
    TrainingShape shape =
        TrainingShape.of(args[0])
            .withSequences(Integer.parseInt(args[4]), Integer.parseInt(args[5]));
    Precision precision = Precision.valueOf(args[1].toUpperCase(Locale.ROOT));
    Backend backend =
        Backends.create(new BackendOptions(BackendKind.CPU, precision, Integer.parseInt(args[2])));
    long began = System.nanoTime();
    boolean warm = backend.warmUp(Duration.ofSeconds(1), StartProbe::notice);
    double warmUpSeconds = (System.nanoTime() - began) / 1e9;
    try (FiresteelStep trainer = new FiresteelStep(shape, backend)) {
      long limit = began + LIMIT * 1_000_000_000L;
      while (!warm && System.nanoTime() < limit) {
        trainer.step();
        warm = backend.warmUp(Duration.ofMillis(10), StartProbe::notice);
      }
      long end = System.nanoTime() + (long) (Double.parseDouble(args[3]) * 1e9);
      while (System.nanoTime() < end) {
        trainer.step();
      }
      long bytes = HeapUse.allocatedBytes();
      long start = System.nanoTime();
      for (int i = 0; i < COUNTED; i++) {
        trainer.step();
      }
      double seconds = (System.nanoTime() - start) / 1e9;
      System.out.printf(
          Locale.ROOT,
          "start %d %d %.3f%n",
          Math.round(COUNTED * shape.tokensPerStep() / seconds),
          (HeapUse.allocatedBytes() - bytes) / COUNTED,
          warmUpSeconds);
    }
  }

  private static void notice(String sentence) {
    System.out.println("notice " + sentence);
  }
}
