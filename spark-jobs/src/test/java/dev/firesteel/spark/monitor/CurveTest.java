package dev.firesteel.spark.monitor;

import static org.assertj.core.api.Assertions.assertThat;

import dev.firesteel.spark.monitor.Curve.Point;
import java.util.List;
import org.junit.jupiter.api.Test;

class CurveTest {
  @Test
  void keepsAllPointsWhileTheyAreFew() {
    Curve curve = new Curve(4);
    curve.add(1, 5);
    curve.add(2, 4);
    assertThat(curve.points()).containsExactly(new Point(1, 5), new Point(2, 4));
  }

  @Test
  void thinsOutEvenlyAndKeepsTheLastPoint() {
    for (int most : new int[] {2, 3, 10, 11}) {
      Curve curve = new Curve(most);
      for (int step = 0; step <= 1000; step++) {
        curve.add(step, step);
        List<Long> steps = curve.points().stream().map(Point::step).toList();
        assertThat(steps).hasSizeLessThanOrEqualTo(most + 1).startsWith(0L).endsWith((long) step);
        long stride = steps.size() > 1 ? steps.get(1) - steps.get(0) : 0;
        for (int i = 1; i < steps.size() - 1; i++) {
          assertThat(steps.get(i) - steps.get(i - 1)).as("%d of %s", i, steps).isEqualTo(stride);
        }
      }
      assertThat(curve.points()).hasSizeGreaterThanOrEqualTo(most / 2);
    }
  }

  @Test
  void leavesOutWhatIsNotFinite() {
    Curve curve = new Curve(4);
    curve.add(1, Double.NaN);
    curve.add(2, Double.POSITIVE_INFINITY);
    assertThat(curve.points()).isEmpty();
  }

  @Test
  void forgetsWhatAResumedRunDoesAgain() {
    Curve curve = new Curve(4);
    for (int step = 1; step <= 20; step++) {
      curve.add(step, step);
    }
    curve.cutAfter(10);
    assertThat(curve.points()).allMatch(point -> point.step() <= 10).isNotEmpty();
    curve.add(11, 0);
    assertThat(curve.points()).endsWith(new Point(11, 0));
    curve.cutAfter(-1);
    assertThat(curve.points()).isEmpty();
    curve.add(1, 1);
    curve.add(2, 2);
    assertThat(curve.points()).hasSize(2);
  }
}
