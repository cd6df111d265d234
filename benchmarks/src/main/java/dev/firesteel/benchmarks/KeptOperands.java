package dev.firesteel.benchmarks;

import dev.firesteel.backend.Backend;
import dev.firesteel.backend.BackendKind;
import dev.firesteel.backend.BackendOptions;
import dev.firesteel.backend.Precision;
import dev.firesteel.backend.ProductKernels;
import dev.firesteel.backend.choice.Backends;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * A bf16 training step that keeps the bf16 copy of an operand until backward beside one that keeps
 * its float32 array as well ({@link ProductKernels#keep}): the memory of both and, step by step in
 * turns, their times. Their losses and gradient norms must be the same bits.
 *
 * <pre>{@code
 * ./mvnw -q -Pprofile -pl benchmarks -am verify -DskipTests -Dmain=KeptOperands -Dheap=14g \
 *     -Dbenchmark="shape=124M batch=8 tokens=1024"
 * }</pre>
 *
 * <p>The heap is what is in use after a full collection between two steps: a run's pool keeps the
 * arrays of the busiest moment. {@code first=arrays} makes the other trainer first, whose memory is
 * then laid out first: the times of equal trainers differ by a few percent for that.
 */
final class KeptOperands {
  private static final double MIB = 1 << 20;

  private KeptOperands() {}

  public static void main(String[] args) {
    Settings settings =
        Settings.of(
            Map.of(
                "shape", "124M",
                "batch", "8",
                "tokens", "1024",
                "threads", "2",
                "first", "copies",
                "warm_up", "2",
                "rounds", "8"),
            args);
    TrainingShape shape =
        TrainingShape.of(settings.text("shape"))
            .withSequences(settings.number("batch"), settings.number("tokens"));
    BackendOptions options =
        new BackendOptions(BackendKind.CPU, Precision.BF16, settings.number("threads"));
    System.out.println(Machine.describe());
    System.out.println();
    // The first keeps copies alone, the second the arrays too.
    FiresteelStep[] trainers = new FiresteelStep[2];
    try {
      double[] heap = new double[2];
      TrainingStep.Result[] results = new TrainingStep.Result[2];
      for (int i = 0; i < 2; i++) {
        int which = settings.text("first").equals("copies") ? i : 1 - i;
        double before = heapInUse();
        Backend backend = Backends.create(options);
        trainers[which] = new FiresteelStep(shape, which == 0 ? backend : keepingArrays(backend));
        results[which] = trainers[which].step();
        heap[which] = heapInUse() - before;
      }
      requireSameBits(results);
      List<Double> ratios = new ArrayList<>();
      List<Double> seconds = new ArrayList<>();
      for (int round = -settings.number("warm_up"); round < settings.number("rounds"); round++) {
        double[] took = new double[2];
        for (int turn = 0; turn < 2; turn++) {
          int which = Math.floorMod(turn + round, 2);
          long start = System.nanoTime();
          results[which] = trainers[which].step();
          took[which] = (System.nanoTime() - start) * 1e-9;
        }
        requireSameBits(results);
        if (round >= 0) {
          seconds.add(took[0]);
          ratios.add(took[0] / took[1]);
        }
      }
      System.out.printf(
          Locale.ROOT,
          "heap of a step: %.0f MiB with arrays and copies, %.0f MiB with copies alone (%+.0f %%)%n",
          heap[1] / MIB,
          heap[0] / MIB,
          100 * (heap[0] / heap[1] - 1));
      System.out.printf(
          Locale.ROOT,
          "seconds of a step with copies alone: %.2f (%s), over one with both: %.3f (%s)%n",
          Report.median(seconds),
          Report.range(seconds, "%.2f"),
          Report.median(ratios),
          Report.range(ratios, "%.3f"));
    } finally {
      for (FiresteelStep trainer : trainers) {
        if (trainer != null) {
          trainer.close();
        }
      }
    }
  }

  private static void requireSameBits(TrainingStep.Result... results) {
    if (!results[0].equals(results[1])) {
      throw new IllegalStateException("the results differ: " + Arrays.toString(results));
    }
  }

  /** Bytes of the heap in use after a full collection. */
  private static double heapInUse() {
    System.gc();
    return ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed();
  }

  /** The backend, but what it keeps of an operand is the operand. */
  private static Backend keepingArrays(Backend backend) {
    return BackendProbe.intercepted(
        backend,
        (method, arguments, call) ->
            method.getName().equals("keep") ? arguments[0] : call.proceed());
  }
}
