package dev.firesteel.spark.rpc;

import dev.firesteel.train.EvaluationResult;
import dev.firesteel.train.StepMetrics;
import dev.firesteel.train.TrainingListener;
import dev.firesteel.train.TrainingOutcome;
import dev.firesteel.train.TrainingPlan;
import java.util.function.Consumer;

/**
 * A {@link TrainingListener} whose two halves are in different processes: the task's half writes
 * each event as a line of JSON, the driver's half reads it and notifies the actual listener.
 */
public final class TrainingEvents {
  private TrainingEvents() {}

  private enum Kind {
    START,
    STEP,
    EVALUATION,
    CHECKPOINT,
    SAMPLE,
    SKIP,
    NOTICE,
    END
  }

  /** One event; fields that a kind does not need are null or 0. */
  private record Event(
      Kind kind,
      long step,
      String text,
      double loss,
      double gradientNorm,
      TrainingPlan plan,
      StepMetrics metrics,
      EvaluationResult evaluation,
      TrainingOutcome outcome) {

    static Event of(Kind kind, long step, String text) {
      return new Event(kind, step, text, 0, 0, null, null, null, null);
    }
  }

  /** The task's half. */
  public static TrainingListener encoder(Consumer<String> lines) {
    return new Encoder(lines);
  }

  /** The driver's half: passes one line to {@code listener}. */
  public static void dispatch(String line, TrainingListener listener) {
    dispatch(line, listener, Runnable::run);
  }

  /**
   * Like the other method, but {@code atEnd} receives the notification of the end: an attempt's end
   * need not be the run's.
   */
  public static void dispatch(String line, TrainingListener listener, Consumer<Runnable> atEnd) {
    Event event = JsonLines.read(line, Event.class, "a training event");
    long step = event.step();
    switch (event.kind()) {
      case START -> listener.onStart(event.plan());
      case STEP -> listener.onStep(event.metrics());
      case EVALUATION -> listener.onEvaluation(step, event.evaluation());
      case CHECKPOINT -> listener.onCheckpoint(step, event.text());
      case SAMPLE -> listener.onSample(step, event.text());
      case SKIP -> listener.onSkip(step, event.loss(), event.gradientNorm());
      case NOTICE -> listener.onNotice(event.text());
      case END -> atEnd.accept(() -> listener.onEnd(event.outcome(), step));
    }
  }

  private record Encoder(Consumer<String> lines) implements TrainingListener {
    private void send(Event event) {
      lines.accept(JsonLines.write(event));
    }

    @Override
    public void onStart(TrainingPlan plan) {
      send(new Event(Kind.START, 0, null, 0, 0, plan, null, null, null));
    }

    @Override
    public void onStep(StepMetrics metrics) {
      send(new Event(Kind.STEP, metrics.step(), null, 0, 0, null, metrics, null, null));
    }

    @Override
    public void onEvaluation(long step, EvaluationResult result) {
      send(new Event(Kind.EVALUATION, step, null, 0, 0, null, null, result, null));
    }

    @Override
    public void onCheckpoint(long step, String directory) {
      send(Event.of(Kind.CHECKPOINT, step, directory));
    }

    @Override
    public void onSample(long step, String text) {
      send(Event.of(Kind.SAMPLE, step, text));
    }

    @Override
    public void onSkip(long step, double loss, double gradientNorm) {
      send(new Event(Kind.SKIP, step, null, loss, gradientNorm, null, null, null, null));
    }

    @Override
    public void onNotice(String line) {
      send(Event.of(Kind.NOTICE, 0, line));
    }

    @Override
    public void onEnd(TrainingOutcome outcome, long step) {
      send(new Event(Kind.END, step, null, 0, 0, null, null, null, outcome));
    }
  }
}
