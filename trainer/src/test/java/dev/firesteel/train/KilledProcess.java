package dev.firesteel.train;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;

/**
 * A run as processes that are killed one after the other, at any instant: in a step, in the middle
 * of a checkpoint, between two.
 */
public final class KilledProcess {
  private static final int MOST_SESSIONS = 40;

  private KilledProcess() {}

  /**
   * Starts a main class until one process comes to its end; those before are killed by SIGKILL. The
   * class prints a line for each step, and its {@link TrainingOutcome} at the end.
   *
   * @return how many were killed
   */
  public static int untilCompleted(Class<?> main, String... arguments)
      throws IOException, InterruptedException {
    Random random = new Random(11);
    for (int kills = 0; kills < MOST_SESSIONS; kills++) {
      if (session(main, arguments, 2 + random.nextInt(3), random.nextInt(60))) {
        return kills;
      }
    }
    throw new AssertionError(main + " was not complete after " + MOST_SESSIONS + " processes");
  }

  /** One process, killed some time after so many lines; whether it came to its end before. */
  private static boolean session(Class<?> main, String[] arguments, int lines, int millis)
      throws IOException, InterruptedException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(
        List.of(
            "-Xmx256m", "-XX:TieredStopAtLevel=1", "-cp", System.getProperty("java.class.path")));
    command.add(main.getName());
    command.addAll(Arrays.asList(arguments));
    Process process =
        new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.DISCARD).start();
    boolean completed = false;
    try (BufferedReader out = process.inputReader()) {
      String line = "";
      for (int i = 0; i < lines && line != null; i++) {
        line = out.readLine();
        completed |= TrainingOutcome.COMPLETED.name().equals(line);
      }
      Thread.sleep(millis);
    } finally {
      process.destroyForcibly();
      assertThat(process.waitFor(30, TimeUnit.SECONDS)).isTrue();
    }
    return completed;
  }
}
