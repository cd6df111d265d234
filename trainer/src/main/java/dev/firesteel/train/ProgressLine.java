package dev.firesteel.train;

import dev.firesteel.files.HadoopFiles;
import java.io.PrintStream;
import java.time.Duration;
import java.util.Locale;

/**
 * Shows a run to a person: on a terminal one line that is written over, else a line for each event.
 *
 * <pre>
 * step 1200/2000 · loss 2.0413 · 45120 tokens/s · 1 min 20 s left
 * </pre>
 */
public final class ProgressLine implements TrainingListener {
  private static final String CLEAR = "\r\033[K";

  private final PrintStream out;
  private final boolean terminal;
  private long startNanos;
  private long fromStep;
  private long steps;
  private String directory;
  private boolean open;

  /**
   * @param terminal whether {@code out} shows one, so that a line can be written over
   */
  public ProgressLine(PrintStream out, boolean terminal) {
    this.out = out;
    this.terminal = terminal;
  }

  @Override
  public void onStart(TrainingPlan plan) {
    startNanos = System.nanoTime();
    fromStep = plan.fromStep();
    steps = plan.steps();
    line(
        String.format(
            Locale.ROOT,
            "%s: %,d parameters, %,d steps of %,d tokens (%.2f epochs of %,d tokens), %s%s",
            plan.run(),
            plan.parameters(),
            plan.steps(),
            plan.tokensPerStep(),
            plan.epochs(),
            plan.trainingTokens(),
            plan.worldSize() == 1 ? "" : plan.worldSize() + " trainers of ",
            plan.backend()));
    directory = HadoopFiles.withPlainPaths(plan.directory());
    if (fromStep >= steps) {
      line(
          "The run is complete: all "
              + steps
              + " steps are done; for another, choose another name, or raise training.steps where"
              + " the schedule permits");
    } else if (fromStep > 0) {
      line("Resuming at step " + fromStep);
    }
  }

  @Override
  public void onStep(StepMetrics metrics) {
    if (metrics.step() == 0) {
      return;
    }
    String text =
        String.format(
            Locale.ROOT,
            "step %d/%d · loss %.4f · %.0f tokens/s · %s left",
            metrics.step(),
            steps,
            metrics.loss(),
            metrics.tokensPerSecond(),
            duration(left(metrics.step())));
    if (terminal) {
      out.print(CLEAR + text);
      out.flush();
      open = true;
    } else {
      line(text);
    }
  }

  @Override
  public void onEvaluation(long step, EvaluationResult result) {
    line(
        String.format(
            Locale.ROOT,
            "step %d/%d · validation loss %.4f · perplexity %.2f · %.4f bits per byte",
            step,
            steps,
            result.loss(),
            result.perplexity(),
            result.bitsPerByte()));
  }

  @Override
  public void onCheckpoint(long step, String directory) {
    line("Checkpoint " + HadoopFiles.withPlainPaths(directory));
  }

  @Override
  public void onSample(long step, String text) {
    line("Sample at step " + step + ":\n" + text.stripTrailing() + "\n");
  }

  @Override
  public void onSkip(long step, double loss, double gradientNorm) {
    line(
        String.format(
            Locale.ROOT,
            "Skipped the update of step %d: loss %s, gradient norm %s",
            step,
            loss,
            gradientNorm));
  }

  @Override
  public void onNotice(String notice) {
    line(HadoopFiles.withPlainPaths(notice));
  }

  @Override
  public void onEnd(TrainingOutcome outcome, long step) {
    if (fromStep >= steps) {
      return; // Said at the start.
    }
    line(
        switch (outcome) {
          case COMPLETED ->
              "Done: "
                  + step
                  + " steps in "
                  + duration(Duration.ofNanos(elapsedNanos()))
                  + "; curves and samples are in "
                  + directory
                  + "/"
                  + RunReport.FILE_NAME;
          case INTERRUPTED ->
              "Interrupted at step " + step + "; the same command goes on from there";
        });
  }

  private void line(String text) {
    if (open) {
      out.print(CLEAR);
      open = false;
    }
    out.println(text);
  }

  private long elapsedNanos() {
    return System.nanoTime() - startNanos;
  }

  /** At the pace of this session so far, evaluations and checkpoints included. */
  private Duration left(long step) {
    double perStep = (double) elapsedNanos() / Math.max(1, step - fromStep);
    return Duration.ofNanos((long) (perStep * (steps - step)));
  }

  static String duration(Duration duration) {
    long seconds = Math.round(duration.toMillis() / 1000.0);
    if (seconds < 60) {
      return seconds + " s";
    }
    long minutes = seconds / 60;
    if (minutes < 60) {
      return minutes + " min " + seconds % 60 + " s";
    }
    return minutes / 60 + " h " + minutes % 60 + " min";
  }
}
