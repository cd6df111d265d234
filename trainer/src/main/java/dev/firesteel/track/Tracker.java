package dev.firesteel.track;

import dev.firesteel.train.TrainingEvent;
import java.io.IOException;

/**
 * Passes a run's events on to one program. All methods, like the constructor, are called by one
 * thread that does nothing else, so they may wait for files and servers. A tracker that throws is
 * not called again, and the run continues without it.
 */
interface Tracker extends AutoCloseable {
  /**
   * Receives an event.
   *
   * @param millis when it happened, in milliseconds since 1970
   */
  void onEvent(TrainingEvent event, long millis) throws IOException;

  /** Called about once a second, between events. */
  default void onTick() throws IOException {}

  /** Ends; a run that has not reported {@link TrainingEvent.Ended} has failed. */
  @Override
  void close() throws IOException;
}
