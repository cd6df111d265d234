package dev.firesteel.stage;

import static org.assertj.core.api.Assertions.assertThat;

import dev.firesteel.config.PpoConfig;
import dev.firesteel.example.ExampleKind;
import dev.firesteel.train.KilledProcess;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class KilledStageTest {
  @TempDir Path folder;

  @Test
  void aPpoRunKilledAgainAndAgainGivesTheBytesOfOneLeftAlone() throws Exception {
    AlignmentRun.writeModel(
        folder.resolve("model"), AlignmentRun.modelConfig(), AlignmentRun.LETTERS, 5);
    AlignmentRun.writeExamples(
        folder.resolve("data"),
        ExampleKind.PROMPT,
        AlignmentRun.LETTERS,
        AlignmentRun.prompts(10),
        AlignmentRun.prompts(3));
    PpoConfig whole = KilledStageMain.config(folder, "whole");
    AlignmentRun.train(whole);

    PpoConfig killed = KilledStageMain.config(folder, "killed");
    int kills =
        KilledProcess.untilCompleted(KilledStageMain.class, folder.toString(), killed.name());

    assertThat(kills).isGreaterThan(2);
    List<String> weights = weights(whole);
    assertThat(weights).contains("model.safetensors", "models/value/model.safetensors");
    assertThat(weights).anyMatch(file -> file.startsWith("trainer/value/optimizer"));
    assertThat(weights(killed)).isEqualTo(weights);
    for (String file : weights) {
      assertThat(AlignmentRun.file(killed, KilledStageMain.STEPS, file))
          .as(file)
          .isEqualTo(AlignmentRun.file(whole, KilledStageMain.STEPS, file));
    }
    assertThat(AlignmentRun.metrics(killed)).isEqualTo(AlignmentRun.metrics(whole));
  }

  private static List<String> weights(PpoConfig run) throws Exception {
    Path checkpoint = AlignmentRun.checkpoint(run, KilledStageMain.STEPS);
    try (Stream<Path> files = Files.walk(checkpoint)) {
      return files
          .map(file -> checkpoint.relativize(file).toString())
          .filter(file -> file.endsWith(".safetensors"))
          .sorted()
          .toList();
    }
  }
}
