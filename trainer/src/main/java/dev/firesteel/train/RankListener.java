package dev.firesteel.train;

import dev.firesteel.collective.Collective;
import java.util.List;

/**
 * Is notified of what a rank does, on every rank; called from the training thread, except for
 * {@link #onFilesWritten}.
 */
public interface RankListener {
  /** The rank is connected to the others; called first. */
  default void onStart(Collective collective) {}

  /** The rank enters a phase of a step; {@code step} is the number of completed steps. */
  default void onPhase(RankPhase phase, long step) {}

  /**
   * The rank's files of a checkpoint, which is not committed yet, are written. Called from the
   * thread that wrote them.
   */
  default void onFilesWritten(long step) {}

  /** Called after each logged step with the rank's measurements since the previous one. */
  default void onMeasured(RankStep measured) {}

  /** A listener that notifies several listeners, in order. */
  static RankListener all(List<RankListener> listeners) {
    List<RankListener> each = List.copyOf(listeners);
    return new RankListener() {
      @Override
      public void onStart(Collective collective) {
        each.forEach(listener -> listener.onStart(collective));
      }

      @Override
      public void onPhase(RankPhase phase, long step) {
        each.forEach(listener -> listener.onPhase(phase, step));
      }

      @Override
      public void onFilesWritten(long step) {
        each.forEach(listener -> listener.onFilesWritten(step));
      }

      @Override
      public void onMeasured(RankStep measured) {
        each.forEach(listener -> listener.onMeasured(measured));
      }
    };
  }
}
