package dev.firesteel.benchmarks;

import dev.firesteel.backend.Backend;
import dev.firesteel.backend.BackendKind;
import dev.firesteel.backend.BackendOptions;
import dev.firesteel.backend.Precision;
import dev.firesteel.backend.ProductKernels;
import dev.firesteel.backend.choice.Backends;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * A bf16 training step that keeps the bf16 copy of an operand until backward beside one that keeps
 * its float32 array as well ({@link ProductKernels#keep}): the memory of both and, step by step in
 * turns, their times. Ends with exit code 1 if their losses are not the same bits.
 *
 * <pre>{@code
 * ./mvnw -q -Pprofile -pl benchmarks -am verify -DskipTests -Dmain=KeptOperands -Dheap=14g \
 *     -Dbenchmark="shape=124M batch=8 tokens=1024 rounds=5"
 * }</pre>
 *
 * <p>The heap is what is in use after a full collection between two steps: a run's pool keeps the
 * arrays of the busiest moment. Resident memory includes bf16 copies, which lie outside the heap.
 */
final class KeptOperands {
  private static final double MIB = 1 << 20;

  private record Memory(double heapMib, double residentMib) {
    static Memory now() throws IOException {
      System.gc();
      double heap = ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed() / MIB;
      String resident =
          Files.readAllLines(Path.of("/proc/self/status")).stream()
              .filter(line -> line.startsWith("VmRSS:"))
              .findFirst()
              .orElseThrow();
      return new Memory(heap, Long.parseLong(resident.replaceAll("[^0-9]", "")) / 1024.0);
    }
  }

  private KeptOperands() {}

  public static void main(String[] args) throws IOException {
    Settings settings =
        Settings.of(
            Map.of("shape", "124M", "batch", "8", "tokens", "1024", "threads", "2", "rounds", "5"),
            args);
    TrainingShape shape =
        TrainingShape.of(settings.text("shape"))
            .withSequences(settings.number("batch"), settings.number("tokens"));
    BackendOptions options =
        new BackendOptions(BackendKind.CPU, Precision.BF16, settings.number("threads"));
    Report report = new Report();
    report.line("%s%n", Machine.describe());
    Memory nothing = Memory.now();
    boolean same = true;
    List<Double> ratios = new ArrayList<>();
    List<Double> copySeconds = new ArrayList<>();
    try (FiresteelStep copies = new FiresteelStep(shape, Backends.create(options))) {
      TrainingStep.Result first = copies.step();
      Memory one = Memory.now();
      try (FiresteelStep arrays =
          new FiresteelStep(shape, keepingArrays(Backends.create(options)))) {
        same &= first.equals(arrays.step());
        Memory both = Memory.now();
        for (int round = 0; round < settings.number("rounds"); round++) {
          double[] seconds = new double[2];
          TrainingStep.Result[] results = new TrainingStep.Result[2];
          for (int turn = 0; turn < 2; turn++) {
            int which = (turn + round) % 2;
            long start = System.nanoTime();
            results[which] = (which == 0 ? copies : arrays).step();
            seconds[which] = (System.nanoTime() - start) * 1e-9;
          }
          same &= results[0].equals(results[1]);
          copySeconds.add(seconds[0]);
          ratios.add(seconds[0] / seconds[1]);
        }
        report.line("| tokens | kept | heap, MiB | resident, MiB |");
        report.line("|---|---|---|---|");
        row(report, settings, "arrays and copies", one, both);
        row(report, settings, "copies", nothing, one);
      }
    }
    report.line(
        "%nSeconds of a step with copies alone %.2f (%s); ratio of times, copies alone over both: %.3f (%s); %s",
        Report.median(copySeconds),
        Report.range(copySeconds, "%.2f"),
        Report.median(ratios),
        Report.range(ratios, "%.3f"),
        same ? "the losses and gradient norms have the same bits" : "THE LOSSES DIFFER");
    if (!same) {
      System.exit(1);
    }
  }

  private static void row(
      Report report, Settings settings, String kept, Memory before, Memory after) {
    report.line(
        "| %s x %s | %s | %.0f | %.0f |",
        settings.text("batch"),
        settings.text("tokens"),
        kept,
        after.heapMib() - before.heapMib(),
        after.residentMib() - before.residentMib());
  }

  /** The backend, but what it keeps of an operand is the operand. */
  private static Backend keepingArrays(Backend backend) {
    ProductKernels products = backend.products();
    ProductKernels keeping =
        proxy(
            ProductKernels.class,
            (method, arguments) ->
                method.getName().equals("keep")
                    ? arguments[0]
                    : invoke(method, products, arguments));
    return proxy(
        Backend.class,
        (method, arguments) ->
            method.getName().equals("products") ? keeping : invoke(method, backend, arguments));
  }

  @FunctionalInterface
  private interface Call {
    Object of(Method method, Object[] arguments) throws Throwable;
  }

  private static <T> T proxy(Class<T> type, Call call) {
    return type.cast(
        Proxy.newProxyInstance(
            type.getClassLoader(),
            new Class<?>[] {type},
            (proxy, method, arguments) -> call.of(method, arguments)));
  }

  private static Object invoke(Method method, Object on, Object... arguments) throws Throwable {
    try {
      return method.invoke(on, arguments);
    } catch (InvocationTargetException e) {
      throw e.getCause();
    }
  }
}
