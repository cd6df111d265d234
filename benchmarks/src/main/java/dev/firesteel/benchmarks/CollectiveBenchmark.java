package dev.firesteel.benchmarks;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * A whole sum of an array over processes on this machine, reduce-scatter and all-gather, beside
 * what bare sockets move: in each round the processes first send and receive, with no frames, no
 * checksums and no sums, as many bytes as a rank does in the collective. The collective's frames go
 * through memory that the processes share, as they do between ranks of one machine, or by sockets,
 * as they do between machines. Both are in bytes that one process sends (and receives as many) in a
 * second; with BF16 as if it sent float32.
 *
 * <pre>
 * ./mvnw -q -Pcollective -pl benchmarks -am verify -DskipTests -Dbenchmark="ranks=2,4 megabytes=100,4 rounds=15"
 * </pre>
 */
public final class CollectiveBenchmark {
  private static final Map<String, String> DEFAULTS =
      Map.of(
          "ranks",
          "2,4",
          "megabytes",
          "100,4",
          "formats",
          "FP32,BF16",
          "ways",
          "memory,sockets",
          "rounds",
          "15",
          "out",
          "");

  private CollectiveBenchmark() {}

  /** Runs all combinations; settings {@code key=value}. */
  public static void main(String[] args) throws IOException {
    Settings settings = Settings.of(DEFAULTS, args);
    List<String> lines = new ArrayList<>();
    lines.add(Machine.describe());
    lines.add("");
    lines.add(
        "| ranks | array | gradients | frames by | sockets MB/s | collective MB/s | share | share, extremes |");
    lines.add("|---|---|---|---|---|---|---|---|");
    for (int ranks : settings.numbers("ranks")) {
      for (int megabytes : settings.numbers("megabytes")) {
        for (String format : settings.list("formats")) {
          for (String way : settings.list("ways")) {
            lines.add(measure(ranks, megabytes, format, way, settings.number("rounds")));
          }
        }
      }
    }
    String report = String.join("\n", lines) + "\n";
    System.out.print(report);
    if (!settings.text("out").isEmpty()) {
      Files.writeString(Path.of(settings.text("out")), report, StandardCharsets.UTF_8);
    }
  }

  private static String measure(int ranks, int megabytes, String format, String way, int rounds)
      throws IOException {
    int floats = megabytes * 250_000;
    double sent = 2.0 * (ranks - 1) / ranks * floats * Float.BYTES;
    double[] sockets = new double[rounds];
    double[] collective = new double[rounds];
    double[] share = new double[rounds];
    try (CollectiveRanks processes = CollectiveRanks.start(ranks, floats, format, way)) {
      // The first rounds compile.
      for (int round = -2; round < rounds; round++) {
        double bare = sent / processes.run(CollectiveRank.SOCKETS);
        double summed = sent / processes.run(CollectiveRank.COLLECTIVE);
        if (round >= 0) {
          sockets[round] = bare * 1e3;
          collective[round] = summed * 1e3;
          share[round] = summed / bare;
        }
      }
    }
    Arrays.sort(share);
    return String.format(
        Locale.ROOT,
        "| %d | %d MB | %s | %s | %.0f | %.0f | %.2f | %.2f to %.2f |",
        ranks,
        megabytes,
        format,
        way,
        Report.median(sockets),
        Report.median(collective),
        Report.median(share),
        share[0],
        share[rounds - 1]);
  }
}
