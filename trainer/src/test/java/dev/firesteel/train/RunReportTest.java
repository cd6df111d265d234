package dev.firesteel.train;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.firesteel.checkpoint.CheckpointManifest;
import dev.firesteel.config.ConfigLoader;
import dev.firesteel.config.PretrainConfig;
import dev.firesteel.metrics.Headline;
import dev.firesteel.metrics.Metric;
import dev.firesteel.metrics.Metrics;
import dev.firesteel.metrics.Unit;
import dev.firesteel.run.RunDirectory;
import dev.firesteel.run.StepRows;
import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RunReportTest {
  @TempDir Path folder;

  @Test
  void holdsCurvesFactsSampleAndConfiguration() throws Exception {
    PretrainConfig config = TinyRun.config(folder);
    RunDirectory run = TinyRun.directory(config);
    run.writeConfig(config);
    writeRows(run, 2000);
    try (StepRows samples = run.openRows(RunDirectory.SAMPLES, -1)) {
      samples.append(row(9).put("text", "if (a < b && c > d) \uD83D\uDE00"));
    }
    RunReport.write(run);

    Path path = Path.of(run.path().toString());
    String page = Files.readString(path.resolve("report.html"));
    assertThat(page)
        .contains("<h1>tiny</h1>")
        .contains("<td>2,000</td>")
        .contains("<th>Validation loss</th><td>0.6800 nats per token, at step 2,000</td>")
        .contains("<th>Bits per byte</th><td>0.9100 bits per byte, at step 2,000</td>")
        .contains("<th>Learning rate</th><td>0.001000, at step 2,000</td>")
        .contains("<th>Allocated per step</th><td>20,005 bytes, at step 2,000</td>")
        .contains("<pre>if (a &lt; b &amp;&amp; c &gt; d) \uD83D\uDE00</pre>")
        .contains("  micro_batch_size: 2\n")
        .doesNotContain("<script", "http");
    assertThat(charts(page))
        .containsExactly(
            "Loss",
            "Bits per byte",
            "Throughput",
            "Learning rate",
            "Gradient norm before clipping",
            "Java heap allocated per step",
            "Garbage collection per step");
    assertThat(page.length()).isLessThan(400_000);

    String svg = Files.readString(path.resolve("loss.svg"));
    assertThat(charts(svg)).containsExactly("Loss");
    BufferedImage png =
        ImageIO.read(new ByteArrayInputStream(Files.readAllBytes(path.resolve("loss.png"))));
    assertThat(png.getWidth()).isEqualTo(1360);
    assertThat(blueShare(png)).isGreaterThan(0.001);
  }

  @Test
  void forecastsTheLossOfARunThatHasNotEnded() throws IOException {
    PretrainConfig config =
        ConfigLoader.parse(
            PretrainConfig.class,
            ConfigLoader.toYaml(TinyRun.config(folder)),
            "tiny",
            List.of("training.steps=100", "schedule.decay_steps=0"));
    RunDirectory run = TinyRun.directory(config);
    run.writeConfig(config);
    try (StepRows rows = run.openRows(RunDirectory.METRICS, -1)) {
      for (int step = 5; step <= 50; step += 5) {
        rows.append(row(step).put("val_loss", 2 + Math.pow(step / 100.0, -0.5)));
      }
    }
    RunReport.write(run);
    assertThat(new String(run.read("report.html").orElseThrow(), StandardCharsets.UTF_8))
        .contains("Expected validation loss at the end: 3.00");
  }

  @Test
  void showsANumberThatItHasNeverHeardOf() throws IOException {
    RunDirectory run = TinyRun.directory(TinyRun.config(folder));
    Metric reward =
        new Metric("reward", "mean reward", Unit.SHARE, "Reward <of answers>", true, true);
    ObjectNode facts = CheckpointManifest.JSON.createObjectNode();
    facts.set("metrics", CheckpointManifest.JSON.valueToTree(List.of(reward, Metrics.LOSS)));
    facts.withArray("metrics").addObject().put("key", "kl").put("of_a_later_version", 1);
    facts.set("headline", CheckpointManifest.JSON.valueToTree(Headline.more(reward)));
    run.replace(RunDirectory.RUN, facts.toString().getBytes(StandardCharsets.UTF_8));
    try (StepRows rows = run.openRows(RunDirectory.METRICS, -1)) {
      for (int step = 1; step <= 3; step++) {
        rows.append(
            row(step)
                .put("tokens", step * 64L)
                .put("loss", 1.0 / step)
                .put("kl_mean", 2.5)
                .put("skipped", true)
                .put("reward", step / 4.0));
      }
    }
    assertThat(RunReport.write(run)).isEmpty();

    String page = new String(run.read("report.html").orElseThrow(), StandardCharsets.UTF_8);
    assertThat(page)
        .contains("<th>Mean reward</th><td>0.7500, at step 3</td>", ">mean reward 0.7500</text>")
        .contains("<th>Kl mean</th><td>2.500, at step 3</td>");
    assertThat(charts(page)).containsExactly("Reward &lt;of answers&gt;", "Loss", "Kl mean");
    String svg = new String(run.read("loss.svg").orElseThrow(), StandardCharsets.UTF_8);
    assertThat(charts(svg)).as("the headline").containsExactly("Reward &lt;of answers&gt;");
    assertThat(run.read("loss.png")).isPresent();
  }

  @Test
  void beginsWithADiagnosisAndShowsSamplesOfThePromptsBesideEachOther() throws IOException {
    RunDirectory run = TinyRun.directory(TinyRun.config(folder));
    try (StepRows rows = run.openRows(RunDirectory.METRICS, -1)) {
      for (int step = 1; step <= 3; step++) {
        rows.append(row(step).put("policy_entropy_avg", 0.001).put("grad_norm", 1));
      }
    }
    try (StepRows samples = run.openRows(RunDirectory.SAMPLES, -1)) {
      for (int step = 1; step <= 7; step++) {
        samples.append(
            row(step).put("text", "One: a%d%sTwo: b%d".formatted(step, "\n---\n", step)));
      }
    }
    run.replace(
        RunReport.CALIBRATION,
        "{\"bins\": [{\"pairs\": 3, \"confidence\": 0.7, \"accuracy\": 1}, {\"pairs\": 0}]}"
            .getBytes(StandardCharsets.UTF_8));
    List<String> notices = new ArrayList<>();
    RunReport.atEndOf(
            run,
            event -> notices.add(((TrainingEvent.Notice) event).line()),
            Duration.ofSeconds(20))
        .onEvent(new TrainingEvent.Ended(TrainingOutcome.COMPLETED, 3));

    String page = new String(run.read("report.html").orElseThrow(), StandardCharsets.UTF_8);
    assertThat(page)
        .contains("<div class=\"finding severe\">\n<p><b>Severe: Entropy</b></p>")
        .contains("<p>0.00100 nats per token at the end, 0.00100 at the beginning.</p>")
        .contains("<td>Gradient norm</td>")
        .contains("<th>step 1</th><th>step 3</th><th>step 5</th><th>step 7</th>")
        .contains("<tr><td>One: a1</td><td>One: a3</td><td>One: a5</td><td>One: a7</td></tr>")
        .contains("<tr><td>Two: b1</td>")
        .contains("<title>3 pairs: confidence 0.700, right 1.000</title>");
    assertThat(page.indexOf("<h2>Diagnosis</h2>")).isLessThan(page.indexOf("<svg"));
    assertThat(notices).hasSize(1);
    assertThat(notices.get(0)).startsWith("Diagnosis: Entropy: 0.00100 nats per token");
  }

  @Test
  void saysSoWhereItCannotBeWritten() throws IOException {
    Files.writeString(folder.resolve("runs"), "no folder");
    RunDirectory run = TinyRun.directory(TinyRun.config(folder));
    List<String> notices = new ArrayList<>();
    RunReport.atEndOf(
            run, event -> notices.add(((TrainingEvent.Notice) event).line()), Duration.ofMinutes(1))
        .onEvent(new TrainingEvent.Ended(TrainingOutcome.COMPLETED, 1));
    assertThat(notices).hasSize(1);
    assertThat(notices.get(0)).startsWith("The report of " + run + " could not be written: ");
  }

  @Test
  void needsNoMetrics() {
    PretrainConfig config = TinyRun.config(folder);
    RunDirectory run = TinyRun.directory(config);
    run.writeConfig(config);
    RunReport.write(run);
    assertThat(new String(run.read("report.html").orElseThrow(), StandardCharsets.UTF_8))
        .doesNotContain("<svg");
    assertThat(run.read("loss.png")).isEmpty();
  }

  private static List<String> charts(String page) {
    return Pattern.compile("aria-label=\"([^\"]*) over the step\"")
        .matcher(page)
        .results()
        .map(match -> match.group(1))
        .toList();
  }

  private static void writeRows(RunDirectory run, int steps) {
    try (StepRows rows = run.openRows(RunDirectory.METRICS, -1)) {
      for (int step = 0; step <= steps; step++) {
        ObjectNode row = row(step).put("tokens", step * 64L);
        if (step > 0) {
          row.put("loss", 0.5 + 3.5 * Math.exp(-step / 300.0) + 0.1 * Math.sin(step));
          row.put("lr", 1e-3 * Math.min(1, step / 100.0));
          row.put("grad_norm", 1 + 0.3 * Math.cos(step));
          row.put("tokens_per_second", 40_000 + 100 * (step % 7));
          row.put("allocated_bytes_per_step", 20_000 + step % 7);
          row.put("gc_ms", 0.25);
        }
        if (step % 250 == 0) {
          row.put("val_loss", step == steps ? 0.68 : 0.7 + 3.5 * Math.exp(-step / 300.0));
          row.put("val_bpb", 0.91);
        }
        rows.append(row);
      }
    }
  }

  private static ObjectNode row(long step) {
    return JsonNodeFactory.instance.objectNode().put("step", step);
  }

  /** Pixels of the training curve's colour. */
  private static double blueShare(BufferedImage image) {
    int blue = 0;
    for (int y = 0; y < image.getHeight(); y++) {
      for (int x = 0; x < image.getWidth(); x++) {
        blue += (image.getRGB(x, y) & 0xffffff) == 0x1f77b4 ? 1 : 0;
      }
    }
    return (double) blue / (image.getWidth() * image.getHeight());
  }
}
