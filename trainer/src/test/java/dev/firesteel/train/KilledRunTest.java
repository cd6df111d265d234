package dev.firesteel.train;

import static org.assertj.core.api.Assertions.assertThat;

import dev.firesteel.config.PretrainConfig;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class KilledRunTest {
  private static final int MOST_SESSIONS = 40;

  @TempDir Path folder;

  @Test
  void aRunKilledAgainAndAgainGivesTheBytesOfOneLeftAlone() throws Exception {
    TinyRun.prepare(folder);
    PretrainConfig whole = KilledRunMain.config(folder, "whole");
    TinyRun.train(whole);

    // At any instant: in a step, in the middle of a checkpoint, between two.
    Random random = new Random(11);
    PretrainConfig killed = KilledRunMain.config(folder, "killed");
    int sessions = 0;
    int kills = 0;
    for (boolean completed = false; !completed; sessions++) {
      assertThat(sessions).isLessThan(MOST_SESSIONS);
      completed = session(2 + random.nextInt(3), random.nextInt(60));
      kills += completed ? 0 : 1;
    }

    assertThat(kills).isGreaterThan(2);
    for (String file :
        List.of("model.safetensors", "trainer/optimizer-00001-of-00001.safetensors")) {
      assertThat(TinyRun.file(killed, 12, file)).as(file).isEqualTo(TinyRun.file(whole, 12, file));
    }
    assertThat(TinyRun.metrics(killed)).isEqualTo(TinyRun.metrics(whole));
  }

  /** One process, killed some time after so many lines; whether it came to its end before. */
  private boolean session(int lines, int millis) throws IOException, InterruptedException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(
        List.of(
            "-Xmx256m", "-XX:TieredStopAtLevel=1", "-cp", System.getProperty("java.class.path")));
    command.addAll(List.of(KilledRunMain.class.getName(), folder.toString(), "killed"));
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
