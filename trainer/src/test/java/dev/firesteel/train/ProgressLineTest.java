package dev.firesteel.train;

import static org.assertj.core.api.Assertions.assertThat;

import dev.firesteel.metrics.Headline;
import dev.firesteel.metrics.Measures;
import dev.firesteel.metrics.Metric;
import dev.firesteel.metrics.Metrics;
import dev.firesteel.metrics.Unit;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;

class ProgressLineTest {

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
        .contains("\nInterrupted at step 101; run the same command to resume\n")
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
        .contains("The run is already complete: all 200 steps are done")
        .doesNotContain("Done");
  }

  @Test
  void showsANumberThatItHasNeverHeardOf() {
    Metric reward = Metric.of("reward", "reward", Unit.NONE);
    Metric accuracy = Metric.of("val_accuracy", "accuracy", Unit.SHARE);
    Metric quiet = Metric.of("kl", "divergence", Unit.NONE).offProgressLine();
    String text =
        shown(
            new TrainingEvent.Started(plan(0, 0)),
            new TrainingEvent.Evaluated(
                100, Measures.of(reward, 0.25).with(accuracy, 0.5).with(quiet, 2)),
            new TrainingEvent.Evaluated(100, Measures.of(quiet, 2)),
            new TrainingEvent.StepLogged(
                100, 51_200, Measures.of(quiet, 1).with(reward, 1.5), false, Measures.none()));

    assertThat(text)
        .isEqualTo(
            """
            tiny: 1,234,567 parameters, 200 steps of 512 tokens, reference
            step 100/200 · reward 0.2500 · accuracy 0.5000
            step 100/200 · reward 1.500 · 0 s left
            """);
  }

  @Test
  void saysWhereTheValidationLossIsHeading() {
    TrainingEvent[] events = new TrainingEvent[9];
    events[0] = new TrainingEvent.Started(plan(0, 0));
    for (int i = 1; i <= 8; i++) {
      double loss = 2 + Math.pow(25.0 * i / 200, -0.5);
      events[i] = new TrainingEvent.Evaluated(25L * i, Measures.of(Metrics.VALIDATION_LOSS, loss));
    }
    List<String> lines = shown(events).lines().toList();

    assertThat(lines.get(5)).as("five evaluations are too few").doesNotContain("at the end");
    assertThat(lines.get(6)).startsWith("step 150/200").contains("at the end about 3.00");
    assertThat(lines.get(7)).contains("at the end about 3.00");
    assertThat(lines.get(8)).as("it is the end").doesNotContain("at the end");
  }

  private static String shown(TrainingEvent... events) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    ProgressLine line =
        new ProgressLine(new PrintStream(bytes, true, StandardCharsets.UTF_8), false);
    for (TrainingEvent event : events) {
      line.onEvent(event);
    }
    return bytes.toString(StandardCharsets.UTF_8).replace(System.lineSeparator(), "\n");
  }

  private static TrainingPlan plan(long fromStep, long trainingTokens) {
    return new TrainingPlan(
        "tiny",
        "pretrain",
        "runs/tiny",
        "reference",
        1,
        1234567,
        fromStep,
        200,
        512,
        1,
        trainingTokens,
        64,
        Headline.less(Metrics.VALIDATION_LOSS));
  }

  private static String end(long fromStep, long step) {
    return shown(
        new TrainingEvent.Started(plan(fromStep, 10_240)),
        new TrainingEvent.Ended(TrainingOutcome.COMPLETED, step));
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
    line.onEvent(new TrainingEvent.Started(plan(0, 10_240)));
    Measures evaluation =
        Measures.of(Metrics.VALIDATION_LOSS, Math.log(10)).with(Metrics.BITS_PER_BYTE, 3.2);
    line.onEvent(new TrainingEvent.StepLogged(0, 0, Measures.none(), false, Measures.none()));
    line.onEvent(new TrainingEvent.Evaluated(100, evaluation));
    Measures training =
        Measures.of(Metrics.LOSS, 2.5)
            .with(Metrics.LEARNING_RATE, 1e-3)
            .with(Metrics.TOKENS_PER_SECOND, 1000)
            .with(Metrics.STEP_MILLIS, 512);
    line.onEvent(new TrainingEvent.StepLogged(100, 51_200, training, false, evaluation));
    line.onEvent(
        new TrainingEvent.CheckpointCommitted(
            100, "file:/tmp/runs/tiny/checkpoints/step-00000100"));
    line.onEvent(new TrainingEvent.StepSkipped(101, Double.NaN, Double.POSITIVE_INFINITY));
    line.onEvent(new TrainingEvent.Ended(TrainingOutcome.INTERRUPTED, 101));
    return bytes.toString(StandardCharsets.UTF_8).replace(System.lineSeparator(), "\n");
  }
}
