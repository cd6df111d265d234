package dev.firesteel.spark.monitor;

import java.util.ArrayList;
import java.util.List;

/**
 * A value over the step, in bounded memory: when there are too many points, every other one goes,
 * and from then on only as many of the new ones are kept. So points stay evenly spread however long
 * the run is; the last one added is always there.
 */
final class Curve {
  /** A value at a step. */
  record Point(long step, double value) {}

  private final int mostPoints;
  private final List<Point> kept = new ArrayList<>();
  private Point last; // null, or added since the last one kept
  private long stride = 1;
  private long sinceKept;

  /**
   * @param mostPoints at least 2
   */
  Curve(int mostPoints) {
    this.mostPoints = mostPoints;
  }

  /** Adds a point behind the others; one that is not finite is no point of a curve. */
  void add(long step, double value) {
    if (!Double.isFinite(value)) {
      return;
    }
    last = new Point(step, value);
    sinceKept++;
    if (kept.isEmpty() || sinceKept >= stride) {
      kept.add(last);
      last = null;
      sinceKept = 0;
      if (kept.size() > mostPoints) {
        thin();
      }
    }
  }

  /** Forgets what lies behind a step, which a resumed run will do again. */
  void cutAfter(long step) {
    kept.removeIf(point -> point.step() > step);
    if (last != null && last.step() > step) {
      last = null;
    }
    if (kept.isEmpty()) {
      stride = 1;
    }
  }

  List<Point> points() {
    List<Point> all = new ArrayList<>(kept);
    if (last != null) {
      all.add(last);
    }
    return List.copyOf(all);
  }

  private void thin() {
    List<Point> half = new ArrayList<>();
    for (int i = 0; i < kept.size(); i += 2) {
      half.add(kept.get(i));
    }
    if (kept.size() % 2 == 0) {
      last = kept.get(kept.size() - 1);
      sinceKept = stride;
    }
    kept.clear();
    kept.addAll(half);
    stride *= 2;
  }
}
