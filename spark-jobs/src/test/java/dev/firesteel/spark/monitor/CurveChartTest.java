package dev.firesteel.spark.monitor;

import static org.assertj.core.api.Assertions.assertThat;

import dev.firesteel.spark.monitor.Curve.Point;
import java.io.StringReader;
import java.util.List;
import java.util.regex.Pattern;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.xml.sax.InputSource;

class CurveChartTest {
  private static final List<Point> FALLING =
      List.of(new Point(0, 6), new Point(50, 3), new Point(100, 2));

  @Test
  void drawsPointsFromTheFirstStepToTheLast() throws Exception {
    String svg = new CurveChart("Loss", false).add("training", "#123456", FALLING).html();

    // From the left upper corner of the plot (76, 26) to the right lower one (626, 220).
    assertThat(svg).contains("points=\"76.0,26.0 351.0,171.5 626.0,220.0 \"", "training 2.0000");
    assertThat(labels(svg)).contains("2", "3", "4", "5", "6", "0", "20", "40", "60", "80", "100");
    assertWellFormed(svg);
  }

  @Test
  void anAxisFromZeroHasRoundTicks() {
    String svg =
        new CurveChart("Throughput", true)
            .add("tokens/s", "red", List.of(new Point(10, 41_000), new Point(20, 43_210)))
            .html();
    assertThat(labels(svg)).contains("0", "10,000", "50,000").doesNotContain("60,000");
  }

  @Test
  void closeValuesAreToldApart() {
    String svg =
        new CurveChart("Loss", false)
            .add("training", "red", List.of(new Point(1, 1.2321), new Point(2, 1.2345)))
            .html();
    assertThat(labels(svg)).contains("1.2320", "1.2325", "1.2345");
  }

  @Test
  void onePointAndEqualPointsHaveAnAxisToo() throws Exception {
    for (Point point : List.of(new Point(0, 0), new Point(0, 5.7), new Point(3, -2))) {
      String svg =
          new CurveChart("Loss", false).add("validation", "red", List.of(point, point)).html();
      assertThat(svg).doesNotContain("NaN", "Infinity").contains("<circle");
      assertThat(labels(svg)).contains("0", "1", "5");
      assertWellFormed(svg);
    }
  }

  @Test
  void saysThatThereIsNothingYet() {
    assertThat(new CurveChart("Loss", false).add("training", "red", List.of()).html())
        .isEqualTo("<p class=\"text-muted\">Nothing has been reported yet.</p>\n");
  }

  private static List<String> labels(String svg) {
    return Pattern.compile("text-anchor=\"[a-z]+\">([^<]*)</text>")
        .matcher(svg)
        .results()
        .map(match -> match.group(1))
        .toList();
  }

  private static void assertWellFormed(String svg) throws Exception {
    DocumentBuilderFactory.newInstance()
        .newDocumentBuilder()
        .parse(new InputSource(new StringReader(svg)));
  }
}
