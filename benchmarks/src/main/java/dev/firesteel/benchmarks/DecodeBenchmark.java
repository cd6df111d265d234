package dev.firesteel.benchmarks;

import dev.firesteel.backend.Backend;
import dev.firesteel.backend.BackendKind;
import dev.firesteel.backend.BackendOptions;
import dev.firesteel.backend.Precision;
import dev.firesteel.backend.choice.Backends;
import dev.firesteel.benchmarks.KernelWork.Part;
import dev.firesteel.config.ModelConfig;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * Greedy decoding alone, batch by batch: tokens per second after the prompts, the share of memory's
 * reading rate that they reach, and where a step spends its time. A step reads at least all weights
 * that something is multiplied with, 4 bytes each (bf16: 2), and the keys and values so far, 4
 * bytes each; that, divided by its time, is compared with the rate of a loop that only reads.
 *
 * <pre>{@code
 * ./mvnw -q -Pprofile -pl benchmarks -am verify -DskipTests -Dmain=DecodeBenchmark \
 *     -Dbenchmark="shapes=13.9M,124M precisions=fp32,bf16 batches=1,16,64"
 * }</pre>
 *
 * <p>With one thread, the CPU time of the calling thread is all that a step computes, however much
 * of the wall clock other programs take.
 *
 * <p>Other settings: {@code tokens=64}, {@code threads=2}, {@code rounds=3} after one that is not
 * counted, {@code read=GB/s} in place of measuring, {@code out=FILE}.
 */
final class DecodeBenchmark {
  private final Report report;
  private final Settings settings;
  private final double readGigabytes;

  private DecodeBenchmark(Report report, Settings settings, double readGigabytes) {
    this.report = report;
    this.settings = settings;
    this.readGigabytes = readGigabytes;
  }

  public static void main(String[] args) throws IOException {
    Settings settings =
        Settings.of(
            Map.of(
                "shapes", "13.9M,124M",
                "precisions", "fp32,bf16",
                "batches", "1,16,64",
                "tokens", "64",
                "threads", "2",
                "rounds", "3",
                "read", "",
                "out", ""),
            args);
    Report report = new Report();
    report.line("%s", Machine.describe());
    report.line("");
    double read =
        settings.text("read").isEmpty()
            ? MachineCeilings.measureRead(settings.number("threads"))
            : Double.parseDouble(settings.text("read"));
    report.line("Reading memory: %.1f GB/s. Milliseconds of a step by part:", read);
    report.line("");
    String parts =
        Arrays.stream(Part.values())
            .filter(part -> part != Part.OPTIMIZER && part != Part.HEAD)
            .map(part -> part.label)
            .collect(Collectors.joining(" | "));
    report.line(
        "| shape | | batch | tokens/s, median | min..max | ms a step | CPU ms of the caller |"
            + " MB read | of reading rate |"
            + " %s | between the calls |",
        parts);
    report.line(
        "|---|---|---|---|---|---|---|---|---|%s---|", "---|".repeat(Part.values().length - 2));
    DecodeBenchmark benchmark = new DecodeBenchmark(report, settings, read);
    for (String shape : settings.list("shapes")) {
      for (String precision : settings.list("precisions")) {
        for (int batch : settings.numbers("batches")) {
          benchmark.measure(
              new GenerationTask(TrainingShape.of(shape), batch, settings.number("tokens")),
              Precision.valueOf(precision.toUpperCase(Locale.ROOT)));
        }
      }
    }
    report.line("");
    report.line("Load average at the end: %s.", Machine.load());
    report.save(settings.text("out"));
  }

  private void measure(GenerationTask task, Precision precision) {
    int steps = task.tokens() - 1;
    Map<Part, Double> nanos = new EnumMap<>(Part.class);
    List<Double> seconds = new ArrayList<>();
    double probedSeconds;
    Backend backend =
        Backends.create(new BackendOptions(BackendKind.CPU, precision, settings.number("threads")));
    List<Double> cpuSeconds = new ArrayList<>();
    try (FiresteelGeneration work = new FiresteelGeneration(task, backend)) {
      work.run();
      long[] start = new long[1];
      work.afterPrompts(() -> start[0] = cpuNanos());
      for (int round = 0; round < settings.number("rounds"); round++) {
        seconds.add(work.run()[1] / steps);
        cpuSeconds.add((cpuNanos() - start[0]) * 1e-9 / steps);
      }
    }
    // By part in a round of its own, since timing each call takes time.
    Backend probed =
        BackendProbe.of(
            Backends.create(
                new BackendOptions(BackendKind.CPU, precision, settings.number("threads"))),
            (method, arguments, took) -> nanos.merge(Part.of(method), (double) took, Double::sum));
    try (FiresteelGeneration work = new FiresteelGeneration(task, probed)) {
      work.run();
      work.afterPrompts(nanos::clear);
      probedSeconds = work.run()[1] / steps;
    }
    double median = Report.median(seconds);
    double bytes = bytesOfStep(task, precision);
    double timed = nanos.values().stream().mapToDouble(Double::doubleValue).sum() * 1e-6 / steps;
    String parts =
        Arrays.stream(Part.values())
            .filter(part -> part != Part.OPTIMIZER && part != Part.HEAD)
            .map(part -> millis(nanos.getOrDefault(part, 0.0) * 1e-6 / steps))
            .collect(Collectors.joining(" | "));
    report.line(
        "| %s | %s | %d | %.0f | %s | %.2f | %.2f | %.0f | %.0f %% | %s | %s |",
        task.shape().label(),
        precision.name().toLowerCase(Locale.ROOT),
        task.batch(),
        task.batch() / median,
        Report.range(seconds.stream().map(each -> task.batch() / each).toList(), "%.0f"),
        1e3 * median,
        1e3 * Report.median(cpuSeconds),
        bytes * 1e-6,
        100 * bytes * 1e-9 / median / readGigabytes,
        parts,
        millis(1e3 * probedSeconds - timed));
  }

  /** Of the calling thread. */
  private static long cpuNanos() {
    return ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
  }

  private static String millis(double value) {
    return String.format(Locale.ROOT, "%.2f", value);
  }

  /**
   * What a step in the middle reads at least: weights once, and each sequence's keys and values.
   */
  static double bytesOfStep(GenerationTask task, Precision precision) {
    ModelConfig model = task.shape().model();
    double length = GenerationTask.PROMPT + task.tokens() / 2.0;
    double cache =
        2.0 * model.layers() * model.kvHeads() * model.headWidth() * length * task.batch();
    return task.shape().multipliedParameters() * (precision == Precision.BF16 ? 2.0 : 4.0)
        + Float.BYTES * cache;
  }
}
