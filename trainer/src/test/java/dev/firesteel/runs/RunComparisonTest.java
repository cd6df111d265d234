package dev.firesteel.runs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.firesteel.error.UserException;
import dev.firesteel.train.TinyRun;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.apache.hadoop.conf.Configuration;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RunComparisonTest {
  @TempDir private Path folder;

  @BeforeEach
  void train() throws IOException {
    TinyRun.prepare(folder);
    TinyRun.train(TinyRun.config(folder, "name=slow"));
    TinyRun.train(TinyRun.config(folder, "name=fast", "optimizer.learning_rate=0.05"));
  }

  private String page(String... runs) {
    return new String(
        RunComparison.of(
                Arrays.stream(runs)
                    .map(run -> new org.apache.hadoop.fs.Path(folder + "/runs/" + run))
                    .toList(),
                new Configuration())
            .page(),
        StandardCharsets.UTF_8);
  }

  @Test
  void showsKeysThatDifferAndNoOthers() {
    String page = page("slow", "fast");

    assertThat(page).contains("<td>optimizer.learning_rate</td><td>0.01</td><td>0.05</td>");
    assertThat(page).doesNotContain("<td>model.width</td>").doesNotContain("<td>name</td>");
  }

  @Test
  void drawsEachMetricWithACurveOfEachRun() {
    String page = page("slow", "fast");

    assertThat(page).contains(">Validation loss</text>").contains(">Learning rate</text>");
    int begin = page.indexOf("<svg");
    String first = page.substring(begin, page.indexOf("</svg>", begin));
    assertThat(first).contains("Validation loss").contains(">slow ").contains(">fast ");
    assertThat(page).contains("Validation loss over tokens");
  }

  @Test
  void aRunKeepsItsColourWhereAnotherHasNoSuchMetric() throws IOException {
    Path rows = folder.resolve("runs/slow/metrics.jsonl");
    Files.writeString(rows, Files.readString(rows).replace("\"lr\"", "\"other_lr\""));

    String page = page("slow", "fast");

    int begin = page.indexOf("<svg", page.indexOf(">Learning rate</text>") - 2000);
    while (!page.substring(begin, page.indexOf("</svg>", begin)).contains(">Learning rate<")) {
      begin = page.indexOf("<svg", begin + 1);
    }
    assertThat(page.substring(begin, page.indexOf("</svg>", begin)))
        .contains("#d6600a")
        .doesNotContain("#1f77b4");
  }

  @Test
  void saysThatNothingDiffers() {
    assertThat(page("slow", "slow")).contains("All keys are equal.");
  }

  @Test
  void refusesWhatCannotBeCompared() {
    assertThatThrownBy(() -> page("slow"))
        .isInstanceOf(UserException.class)
        .hasMessage("two to 7 runs can be compared, got 1: name their directories");
    assertThatThrownBy(() -> page("slow", "none"))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("runs/none must be a run directory");
  }
}
