package dev.firesteel.train;

import java.util.List;

/**
 * Receives the events of a run, on rank 0, on the training thread: it should return quickly. A
 * listener that throws ends the run.
 */
@FunctionalInterface
public interface TrainingListener {
  /** Receives an event. */
  void onEvent(TrainingEvent event);

  /** Receives a message without an event type of its own. */
  default void notice(String line) {
    onEvent(new TrainingEvent.Notice(line));
  }

  /** A listener that passes each event to several, in their order. */
  static TrainingListener all(TrainingListener... listeners) {
    List<TrainingListener> each = List.of(listeners);
    return event -> each.forEach(listener -> listener.onEvent(event));
  }
}
