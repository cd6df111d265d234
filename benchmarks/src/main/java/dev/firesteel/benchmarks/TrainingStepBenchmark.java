package dev.firesteel.benchmarks;

import dev.firesteel.benchmarks.Contender.Kind;
import dev.firesteel.benchmarks.Contender.Turn;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * Whole training steps of a GPT-2, Firesteel and libtorch by turns in one run, each in a JVM of its
 * own. First both make two steps from the same weights: losses and gradient norms must agree. Then
 * warm-up, then turns A B A B; the medians and extremes of tokens per second go to a table.
 *
 * <pre>{@code
 * ./mvnw -q -Ppeer -pl benchmarks -am verify -DskipTests \
 *     -Dbenchmark="shapes=4.3M,124M threads=2 out=benchmarks/results/mine.md"
 * }</pre>
 *
 * <p>Other settings: {@code contenders=libtorch-f32,firesteel-bf16}, {@code rounds=5}, {@code
 * heap=6g}.
 */
final class TrainingStepBenchmark {
  private static final double NORM_TOLERANCE = 2e-3;

  private final Map<String, String> settings;
  private final StringBuilder report = new StringBuilder();

  private TrainingStepBenchmark(Map<String, String> settings) {
    this.settings = settings;
  }

  public static void main(String[] args) throws IOException {
    Map<String, String> settings = new HashMap<>();
    settings.put("shapes", "4.3M,13.9M,124M");
    settings.put("threads", Integer.toString(Runtime.getRuntime().availableProcessors()));
    settings.put("contenders", "libtorch-f32,firesteel-fp32,libtorch-bf16,firesteel-bf16");
    settings.put("rounds", "5");
    settings.put("heap", "6g");
    settings.put("out", "");
    for (String setting : String.join(" ", args).trim().split("\\s+", -1)) {
      String[] parts = setting.split("=", 2);
      if (!setting.isEmpty() && (parts.length != 2 || settings.put(parts[0], parts[1]) == null)) {
        System.err.println("No setting " + setting + "; there are " + settings.keySet());
        System.exit(2);
      }
    }
    new TrainingStepBenchmark(settings).run();
  }

  private void run() throws IOException {
    line("%s", Machine.describe());
    line("");
    line(
        "| shape | | tokens/s, median | min..max | ratio to libtorch f32 | heap, bytes/step | GCs |");
    line("|---|---|---|---|---|---|---|");
    Map<String, String> descriptions = new HashMap<>();
    for (String label : settings.get("shapes").split(",", -1)) {
      compare(TrainingShape.of(label), descriptions);
    }
    line("");
    for (String label : settings.get("shapes").split(",", -1)) {
      line("- %s: %s", label, TrainingShape.of(label).description());
    }
    descriptions.forEach((kind, description) -> line("- %s: %s", kind, description));
    line("- load average at the end: %s", Machine.load());
    System.out.print(report);
    if (!settings.get("out").isEmpty()) {
      Files.writeString(Path.of(settings.get("out")), report, StandardCharsets.UTF_8);
    }
  }

  private void compare(TrainingShape shape, Map<String, String> descriptions) {
    boolean large = shape == TrainingShape.GPT2;
    int steps = large ? 3 : 10;
    List<Contender> contenders = new ArrayList<>();
    try {
      for (Kind kind : Contender.kinds(settings.get("contenders"))) {
        contenders.add(
            new Contender(
                kind,
                shape,
                Integer.parseInt(settings.get("threads")),
                List.of(
                    "@" + System.getProperty("firesteel.jvm.options"),
                    "-Xmx" + settings.get("heap"))));
      }
      requireAgreement(shape, contenders);
      for (Contender contender : contenders) {
        descriptions.put(contender.kind.label, contender.description());
        // A JIT compiler has to see its loops first; libtorch is compiled.
        contender.run(contender.kind.isPeer() ? 3 : large ? 6 : 25);
      }
      Map<Kind, List<Double>> speeds = new EnumMap<>(Kind.class);
      Map<Kind, Turn> last = new EnumMap<>(Kind.class);
      for (int round = 0; round < Integer.parseInt(settings.get("rounds")); round++) {
        for (Contender contender : contenders) {
          Turn turn = contender.run(steps);
          last.put(contender.kind, turn);
          for (double seconds : turn.seconds()) {
            speeds
                .computeIfAbsent(contender.kind, kind -> new ArrayList<>())
                .add(shape.tokensPerStep() / seconds);
          }
        }
      }
      double base =
          speeds.containsKey(Kind.LIBTORCH_F32)
              ? median(speeds.get(Kind.LIBTORCH_F32))
              : Double.NaN;
      speeds.forEach(
          (kind, each) ->
              line(
                  "| %s | %s | %.0f | %.0f..%.0f | %.2f | %s | %s |",
                  shape.label,
                  kind.label,
                  median(each),
                  each.stream().mapToDouble(x -> x).min().orElseThrow(),
                  each.stream().mapToDouble(x -> x).max().orElseThrow(),
                  median(each) / base,
                  kind.isPeer() ? "" : Long.toString(last.get(kind).heapBytesPerStep()),
                  kind.isPeer() ? "" : Long.toString(last.get(kind).collections())));
    } finally {
      contenders.forEach(Contender::close);
    }
  }

  /**
   * All must tell the same losses and gradient norms for two steps, the second of which follows an
   * update: losses to 1e-4 in float32, norms to 2e-3, since libtorch adds the squares of a tensor
   * in float32 and so loses small ones among the 38.6 million of the 124M shape's embedding
   * (Firesteel adds in double); in bf16, whose operands have 8 bits, all to 2e-2.
   */
  private void requireAgreement(TrainingShape shape, List<Contender> contenders) {
    List<TrainingStep.Result> expected = null;
    for (Contender contender : contenders) {
      List<TrainingStep.Result> results = contender.run(2).results();
      System.err.println(shape.label + " " + contender.kind.label + ": " + results);
      if (expected == null) {
        expected = results;
      }
      double tolerance = contender.kind.precision.equals("bf16") ? 2e-2 : 1e-4;
      for (int i = 0; i < results.size(); i++) {
        double loss = relative(results.get(i).loss(), expected.get(i).loss());
        double norm = relative(results.get(i).gradientNorm(), expected.get(i).gradientNorm());
        // Negated, so that NaN fails.
        if (!(loss <= tolerance && norm <= Math.max(tolerance, NORM_TOLERANCE))) {
          throw new IllegalStateException(
              contender.kind.label
                  + " computes something else than "
                  + contenders.get(0).kind.label
                  + ": "
                  + results
                  + " and "
                  + expected);
        }
      }
    }
  }

  private static double relative(double a, double b) {
    return Math.abs(a - b) / Math.abs(b);
  }

  private static double median(List<Double> values) {
    List<Double> sorted = values.stream().sorted().toList();
    int middle = sorted.size() / 2;
    return sorted.size() % 2 == 1
        ? sorted.get(middle)
        : (sorted.get(middle - 1) + sorted.get(middle)) / 2;
  }

  private void line(String format, Object... arguments) {
    report.append(String.format(Locale.ROOT, format, arguments)).append('\n');
  }
}
