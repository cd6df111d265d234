package dev.firesteel.train;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import org.junit.jupiter.api.Test;

class ProgressLineTest {
  private static final TrainingPlan PLAN =
      new TrainingPlan("tiny", "runs/tiny", "reference", 1, 1234567, 0, 200, 512, 1, 10_240, 64);

  @Test
  void writesLinesWhereThereIsNoTerminal() {
    String text = show(false);
    assertThat(text)
        .startsWith(
            "tiny: 1,234,567 parameters, 200 steps of 512 tokens (10.00 epochs of 10,240 tokens), reference\n")
        .containsPattern("\nstep 100/200 · loss 2\\.5000 · 1000 tokens/s · 0 s left\n")
        .contains(
            "\nstep 100/200 · validation loss 2.3026 · perplexity 10.00 · 3.2000 bits per byte\n")
        .contains("\nCheckpoint /tmp/runs/tiny/checkpoints/step-00000100\n")
        .contains("\nSkipped the update of step 101: loss NaN, gradient norm Infinity\n")
        .contains("\nInterrupted at step 101; the same command goes on from there\n")
        .doesNotContain("\r");
  }

  @Test
  void writesOverTheLineOnATerminal() {
    assertThat(show(true))
        .contains(
            "\r\033[Kstep 100/200 · loss 2.5000 · 1000 tokens/s · 0 s left\r\033[KCheckpoint");
  }

  @Test
  void saysWhereTheReportOfAFinishedRunIs() {
    assertThat(end(0, 200))
        .contains("Done: 200 steps in 0 s; curves and samples are in runs/tiny/report.html");
  }

  @Test
  void aRunThatWasCompleteIsNotDoneOnceMore() {
    assertThat(end(200, 200))
        .contains("The run is complete: all 200 steps are done")
        .doesNotContain("Done");
  }

  private static String end(long fromStep, long step) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    ProgressLine line =
        new ProgressLine(new PrintStream(bytes, true, StandardCharsets.UTF_8), false);
    line.onStart(
        new TrainingPlan(
            "tiny", "runs/tiny", "reference", 1, 1234567, fromStep, 200, 512, 1, 10_240, 64));
    line.onEnd(TrainingOutcome.COMPLETED, step);
    return bytes.toString(StandardCharsets.UTF_8);
  }

  @Test
  void namesDurations() {
    assertThat(ProgressLine.duration(Duration.ofMillis(400))).isEqualTo("0 s");
    assertThat(ProgressLine.duration(Duration.ofSeconds(59))).isEqualTo("59 s");
    assertThat(ProgressLine.duration(Duration.ofSeconds(80))).isEqualTo("1 min 20 s");
    assertThat(ProgressLine.duration(Duration.ofSeconds(2 * 3600 + 125))).isEqualTo("2 h 2 min");
  }

  private static String show(boolean terminal) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    ProgressLine line =
        new ProgressLine(new PrintStream(bytes, true, StandardCharsets.UTF_8), terminal);
    line.onStart(PLAN);
    EvaluationResult result = new EvaluationResult(Math.log(10), 3.2, 64);
    line.onEvaluation(100, result);
    line.onStep(new StepMetrics(100, 51_200, 2.5, 1e-3, 0.7, 1000, 512, 0, 0, false, result));
    line.onCheckpoint(100, "file:/tmp/runs/tiny/checkpoints/step-00000100");
    line.onSkip(101, Double.NaN, Double.POSITIVE_INFINITY);
    line.onEnd(TrainingOutcome.INTERRUPTED, 101);
    return bytes.toString(StandardCharsets.UTF_8).replace(System.lineSeparator(), "\n");
  }
}
