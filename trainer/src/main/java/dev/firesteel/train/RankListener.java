package dev.firesteel.train;

import dev.firesteel.collective.Collective;
import java.util.List;

/**
 * Hears what one rank does, on every rank, from the thread that trains but for {@link
 * #onFilesWritten}.
 */
public interface RankListener {
  /** The rank is connected with the others; before all else. */
  default void onStart(Collective collective) {}

  /** The rank comes to a phase of a step; {@code step} counts those that are done. */
  default void onPhase(RankPhase phase, long step) {}

  /**
   * The rank's files of a checkpoint are written, which is not committed yet. Called from the
   * thread that wrote them.
   */
  default void onFilesWritten(long step) {}

  /** After each step that is logged: what the rank measured since the one before. */
  default void onMeasured(RankStep measured) {}

  /** A listener that passes all on to several, in their order. */
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
