package dev.firesteel.benchmarks;

import dev.firesteel.backend.Backend;
import dev.firesteel.backend.BackendKind;
import dev.firesteel.backend.BackendOptions;
import dev.firesteel.backend.Precision;
import dev.firesteel.backend.choice.Backends;
import dev.firesteel.benchmarks.KernelWork.Part;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * What a token of a training step costs as sequences grow, at the same number of tokens a step:
 * time by part of the step, and the most memory that activations took. Attention's arithmetic grows
 * with the length (causally half of {@code T x T}), nothing else does; memory must not, since no
 * {@code T x T} array is kept. Arguments: {@code SHAPE fp32|bf16 THREADS [LENGTHS [STEPS]]}.
 *
 * <pre>{@code
 * ./mvnw -q -Pprofile -pl benchmarks -am verify -DskipTests -Dmain=LongContext \
 *     -Dbenchmark="4.3M fp32 2 256,512,1024,2048,4096"
 * }</pre>
 */
final class LongContext {
  private static final int TOKENS_PER_STEP = 4096;

  private LongContext() {}

  public static void main(String[] args) {
    TrainingShape shape = TrainingShape.of(args[0]);
    Precision precision = Precision.valueOf(args[1].toUpperCase(Locale.ROOT));
    int threads = Integer.parseInt(args[2]);
    String lengths = args.length > 3 ? args[3] : "256,512,1024,2048,4096";
    int steps = args.length > 4 ? Integer.parseInt(args[4]) : 5;
    Report report = new Report();
    report.line("%s%n", Machine.describe());
    report.line(
        "%s, %s, %d threads, %d tokens a step; microseconds a token%n",
        shape.label(), precision, threads, TOKENS_PER_STEP);
    String parts =
        Arrays.stream(Part.values()).map(part -> part.label).collect(Collectors.joining(" | "));
    report.line(
        "| T | B | all | %s | attention's share | of arithmetic | activations, peak MB |", parts);
    report.line("|---|---|---|%s---|---|---|", "---|".repeat(Part.values().length));
    for (String length : lengths.split(",", -1)) {
      int tokens = Integer.parseInt(length);
      measure(
          report, shape.withSequences(TOKENS_PER_STEP / tokens, tokens), precision, threads, steps);
    }
  }

  private static void measure(
      Report report, TrainingShape shape, Precision precision, int threads, int steps) {
    Map<Part, Double> nanos = new EnumMap<>(Part.class);
    Backend backend =
        BackendProbe.of(
            Backends.create(new BackendOptions(BackendKind.CPU, precision, threads)),
            (method, arguments, took) -> nanos.merge(Part.of(method), (double) took, Double::sum));
    try (FiresteelStep trainer = new FiresteelStep(shape, backend)) {
      List<Double> all = new ArrayList<>();
      Map<Part, List<Double>> byPart = new EnumMap<>(Part.class);
      for (int step = -steps; step < steps; step++) {
        nanos.clear();
        long start = System.nanoTime();
        trainer.step();
        if (step >= 0) {
          all.add(micros((double) (System.nanoTime() - start), shape));
          for (Part part : Part.values()) {
            byPart
                .computeIfAbsent(part, key -> new ArrayList<>())
                .add(micros(nanos.getOrDefault(part, 0.0), shape));
          }
        }
      }
      double attention = Report.median(byPart.get(Part.ATTENTION));
      report.line(
          "| %d | %d | %.1f | %s | %.0f %% | %.0f %% | %d |",
          shape.tokens(),
          shape.batch(),
          Report.median(all),
          byPart.values().stream()
              .map(each -> String.format(Locale.ROOT, "%.1f", Report.median(each)))
              .collect(Collectors.joining(" | ")),
          100 * attention / Report.median(all),
          100 * (1 - 6.0 * shape.multipliedParameters() / shape.flopsPerToken()),
          trainer.poolPeakBytes() >> 20);
    }
  }

  private static double micros(double nanos, TrainingShape shape) {
    return nanos * 1e-3 / shape.tokensPerStep();
  }
}
