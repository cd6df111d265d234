package dev.firesteel.benchmarks;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.management.GarbageCollectorMXBean;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;

/**
 * The child's side of a measurement: reads {@code run N} from standard input, runs N steps, writes
 * a line for each; {@code collect} collects garbage; ends at the end of input. Lines are marked,
 * since native libraries write to standard output too.
 */
final class StepWorker {
  static final String MARK = "firesteel-benchmark ";

  private StepWorker() {}

  static void serve(TrainingStep trainer) throws IOException {
    PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    out.println(MARK + "ready " + trainer.description());
    BufferedReader in =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      if (line.equals("collect")) {
        System.gc();
        continue;
      }
      int steps = Integer.parseInt(line.substring("run ".length()));
      long collections = collections();
      long allocated = HeapUse.allocatedBytes();
      for (int i = 0; i < steps; i++) {
        long start = System.nanoTime();
        TrainingStep.Result result = trainer.step();
        long nanos = System.nanoTime() - start;
        out.println(MARK + "step " + nanos + " " + result.loss() + " " + result.gradientNorm());
      }
      out.println(
          MARK
              + "done "
              + (HeapUse.allocatedBytes() - allocated) / Math.max(1, steps)
              + " "
              + (collections() - collections));
    }
    trainer.close();
  }

  static long collections() {
    return ManagementFactory.getGarbageCollectorMXBeans().stream()
        .mapToLong(GarbageCollectorMXBean::getCollectionCount)
        .sum();
  }
}
