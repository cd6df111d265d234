package dev.firesteel.train;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.firesteel.config.RunConfig;
import dev.firesteel.run.RunDirectory;
import dev.firesteel.run.StepRows;
import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.StringReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import javax.imageio.ImageIO;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.xml.sax.InputSource;

class RunReportTest {
  @TempDir Path folder;

  @Test
  void holdsCurvesFactsSampleAndConfiguration() throws Exception {
    RunConfig config = TinyRun.config(folder);
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
        .contains("<td>2,000</td>", "0.6800 nats per token, 0.9100 bits per byte, at step 2,000")
        .contains("20,005 bytes allocated, 0.3 ms of collecting garbage, at step 2,000")
        .contains("<pre>if (a &lt; b &amp;&amp; c &gt; d) \uD83D\uDE00</pre>")
        .contains("  micro_batch_size: 2\n")
        .doesNotContain("<script", "http");
    assertThat(page.split("<img alt=\"[^\"]+\" src=\"data:image/svg\\+xml;base64,", -1))
        .hasSize(1 + 4);
    assertThat(page.length()).isLessThan(800_000);

    String svg = Files.readString(path.resolve("loss.svg"));
    DocumentBuilderFactory xml = DocumentBuilderFactory.newInstance();
    xml.setFeature("http://apache.org/xml/features/nonvalidating/load-external-dtd", false);
    assertThat(
            xml.newDocumentBuilder()
                .parse(new InputSource(new StringReader(svg)))
                .getDocumentElement()
                .getTagName())
        .isEqualTo("svg");
    BufferedImage png =
        ImageIO.read(new ByteArrayInputStream(Files.readAllBytes(path.resolve("loss.png"))));
    assertThat(png.getWidth()).isEqualTo(1520);
    assertThat(blueShare(png)).isGreaterThan(0.001);
  }

  @Test
  void saysSoWhereItCannotBeWritten() throws IOException {
    Files.writeString(folder.resolve("runs"), "no folder");
    RunDirectory run = TinyRun.directory(TinyRun.config(folder));
    List<String> notices = new ArrayList<>();
    RunReport.atEndOf(
            run,
            new TrainingListener() {
              @Override
              public void onNotice(String line) {
                notices.add(line);
              }
            },
            Duration.ofMinutes(1))
        .onEnd(TrainingOutcome.COMPLETED, 1);
    assertThat(notices).hasSize(1);
    assertThat(notices.get(0)).startsWith("The report of " + run + " was not written: ");
  }

  @Test
  void needsNoMetrics() {
    RunConfig config = TinyRun.config(folder);
    RunDirectory run = TinyRun.directory(config);
    run.writeConfig(config);
    RunReport.write(run);
    assertThat(new String(run.read("report.html").orElseThrow(), StandardCharsets.UTF_8))
        .doesNotContain("<img");
    assertThat(run.read("loss.png")).isEmpty();
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
