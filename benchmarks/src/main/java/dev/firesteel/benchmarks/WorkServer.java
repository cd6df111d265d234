package dev.firesteel.benchmarks;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.management.GarbageCollectorMXBean;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;

/**
 * The child's side of a measurement: reads {@code check}, {@code run N} or {@code collect} from
 * standard input, writes a line for each unit of work, ends at the end of input. Lines are marked,
 * since native libraries write to standard output too.
 */
final class WorkServer {
  static final String MARK = "firesteel-benchmark ";

  private final Work work;
  private final PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);

  private WorkServer(Work work) {
    this.work = work;
  }

  static void serve(Work work) throws IOException {
    new WorkServer(work).serve();
  }

  private void serve() throws IOException {
    say("ready %s, Java %s", work.description(), System.getProperty("java.version"));
    BufferedReader in =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      switch (line) {
        case "collect" -> {
          HeapUse.collect();
          say("collected now");
        }
        case "check" -> say("checked %s", numbers(work.check()));
        default -> run(Integer.parseInt(line.substring("run ".length())));
      }
    }
    work.close();
  }

  private void run(int units) {
    long collections = collections();
    long allocated = HeapUse.allocatedBytes();
    for (int i = 0; i < units; i++) {
      long start = System.nanoTime();
      double[] told = work.run();
      say("unit %d %s", System.nanoTime() - start, numbers(told));
    }
    say(
        "done %d %d %d",
        (HeapUse.allocatedBytes() - allocated) / Math.max(1, units),
        collections() - collections,
        HeapUse.peakBytes());
  }

  private static String numbers(double... values) {
    return Arrays.stream(values).mapToObj(Double::toString).collect(Collectors.joining(" "));
  }

  private void say(String format, Object... arguments) {
    out.println(MARK + String.format(Locale.ROOT, format, arguments));
  }

  static long collections() {
    return ManagementFactory.getGarbageCollectorMXBeans().stream()
        .mapToLong(GarbageCollectorMXBean::getCollectionCount)
        .sum();
  }
}
