package dev.firesteel.train;

import static org.assertj.core.api.Assertions.assertThat;

import dev.firesteel.config.PretrainConfig;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class KilledRunTest {
  @TempDir Path folder;

  @Test
  void aRunKilledAgainAndAgainGivesTheBytesOfOneLeftAlone() throws Exception {
    TinyRun.prepare(folder);
    PretrainConfig whole = KilledRunMain.config(folder, "whole");
    TinyRun.train(whole);

    PretrainConfig killed = KilledRunMain.config(folder, "killed");
    int kills = KilledProcess.untilCompleted(KilledRunMain.class, folder.toString(), killed.name());

    assertThat(kills).isGreaterThan(2);
    for (String file :
        List.of("model.safetensors", "trainer/optimizer-00001-of-00001.safetensors")) {
      assertThat(TinyRun.file(killed, 12, file)).as(file).isEqualTo(TinyRun.file(whole, 12, file));
    }
    assertThat(TinyRun.metrics(killed)).isEqualTo(TinyRun.metrics(whole));
  }
}
