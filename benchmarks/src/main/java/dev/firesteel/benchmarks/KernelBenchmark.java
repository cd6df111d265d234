package dev.firesteel.benchmarks;

import dev.firesteel.backend.Backend;
import dev.firesteel.backend.BackendKind;
import dev.firesteel.backend.BackendOptions;
import dev.firesteel.backend.Precision;
import dev.firesteel.backend.choice.Backends;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.OptionsBuilder;

/**
 * Each kernel of the cpu backend by itself, on operands of named models, by JMH: time of a call,
 * GFLOP/s and GB/s, and what the machine's ceilings, measured in the same run, allow ({@link
 * KernelWork#leastSeconds}).
 *
 * <pre>{@code
 * ./mvnw -q -Pjmh -pl benchmarks -am verify -DskipTests \
 *     -Dbenchmark="kernels=layerNorm,attention.backward shapes=4.3M precisions=fp32"
 * }</pre>
 *
 * <p>Without {@code kernels} all of {@link Kernels}. Other settings: {@code shapes=4.3M,124M},
 * {@code precisions=fp32,bf16}, {@code threads=2}, {@code forks=2}, {@code heap=3g}, {@code
 * out=FILE}.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 5, time = 400, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 5, time = 400, timeUnit = TimeUnit.MILLISECONDS)
public class KernelBenchmark {
  /** One of {@link Kernels}. */
  @Param("layerNorm")
  public String kernel;

  /** Label of a {@link TrainingShape}. */
  @Param("4.3M")
  public String shape;

  @Param("fp32")
  public String precision;

  @Param("2")
  public int threads;

  private Backend backend;
  private Consumer<Backend> call;

  @Setup
  public void allocate() {
    backend = Backends.create(new BackendOptions(BackendKind.CPU, precision(precision), threads));
    call = Kernels.create(kernel, TrainingShape.of(shape), backend);
  }

  /** One call. */
  @Benchmark
  public void run() {
    call.accept(backend);
  }

  @TearDown
  public void close() {
    backend.close();
  }

  private static Precision precision(String name) {
    return Precision.valueOf(name.toUpperCase(Locale.ROOT));
  }

  public static void main(String[] args) throws RunnerException, IOException {
    Settings settings =
        Settings.of(
            Map.of(
                "kernels", "",
                "shapes", "4.3M,124M",
                "precisions", "fp32,bf16",
                "threads", "2",
                "forks", "2",
                "heap", "3g",
                "out", ""),
            args);
    Report report = new Report();
    MachineCeilings machine = MachineCeilings.measure(settings.number("threads"));
    List<RunResult> results = new ArrayList<>();
    for (String precision : settings.list("precisions")) {
      if (!precision.equals("bf16") || Machine.hasBf16()) {
        results.addAll(run(settings, precision));
      }
    }
    report.line("%s%n%n%s%n%s%n", Machine.describe(), MachineCeilings.header(), machine.row());
    report.line(
        "| kernel | shape | precision | microseconds | +- | GFLOP/s | GB/s | bound by | least /"
            + " actual |");
    report.line("|---|---|---|---|---|---|---|---|---|");
    for (RunResult result : results) {
      row(report, machine, result);
    }
    report.save(settings.text("out"));
  }

  private static Collection<RunResult> run(Settings settings, String precision)
      throws RunnerException {
    List<String> kernels = new ArrayList<>(List.of(Kernels.PRODUCTS));
    if (precision.equals("fp32")) {
      kernels.addAll(List.of(Kernels.OTHERS));
    }
    if (!settings.text("kernels").isEmpty()) {
      kernels.retainAll(settings.list("kernels"));
    }
    if (kernels.isEmpty()) {
      return List.of();
    }
    return new Runner(
            new OptionsBuilder()
                .include("^" + KernelBenchmark.class.getName().replace(".", "\\.") + "\\.run$")
                .param("kernel", kernels.toArray(String[]::new))
                .param("shape", settings.list("shapes").toArray(String[]::new))
                .param("precision", precision)
                .param("threads", settings.text("threads"))
                .forks(settings.number("forks"))
                .jvmArgs(
                    "@" + System.getProperty("firesteel.jvm.options"),
                    "-XX:+UseSerialGC",
                    "-Xmx" + settings.text("heap"))
                .build())
        .run();
  }

  private static void row(Report report, MachineCeilings machine, RunResult result) {
    String kernel = result.getParams().getParam("kernel");
    String label = result.getParams().getParam("shape");
    String precision = result.getParams().getParam("precision");
    KernelWork work;
    try (Backend backend =
        Backends.create(new BackendOptions(BackendKind.CPU, precision(precision), 1))) {
      work = Kernels.work(kernel, TrainingShape.of(label), backend);
    }
    double micros = result.getPrimaryResult().getScore();
    boolean bf16 = precision.equals("bf16");
    report.line(
        "| %s | %s | %s | %.1f | %.1f | %s | %.1f | %s | %.2f |",
        kernel,
        label,
        precision,
        micros,
        result.getPrimaryResult().getScoreError(),
        work.flops() == 0 ? "" : String.format(Locale.ROOT, "%.0f", work.flops() / micros * 1e-3),
        work.bytes() / micros * 1e-3,
        work.bound(machine, bf16),
        work.leastSeconds(machine, bf16) * 1e6 / micros);
  }
}
