package dev.firesteel.train;

import dev.firesteel.config.PretrainConfig;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/** The tiny run as a process of its own, to be killed: prints a line for each event. */
final class KilledRunMain {
  private KilledRunMain() {}

  static PretrainConfig config(Path folder, String name) {
    return TinyRun.config(
        folder, "name=" + name, "checkpoint.every=1", "checkpoint.keep_last=2", "logging.every=1");
  }

  public static void main(String[] arguments) {
    PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    TrainingOutcome outcome =
        TinyRun.train(
            config(Path.of(arguments[0]), arguments[1]),
            event -> {
              if (event instanceof TrainingEvent.StepLogged metrics) {
                out.println("step " + metrics.step());
              }
            },
            new StopSignal());
    out.println(outcome);
  }
}
