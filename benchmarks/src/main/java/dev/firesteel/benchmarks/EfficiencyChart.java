package dev.firesteel.benchmarks;

import java.awt.Color;
import java.io.IOException;
import java.util.List;
import java.util.Locale;
import org.knowm.xchart.BitmapEncoder;
import org.knowm.xchart.BitmapEncoder.BitmapFormat;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.style.Styler.LegendPosition;

/** Efficiency over the number of executors, one line for each model and network. */
final class EfficiencyChart {
  private final XYChart chart;

  EfficiencyChart(String title) {
    chart =
        new XYChartBuilder()
            .width(900)
            .height(500)
            .title(title)
            .xAxisTitle("executors")
            .yAxisTitle("efficiency, %")
            .build();
    chart.getStyler().setXAxisLogarithmic(true);
    chart.getStyler().setYAxisMin(0.0);
    chart.getStyler().setYAxisMax(100.0);
    chart.getStyler().setLegendPosition(LegendPosition.OutsideE);
    chart.getStyler().setChartBackgroundColor(Color.WHITE);
    chart.getStyler().setLocale(Locale.ROOT);
  }

  void add(String name, List<Integer> executors, List<Double> efficiencies) {
    chart.addSeries(name, executors, efficiencies.stream().map(share -> 100 * share).toList());
  }

  /** Writes a PNG. */
  void save(String file) throws IOException {
    BitmapEncoder.saveBitmap(chart, file, BitmapFormat.PNG);
  }
}
