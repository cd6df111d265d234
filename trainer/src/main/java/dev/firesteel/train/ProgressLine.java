package dev.firesteel.train;

import dev.firesteel.files.HadoopFiles;
import dev.firesteel.metrics.Measure;
import dev.firesteel.metrics.Measures;
import dev.firesteel.metrics.Metrics;
import dev.firesteel.metrics.Unit;
import java.io.PrintStream;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.Function;

/**
 * Shows the progress of a run: on a terminal one line that is overwritten, otherwise one line per
 * event.
 *
 * <pre>
 * step 1200/2000 · loss 2.0413 · 45120 tokens/s · 1 min 20 s left
 * </pre>
 *
 * <p>It shows every metric that has a {@linkplain dev.firesteel.metrics.Metric#onProgressLine
 * place} on it.
 */
public final class ProgressLine implements TrainingListener {
  private static final String CLEAR = "\r\033[K";
  private static final String SEPARATOR = " · ";

  private final PrintStream out;
  private final boolean terminal;
  private long startNanos;
  private long fromStep;
  private long steps;
  private String directory;
  private boolean open;
  private final FinalLoss finalLoss = new FinalLoss();

  /**
   * @param terminal whether {@code out} is a terminal, so that a line can be overwritten
   */
  public ProgressLine(PrintStream out, boolean terminal) {
    this.out = out;
    this.terminal = terminal;
  }

  @Override
  public void onEvent(TrainingEvent event) {
    if (event instanceof TrainingEvent.Started started) {
      start(started.plan());
    } else if (event instanceof TrainingEvent.StepLogged logged) {
      step(logged);
    } else if (event instanceof TrainingEvent.Evaluated evaluated) {
      evaluation(evaluated);
    } else if (event instanceof TrainingEvent.CheckpointCommitted checkpoint) {
      line("Checkpoint " + HadoopFiles.withPlainPaths(checkpoint.directory()));
    } else if (event instanceof TrainingEvent.Sampled sampled) {
      line("Sample at step " + sampled.step() + ":\n" + sampled.text().stripTrailing() + "\n");
    } else if (event instanceof TrainingEvent.StepSkipped skipped) {
      line(skipped.line());
    } else if (event instanceof TrainingEvent.Notice notice) {
      line(HadoopFiles.withPlainPaths(notice.line()));
    } else if (event instanceof TrainingEvent.Ended ended) {
      end(ended.outcome(), ended.step());
    }
  }

  private void start(TrainingPlan plan) {
    startNanos = System.nanoTime();
    fromStep = plan.fromStep();
    steps = plan.steps();
    String epochs =
        plan.trainingTokens() == 0
            ? ""
            : String.format(
                Locale.ROOT, " (%.2f epochs of %,d tokens)", plan.epochs(), plan.trainingTokens());
    line(
        String.format(
            Locale.ROOT,
            "%s: %,d parameters, %,d steps of %,d tokens%s, %s%s",
            plan.run(),
            plan.parameters(),
            plan.steps(),
            plan.tokensPerStep(),
            epochs,
            plan.worldSize() == 1 ? "" : plan.worldSize() + " trainers of ",
            plan.backend()));
    directory = HadoopFiles.withPlainPaths(plan.directory());
    if (fromStep >= steps) {
      line(
          "The run is already complete: all "
              + steps
              + " steps are done; choose another name for a new run, or raise training.steps if"
              + " the schedule permits it");
    } else if (fromStep > 0) {
      line("Resuming at step " + fromStep);
    }
  }

  private void step(TrainingEvent.StepLogged logged) {
    if (logged.step() == 0) {
      return;
    }
    List<String> parts = numbers(logged.training(), Measure::text);
    parts.add(0, "step " + logged.step() + "/" + steps);
    parts.add(duration(left(logged.step())) + " left");
    String text = String.join(SEPARATOR, parts);
    if (terminal) {
      out.print(CLEAR + text);
      out.flush();
      open = true;
    } else {
      line(text);
    }
  }

  private void evaluation(TrainingEvent.Evaluated evaluated) {
    List<String> parts = numbers(evaluated.measures(), ProgressLine::withPerplexity);
    if (!parts.isEmpty()) {
      parts.add(0, "step " + evaluated.step() + "/" + steps);
      for (Measure measure : evaluated.measures()) {
        if (measure.metric().equals(Metrics.VALIDATION_LOSS)) {
          finalLoss.add(evaluated.step(), measure.value());
        }
      }
      finalLoss.text(steps).ifPresent(loss -> parts.add("at the end about " + loss));
      line(String.join(SEPARATOR, parts));
    }
  }

  private static List<String> numbers(Measures measures, Function<Measure, String> text) {
    List<String> parts = new ArrayList<>();
    for (Measure measure : measures) {
      if (measure.metric().onProgressLine()) {
        parts.add(text.apply(measure));
      }
    }
    return parts;
  }

  private static String withPerplexity(Measure measure) {
    return measure.metric().unit() == Unit.NATS
        ? measure.text()
            + SEPARATOR
            + String.format(Locale.ROOT, "perplexity %.2f", Math.exp(measure.value()))
        : measure.text();
  }

  private void end(TrainingOutcome outcome, long step) {
    if (fromStep >= steps) {
      return; // Reported at the start.
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
          case INTERRUPTED -> "Interrupted at step " + step + "; run the same command to resume";
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

  /** Assumes the pace of this session so far, including evaluations and checkpoints. */
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
