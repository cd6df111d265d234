package dev.firesteel.train;

import java.util.List;

/** Passes each event on to several listeners. */
final class ListenerList implements TrainingListener {
  private final List<TrainingListener> listeners;

  ListenerList(TrainingListener... listeners) {
    this.listeners = List.of(listeners);
  }

  @Override
  public void onStart(TrainingPlan plan) {
    listeners.forEach(listener -> listener.onStart(plan));
  }

  @Override
  public void onStep(StepMetrics metrics) {
    listeners.forEach(listener -> listener.onStep(metrics));
  }

  @Override
  public void onEvaluation(long step, EvaluationResult result) {
    listeners.forEach(listener -> listener.onEvaluation(step, result));
  }

  @Override
  public void onCheckpoint(long step, String directory) {
    listeners.forEach(listener -> listener.onCheckpoint(step, directory));
  }

  @Override
  public void onSample(long step, String text) {
    listeners.forEach(listener -> listener.onSample(step, text));
  }

  @Override
  public void onSkip(long step, double loss, double gradientNorm) {
    listeners.forEach(listener -> listener.onSkip(step, loss, gradientNorm));
  }

  @Override
  public void onNotice(String line) {
    listeners.forEach(listener -> listener.onNotice(line));
  }

  @Override
  public void onEnd(TrainingOutcome outcome, long step) {
    listeners.forEach(listener -> listener.onEnd(outcome, step));
  }
}
