package dev.firesteel.benchmarks;

import dev.firesteel.benchmarks.Contender.Kind;
import dev.firesteel.benchmarks.Contender.Turn;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.ToDoubleFunction;

/**
 * Contenders that take turns at the same work, A B C A B C, after all have told the same numbers.
 * What a slow phase of the machine does to one it does to its neighbours: ratios are taken within a
 * round.
 */
final class SideBySide implements AutoCloseable {
  private final List<Contender> contenders = new ArrayList<>();
  private final Map<Kind, List<Turn>> turns = new EnumMap<>(Kind.class);

  /** How the same number of two contenders may differ: {@code (index, kind, got, expected)}. */
  interface Agreement {
    boolean holds(int index, Kind kind, double got, double expected);
  }

  /**
   * Starts them all.
   *
   * @param settings with {@code contenders}, {@code jdk} and {@code heap}
   */
  SideBySide(Settings settings, String task, String subject, int threads) {
    try {
      for (Kind kind : Kind.list(settings.text("contenders"))) {
        if (kind != Kind.FIRESTEEL_BF16 || Machine.hasBf16()) {
          contenders.add(
              new Contender(kind, task, subject, threads, java(settings), jvmOptions(settings)));
        }
      }
    } catch (RuntimeException e) {
      close();
      throw e;
    }
  }

  private static Path java(Settings settings) {
    return Path.of(
        settings.text("jdk").isEmpty() ? System.getProperty("java.home") : settings.text("jdk"));
  }

  private static List<String> jvmOptions(Settings settings) {
    return List.of(
        "@" + System.getProperty("firesteel.jvm.options"), "-Xmx" + settings.text("heap"));
  }

  /** The machine's ceilings with this many threads, measured in a JVM as Firesteel's. */
  static MachineCeilings ceilings(Settings settings, int threads) {
    List<String> command = new ArrayList<>();
    command.add(java(settings).resolve(Path.of("bin", "java")).toString());
    command.addAll(jvmOptions(settings));
    command.addAll(List.of("-XX:+UseSerialGC", "-cp", System.getProperty("java.class.path")));
    command.addAll(List.of(MachineCeilings.class.getName(), Integer.toString(threads)));
    ProcessBuilder builder = new ProcessBuilder(command);
    builder.redirectError(ProcessBuilder.Redirect.INHERIT);
    builder.environment().put("OMP_NUM_THREADS", "1");
    try {
      Process process = builder.start();
      try (BufferedReader lines =
          new BufferedReader(
              new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8))) {
        return MachineCeilings.decoded(
            lines
                .lines()
                .filter(line -> line.startsWith(WorkServer.MARK))
                .findFirst()
                .orElseThrow()
                .substring(WorkServer.MARK.length()));
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  List<Contender> contenders() {
    return contenders;
  }

  /** What each contender says about itself. */
  Map<String, String> descriptions() {
    Map<String, String> all = new LinkedHashMap<>();
    contenders.forEach(each -> all.put(each.kind.label, each.description()));
    return all;
  }

  /** Has all contenders compute what must be alike, and compares it with what the first said. */
  void requireAgreement(Agreement agreement) {
    double[] expected = null;
    for (Contender contender : contenders) {
      double[] got = contender.check();
      if (expected == null) {
        expected = got;
      }
      for (int i = 0; i < expected.length; i++) {
        if (!agreement.holds(i, contender.kind, got[i], expected[i])) {
          throw new IllegalStateException(
              String.format(
                  Locale.ROOT,
                  "%s computes something else than %s: number %d is %s and %s",
                  contender.kind.label,
                  contenders.get(0).kind.label,
                  i,
                  got[i],
                  expected[i]));
        }
      }
      contender.startMemoryCount();
    }
  }

  /** Runs the warm-up: a JIT compiler has to see its loops first; libtorch is compiled. */
  void warmUp(int firesteelUnits, int peerUnits) {
    for (Contender contender : contenders) {
      contender.run(contender.kind.isPeer() ? peerUnits : firesteelUnits);
    }
  }

  /** Rounds of turns. */
  void run(int rounds, int units) {
    for (int round = 0; round < rounds; round++) {
      for (Contender contender : contenders) {
        turns.computeIfAbsent(contender.kind, kind -> new ArrayList<>()).add(contender.run(units));
      }
    }
  }

  /** Turns of a contender, round by round. */
  List<Turn> turns(Kind kind) {
    return turns.get(kind);
  }

  /**
   * A contender's speed relative to libtorch's in float32, and to the faster of libtorch's
   * contenders: two cells of a table, each the median of the rounds and their extremes, or empty
   * where there is no such peer.
   *
   * @param speed of a turn
   */
  String ratiosToPeer(Kind kind, ToDoubleFunction<Turn> speed) {
    Kind best = null;
    for (Kind each : turns.keySet()) {
      if (each.isPeer()
          && (best == null || median(turns.get(each), speed) > median(turns.get(best), speed))) {
        best = each;
      }
    }
    return ratio(kind, Kind.LIBTORCH_F32, speed) + " | " + ratio(kind, best, speed);
  }

  private static double median(List<Turn> turns, ToDoubleFunction<Turn> speed) {
    return Report.median(turns.stream().mapToDouble(speed).boxed().toList());
  }

  private String ratio(Kind kind, Kind peer, ToDoubleFunction<Turn> speed) {
    if (peer == null || !turns.containsKey(peer)) {
      return "";
    }
    List<Double> ratios = new ArrayList<>();
    for (int round = 0; round < turns.get(kind).size(); round++) {
      ratios.add(
          speed.applyAsDouble(turns.get(kind).get(round))
              / speed.applyAsDouble(turns.get(peer).get(round)));
    }
    return String.format(
        Locale.ROOT, "%.2f (%s)", Report.median(ratios), Report.range(ratios, "%.2f"));
  }

  @Override
  public void close() {
    contenders.forEach(Contender::close);
  }
}
