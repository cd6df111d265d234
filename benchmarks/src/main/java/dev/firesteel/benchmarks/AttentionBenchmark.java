package dev.firesteel.benchmarks;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * Milliseconds of causal attention, forward and backward, and what they are for each token: first
 * one layer of the shapes that the training step is measured with, then one head width at growing
 * lengths. GFLOP/s count the products of visible pairs alone, {@code T (T + 1) / 2} a head: 2
 * products forward, 5 backward. Each shape has JVMs of its own.
 *
 * <pre>{@code
 * ./mvnw -q -Pattention -pl benchmarks -am verify -DskipTests -Dbenchmark="precision=fp32 threads=2"
 * }</pre>
 *
 * <p>{@code against=CLASSES} is the class path of another build; the two then take turns, call by
 * call, and the table has the ratio of times, this build's over the other's: the median of all
 * rounds, and in parentheses the least and the greatest median of a pair of JVMs, of which each
 * shape has as many as {@code starts} says. Both warm up at the same time; {@code threads=1} leaves
 * each a core for that. The JIT takes about ten seconds for all that a call runs through. An
 * earlier build needs {@link AttentionTurns}, and a {@link PackedAttention} for its own kernels.
 */
final class AttentionBenchmark {
  /** What {@link AttentionTurns} takes. */
  private static final List<String> PASSES = List.of("forward", "backward");

  private record Case(String name, int batch, int tokens, int heads, int groups, int headWidth) {
    /** Multiplications and additions of one product over the pairs that are visible. */
    double flopsOfProduct() {
      return (double) batch * heads * tokens * (tokens + 1) * headWidth;
    }
  }

  private static final List<Case> CASES =
      List.of(
          new Case("4.3M", 8, 256, 4, 4, 64),
          new Case("124M", 4, 256, 12, 12, 64),
          new Case("grouped", 4, 512, 8, 4, 64),
          new Case("wide-heads", 4, 256, 4, 4, 128),
          new Case("narrow-heads", 8, 256, 8, 8, 32),
          new Case("256", 1, 256, 12, 12, 64),
          new Case("512", 1, 512, 12, 12, 64),
          new Case("1024", 1, 1024, 12, 12, 64),
          new Case("2048", 1, 2048, 12, 12, 64),
          new Case("4096", 1, 4096, 12, 12, 64));

  private final Settings settings;

  /** Class paths: this build's, then the other's if there is one. */
  private final List<String> builds = new ArrayList<>();

  private AttentionBenchmark(Settings settings) {
    this.settings = settings;
    builds.add(System.getProperty("java.class.path"));
    if (!settings.text("against").isEmpty()) {
      builds.add(settings.text("against"));
    }
  }

  public static void main(String[] args) throws IOException {
    Settings settings =
        Settings.of(
            Map.of(
                "precision", "fp32",
                "threads", "2",
                "shapes", String.join(",", CASES.stream().map(Case::name).toList()),
                "starts", "1",
                "rounds", "15",
                "warm_up_seconds", "10",
                "against", ""),
            args);
    System.out.println(Machine.describe());
    System.out.println();
    System.out.println(settings.text("precision") + ", " + settings.text("threads") + " threads");
    System.out.println();
    new AttentionBenchmark(settings).run();
  }

  private void run() throws IOException {
    boolean paired = builds.size() > 1;
    System.out.print(
        "| shape | B | T | heads | kv heads | width | forward ms | backward ms | GFLOP/s"
            + " | GFLOP/s | us/token | us/token |");
    System.out.println(paired ? " forward ratio | backward ratio | both |" : "");
    System.out.println(
        "|---|---|---|---|---|---|---|---|---|---|---|---|" + (paired ? "---|---|---|" : ""));
    for (Case each : CASES) {
      if (settings.list("shapes").contains(each.name())) {
        measure(each);
      }
    }
  }

  private void measure(Case shape) throws IOException {
    List<double[]> times = new ArrayList<>();
    List<double[]> ratios = new ArrayList<>();
    List<double[]> medians = new ArrayList<>();
    for (int start = 0; start < settings.number("starts"); start++) {
      List<double[]> own = pair(shape, times);
      ratios.addAll(own);
      if (!own.isEmpty()) {
        medians.add(new double[] {median(own, 0), median(own, 1), median(own, 2)});
      }
    }
    double forward = median(times, 0);
    double backward = median(times, 1);
    int rows = shape.batch() * shape.tokens();
    System.out.printf(
        Locale.ROOT,
        "| %s | %d | %d | %d | %d | %d | %.2f | %.2f | %.0f | %.0f | %.2f | %.2f |",
        shape.name(),
        shape.batch(),
        shape.tokens(),
        shape.heads(),
        shape.groups(),
        shape.headWidth(),
        1e-6 * forward,
        1e-6 * backward,
        2 * shape.flopsOfProduct() / forward,
        5 * shape.flopsOfProduct() / backward,
        1e-3 * forward / rows,
        1e-3 * backward / rows);
    for (int column = 0; column < 3 && !ratios.isEmpty(); column++) {
      int at = column;
      List<Double> each = medians.stream().map(values -> values[at]).toList();
      System.out.printf(
          Locale.ROOT, " %.3f (%s) |", median(ratios, column), Report.range(each, "%.3f"));
    }
    System.out.println();
  }

  /**
   * Rounds of one start of each build.
   *
   * @param times receives nanoseconds of this build, forward and backward, round by round
   * @return ratios of forward, backward and their sum, round by round; none without another build
   */
  private List<double[]> pair(Case shape, List<double[]> times) throws IOException {
    List<double[]> ratios = new ArrayList<>();
    Child[] children = new Child[builds.size()];
    try {
      for (int i = 0; i < children.length; i++) {
        children[i] = new Child(command(builds.get(i), shape));
      }
      for (Child child : children) {
        child.answer();
      }
      for (int round = 0; round < settings.number("rounds"); round++) {
        double[][] nanos = new double[children.length][PASSES.size()];
        for (int pass = 0; pass < PASSES.size(); pass++) {
          for (int turn = 0; turn < children.length; turn++) {
            int child = (turn + round) % children.length;
            nanos[child][pass] = children[child].nanos(PASSES.get(pass));
          }
        }
        times.add(nanos[0]);
        if (children.length > 1) {
          ratios.add(
              new double[] {
                nanos[0][0] / nanos[1][0],
                nanos[0][1] / nanos[1][1],
                (nanos[0][0] + nanos[0][1]) / (nanos[1][0] + nanos[1][1])
              });
        }
      }
    } finally {
      for (Child child : children) {
        if (child != null) {
          child.close();
        }
      }
    }
    return ratios;
  }

  private List<String> command(String classPath, Case shape) {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.add("@" + System.getProperty("firesteel.jvm.options"));
    command.addAll(List.of("-XX:+UseSerialGC", "-Xmx2g", "-cp", classPath));
    command.add(AttentionTurns.class.getName());
    command.add(settings.text("precision"));
    command.add(settings.text("threads"));
    for (int number :
        List.of(shape.batch(), shape.tokens(), shape.heads(), shape.groups(), shape.headWidth())) {
      command.add(Integer.toString(number));
    }
    command.add(settings.text("warm_up_seconds"));
    return command;
  }

  private static double median(List<double[]> rows, int column) {
    return Report.median(rows.stream().map(row -> row[column]).toList());
  }

  /** A child JVM; it ends with its input. */
  private static final class Child implements AutoCloseable {
    private final Process process;
    private final Writer commands;
    private final BufferedReader answers;

    Child(List<String> command) throws IOException {
      ProcessBuilder builder =
          new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT);
      builder.environment().put("OMP_NUM_THREADS", "1");
      process = builder.start();
      commands = process.outputWriter(StandardCharsets.UTF_8);
      answers = process.inputReader(StandardCharsets.UTF_8);
    }

    double nanos(String pass) throws IOException {
      commands.write(pass + "\n");
      commands.flush();
      return Double.parseDouble(answer());
    }

    String answer() throws IOException {
      for (String line = answers.readLine(); line != null; line = answers.readLine()) {
        if (line.startsWith(WorkServer.MARK)) {
          return line.substring(WorkServer.MARK.length());
        }
      }
      throw new IOException("the JVM ended before it answered");
    }

    @Override
    public void close() {
      process.destroyForcibly().onExit().join();
    }
  }
}
