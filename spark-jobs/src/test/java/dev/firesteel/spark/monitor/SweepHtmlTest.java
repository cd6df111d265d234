package dev.firesteel.spark.monitor;

import static org.assertj.core.api.Assertions.assertThat;

import dev.firesteel.sweep.SweepProgress;
import java.util.List;
import org.junit.jupiter.api.Test;

class SweepHtmlTest {
  @Test
  void showsEachRunWithItsStateRateAndTimeLeft() {
    String html =
        SweepHtml.of(
            new SweepProgress.Snapshot(
                "sizes <&>",
                "1 of 3 runs finished",
                List.of(
                    new SweepProgress.Row("b", "training", 1250, 5000, 3.25, 9120.4, 90.0),
                    new SweepProgress.Row("c", "waiting", 0, 5000, null, null, null),
                    new SweepProgress.Row("a", "finished", 5000, 5000, 2.5, null, null))));
    assertThat(html)
        .startsWith("<div id=\"firesteel\">")
        .contains("Sweep sizes &lt;&amp;&gt;.", "1 of 3 runs finished", "id=\"firesteel-sweep\"")
        .contains(
            "<tr class=\"table-warning\"><td>b</td><td>training</td><td>1,250 / 5,000</td>"
                + "<td>25 %</td><td>3.2500</td><td>9,120</td><td>1 min 30 s</td></tr>",
            "<tr><td>c</td><td>waiting</td><td>0 / 5,000</td><td>0 %</td><td>&ndash;</td><td>&ndash;</td>"
                + "<td>&ndash;</td></tr>",
            "<td>100 %</td><td>2.5000</td>");
  }
}
