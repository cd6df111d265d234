package dev.firesteel.benchmarks;

import dev.firesteel.benchmarks.Contender.Kind;
import java.nio.file.Path;
import java.util.List;

/** A benchmark whose contender waits for its turn: prints the contender's process id, and waits. */
final class ContenderParent {
  private ContenderParent() {}

  public static void main(String[] arguments) throws InterruptedException {
    Path java = Path.of(System.getProperty("java.home"));
    Contender contender =
        new Contender(Kind.FIRESTEEL_FP32, "Idle", "nothing", 1, java, List.of("-Xmx64m"));
    contender.check();
    System.out.println(contender.pid());
    Thread.sleep(Long.MAX_VALUE);
  }
}
