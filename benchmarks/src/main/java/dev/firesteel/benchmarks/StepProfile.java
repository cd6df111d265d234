package dev.firesteel.benchmarks;

import dev.firesteel.array.NdArray;
import dev.firesteel.backend.Backend;
import dev.firesteel.backend.BackendKind;
import dev.firesteel.backend.BackendOptions;
import dev.firesteel.backend.Precision;
import dev.firesteel.backend.choice.Backends;
import dev.firesteel.benchmarks.KernelWork.Part;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/**
 * Where the milliseconds of a training step go: each call of the backend is timed on the wall clock
 * and filed under its name and, for products, its shape. Arguments: {@code SHAPE fp32|bf16 THREADS
 * [STEPS [bounds]]}, after as many steps of warm-up. With {@code bounds} the machine's ceilings are
 * measured, too, and for each part of the step the least time that they allow is told beside the
 * time that it took: the tables of docs/performance.md.
 *
 * <pre>{@code
 * ./mvnw -q -Pprofile -pl benchmarks -am verify -DskipTests -Dbenchmark="124M fp32 2 5 bounds"
 * }</pre>
 */
final class StepProfile {
  private static final int STEPS = 30;

  /** What the calls of one name took, step by step. */
  private static final class Row {
    private final String method;
    private long calls;
    private final Map<KernelWork, Integer> worksOfCalls = new HashMap<>();
    private KernelWork work = KernelWork.NONE;
    private final List<Double> millis = new ArrayList<>();
    private long nanosInStep;

    Row(String method) {
      this.method = method;
    }

    double medianMillis() {
      return Report.median(millis);
    }
  }

  private final Report report = new Report();
  private final Map<String, Row> rows = new TreeMap<>();
  private final List<Double> stepMillis = new ArrayList<>();

  private StepProfile() {}

  public static void main(String[] args) {
    TrainingShape shape = TrainingShape.of(args[0]);
    Precision precision = Precision.valueOf(args[1].toUpperCase(Locale.ROOT));
    int threads = Integer.parseInt(args[2]);
    int steps = args.length > 3 ? Integer.parseInt(args[3]) : STEPS;
    StepProfile profile = new StepProfile();
    profile.report.line("%s%n", Machine.describe());
    profile.measure(shape, precision, threads, steps);
    // What was called only while the trainer closed.
    profile.rows.values().removeIf(row -> row.millis.isEmpty());
    profile.printCalls(steps);
    if (args.length > 4 && args[4].equals("bounds")) {
      profile.printParts(steps, precision, MachineCeilings.measure(threads));
    }
  }

  private void measure(TrainingShape shape, Precision precision, int threads, int steps) {
    Backend backend =
        BackendProbe.of(
            Backends.create(new BackendOptions(BackendKind.CPU, precision, threads)),
            this::computed);
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
      double step = Report.median(stepMillis);
      report.line(
          "%s; %s; median step %.1f ms, %.0f tokens/s, %.0f GFLOP/s%n",
          trainer.description(),
          shape.label(),
          step,
          shape.tokensPerStep() / step * 1e3,
          shape.gflopsPerStep() / step * 1e3);
    }
  }

  private void computed(String method, Object[] arguments, long nanos) {
    Row row = rows.computeIfAbsent(name(method, arguments), key -> new Row(method));
    KernelWork work = KernelWork.of(method, arguments);
    row.nanosInStep += nanos;
    row.calls++;
    row.worksOfCalls.merge(work, 1, Integer::sum);
    row.work = row.work.plus(work);
  }

  private static String name(String method, Object... arguments) {
    return method.startsWith("linear")
        ? method + " " + dims(arguments[0]) + " by " + dims(arguments[1])
        : method;
  }

  private static String dims(Object array) {
    NdArray matrix = (NdArray) array;
    return "[" + matrix.shape().rows() + ", " + matrix.shape().last() + "]";
  }

  private void printCalls(int steps) {
    double step = Report.median(stepMillis);
    report.line("| call | calls | ms | share | GFLOP/s | GB/s |");
    report.line("|---|---|---|---|---|---|");
    double timed = 0;
    List<Map.Entry<String, Row>> sorted = new ArrayList<>(rows.entrySet());
    sorted.sort(Comparator.comparingDouble(entry -> -entry.getValue().medianMillis()));
    for (Map.Entry<String, Row> entry : sorted) {
      Row row = entry.getValue();
      double millis = row.medianMillis();
      timed += millis;
      report.line(
          "| %s | %d | %.2f | %.1f %% | %s | %.1f |",
          entry.getKey(),
          row.calls / steps,
          millis,
          100 * millis / step,
          row.work.flops() == 0
              ? ""
              : String.format(Locale.ROOT, "%.0f", row.work.flops() / steps / millis * 1e-6),
          row.work.bytes() / steps / millis * 1e-6);
    }
    report.line(
        "| between the calls | | %.2f | %.1f %% | | |", step - timed, 100 * (step - timed) / step);
  }

  private void printParts(int steps, Precision precision, MachineCeilings machine) {
    report.line("");
    report.line("%s%n%s%n", MachineCeilings.header(), machine.row());
    report.line("| part | ms | share | GFLOP | MB | least ms | bound by | least / actual |");
    report.line("|---|---|---|---|---|---|---|---|");
    Map<Part, List<Row>> parts = new EnumMap<>(Part.class);
    for (Row row : rows.values()) {
      parts.computeIfAbsent(Part.of(row.method), part -> new ArrayList<>()).add(row);
    }
    double step = Report.median(stepMillis);
    double timed = 0;
    double leastOfAll = 0;
    for (Map.Entry<Part, List<Row>> entry : parts.entrySet()) {
      boolean bf16 = precision == Precision.BF16 && entry.getKey().roundsToBf16();
      KernelWork work = KernelWork.NONE;
      double millis = 0;
      double least = 0;
      Map<String, Double> bounds = new TreeMap<>();
      for (Row row : entry.getValue()) {
        work = work.plus(row.work.times(1.0 / steps));
        millis += row.medianMillis();
        for (Map.Entry<KernelWork, Integer> calls : row.worksOfCalls.entrySet()) {
          double callsLeast =
              1e3 * calls.getKey().leastSeconds(machine, bf16) * calls.getValue() / steps;
          least += callsLeast;
          bounds.merge(calls.getKey().bound(machine, bf16), callsLeast, Double::sum);
        }
      }
      timed += millis;
      leastOfAll += least;
      report.line(
          "| %s | %.1f | %.1f %% | %.1f | %.0f | %.1f | %s | %.2f |",
          entry.getKey().label,
          millis,
          100 * millis / step,
          work.flops() * 1e-9,
          work.bytes() * 1e-6,
          least,
          bounds.entrySet().stream().max(Map.Entry.comparingByValue()).orElseThrow().getKey(),
          least / millis);
    }
    report.line(
        "| between the calls | %.1f | %.1f %% | | | | | |",
        step - timed, 100 * (step - timed) / step);
    report.line(
        "| step | %.1f | 100 %% | | | %.1f | | %.2f |", step, leastOfAll, leastOfAll / step);
  }
}
