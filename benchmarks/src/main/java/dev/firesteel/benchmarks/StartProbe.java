package dev.firesteel.benchmarks;

import com.sun.management.OperatingSystemMXBean;
import dev.firesteel.backend.Backend;
import dev.firesteel.backend.BackendKind;
import dev.firesteel.backend.BackendOptions;
import dev.firesteel.backend.Precision;
import dev.firesteel.backend.choice.Backends;
import dev.firesteel.train.WarmUp;
import java.lang.management.ManagementFactory;
import java.util.Locale;

/**
 * One start of a run: what its steps do once the JIT is done. Main class of a child JVM: {@code
 * SHAPE fp32|bf16 THREADS SECONDS SEQUENCES TOKENS STEPS}, where SECONDS of processor time are
 * trained before the STEPS that are measured.
 */
final class StartProbe {
  /** Seconds that the JIT may take on a busy machine. */
  private static final int LIMIT = 120;

  private StartProbe() {}

  public static void main(String[] args) {
    TrainingShape shape =
        TrainingShape.of(args[0])
            .withSequences(Integer.parseInt(args[4]), Integer.parseInt(args[5]));
    Precision precision = Precision.valueOf(args[1].toUpperCase(Locale.ROOT));
    int steps = Integer.parseInt(args[6]);
    Backend backend =
        Backends.create(new BackendOptions(BackendKind.CPU, precision, Integer.parseInt(args[2])));
    WarmUp warmUp = new WarmUp(backend, StartProbe::notice);
    long began = System.nanoTime();
    warmUp.beforeFirstStep();
    double warmUpSeconds = (System.nanoTime() - began) / 1e9;
    try (FiresteelStep trainer = new FiresteelStep(shape, backend)) {
      long limit = began + LIMIT * 1_000_000_000L;
      while (!warmUp.isDone() && System.nanoTime() < limit) {
        long stepBegan = System.nanoTime();
        trainer.step();
        warmUp.afterStep(System.nanoTime() - stepBegan);
      }
      long end = cpuTime() + (long) (Double.parseDouble(args[3]) * 1e9);
      while (cpuTime() < end) {
        trainer.step();
      }
      long bytes = HeapUse.allocatedBytes();
      long cpuTime = cpuTime();
      for (int i = 0; i < steps; i++) {
        trainer.step();
      }
      double cpuSeconds = (cpuTime() - cpuTime) / 1e9;
      System.out.printf(
          Locale.ROOT,
          "start %d %d %.3f%n",
          Math.round(steps * shape.tokensPerStep() / cpuSeconds),
          (HeapUse.allocatedBytes() - bytes) / steps,
          warmUpSeconds);
    }
  }

  /**
   * Nanoseconds of all threads: other processes do not lengthen it much, unlike the time of day.
   */
  private static long cpuTime() {
    return ((OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean())
        .getProcessCpuTime();
  }

  private static void notice(String sentence) {
    System.out.println("notice " + sentence);
  }
}
