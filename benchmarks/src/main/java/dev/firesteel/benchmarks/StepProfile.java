package dev.firesteel.benchmarks;

import dev.firesteel.array.NdArray;
import dev.firesteel.backend.Backend;
import dev.firesteel.backend.BackendOptions;
import dev.firesteel.backend.Precision;
import dev.firesteel.backend.choice.Backends;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/**
 * Where the milliseconds of a training step go: each call of the backend is timed on the wall clock
 * and filed under its name and, for products, its shape. Arguments: {@code SHAPE fp32|bf16 THREADS
 * [STEPS]}, after as many steps of warm-up.
 *
 * <pre>{@code
 * ./mvnw -q -Pprofile -pl benchmarks -am verify -DskipTests -Dbenchmark="124M fp32 2"
 * }</pre>
 */
final class StepProfile {
  private static final int STEPS = 30;

  private StepProfile() {}

  /** What the calls of one name took, step by step. */
  private static final class Row {
    private long calls;
    private double flops;
    private final List<Double> millis = new ArrayList<>();
    private long nanosInStep;
  }

  public static void main(String[] args) {
    TrainingShape shape = TrainingShape.of(args[0]);
    Precision precision = Precision.valueOf(args[1].toUpperCase(Locale.ROOT));
    int threads = Integer.parseInt(args[2]);
    int steps = args.length > 3 ? Integer.parseInt(args[3]) : STEPS;
    Map<String, Row> rows = new TreeMap<>();
    Backend backend = timed(Backends.create(new BackendOptions("cpu", precision, threads)), rows);
    List<Double> stepMillis = new ArrayList<>();
    System.out.println(Machine.describe());
    System.out.println();
    try (FiresteelStep trainer = new FiresteelStep(shape, backend)) {
      for (int step = 0; step < steps; step++) {
        trainer.step();
      }
      rows.clear();
      for (int step = 0; step < steps; step++) {
        long start = System.nanoTime();
        trainer.step();
        stepMillis.add((System.nanoTime() - start) * 1e-6);
        for (Row row : rows.values()) {
          row.millis.add(row.nanosInStep * 1e-6);
          row.nanosInStep = 0;
        }
      }
      print(trainer.description(), shape, steps, stepMillis, rows);
    }
  }

  private static Backend timed(Backend backend, Map<String, Row> rows) {
    return (Backend)
        Proxy.newProxyInstance(
            Backend.class.getClassLoader(),
            new Class<?>[] {Backend.class},
            (proxy, method, arguments) -> {
              long start = System.nanoTime();
              try {
                return method.invoke(backend, arguments);
              } catch (InvocationTargetException e) {
                throw e.getCause();
              } finally {
                if (method.getReturnType() == void.class && arguments != null) {
                  Row row = rows.computeIfAbsent(name(method, arguments), key -> new Row());
                  row.nanosInStep += System.nanoTime() - start;
                  row.calls++;
                  row.flops += flops(method, arguments);
                }
              }
            });
  }

  private static String name(Method method, Object[] arguments) {
    String called = method.getName();
    return called.startsWith("linear")
        ? called + " " + dims(arguments[0]) + " by " + dims(arguments[1])
        : called;
  }

  private static String dims(Object array) {
    NdArray matrix = (NdArray) array;
    return "[" + matrix.shape().rows() + ", " + matrix.shape().last() + "]";
  }

  private static double flops(Method method, Object[] arguments) {
    if (!method.getName().startsWith("linear")) {
      return 0;
    }
    double rows = ((NdArray) arguments[0]).shape().rows();
    return switch (method.getName()) {
      case "linear", "linearBackwardInput" -> 2 * rows * size(arguments[1]);
      case "linearBackwardWeight" -> 2 * rows * size(arguments[2]);
      case "linearCrossEntropy" -> 6 * rows * size(arguments[1]);
      default -> throw new IllegalStateException("unknown product " + method.getName());
    };
  }

  private static double size(Object array) {
    return ((NdArray) array).size();
  }

  private static void print(
      String description,
      TrainingShape shape,
      int steps,
      List<Double> stepMillis,
      Map<String, Row> rows) {
    double step = median(stepMillis);
    System.out.printf(
        Locale.ROOT,
        "%s; %s; median step %.1f ms, %.0f tokens/s%n%n",
        description,
        shape.label(),
        step,
        shape.tokensPerStep() / step * 1e3);
    System.out.println("| call | calls | ms | share | GFLOP/s |");
    System.out.println("|---|---|---|---|---|");
    double timed = 0;
    List<Map.Entry<String, Row>> sorted = new ArrayList<>(rows.entrySet());
    sorted.sort((a, b) -> Double.compare(median(b.getValue().millis), median(a.getValue().millis)));
    for (Map.Entry<String, Row> entry : sorted) {
      Row row = entry.getValue();
      double millis = median(row.millis);
      timed += millis;
      String rate =
          row.flops == 0
              ? ""
              : String.format(Locale.ROOT, "%.0f", row.flops / steps / millis * 1e-6);
      System.out.printf(
          Locale.ROOT,
          "| %s | %d | %.2f | %.1f %% | %s |%n",
          entry.getKey(),
          row.calls / steps,
          millis,
          100 * millis / step,
          rate);
    }
    System.out.printf(
        Locale.ROOT,
        "| between the calls | | %.2f | %.1f %% | |%n",
        step - timed,
        100 * (step - timed) / step);
  }

  private static double median(List<Double> values) {
    double[] sorted = values.stream().mapToDouble(Double::doubleValue).toArray();
    Arrays.sort(sorted);
    return sorted.length == 0 ? 0 : sorted[sorted.length / 2];
  }
}
