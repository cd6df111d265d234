package dev.firesteel.scaling.report;

import dev.firesteel.chart.XyChart;
import dev.firesteel.chart.XyChart.Point;
import dev.firesteel.scaling.Estimate;
import dev.firesteel.scaling.IsoFlopBudget;
import dev.firesteel.scaling.IsoFlopFit;
import dev.firesteel.scaling.ParametricLaw;
import dev.firesteel.scaling.PowerLaw;
import dev.firesteel.scaling.ScalingFit;
import dev.firesteel.scaling.ScalingFit.Parametric;
import dev.firesteel.scaling.ScalingRun;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.DoubleUnaryOperator;
import java.util.function.ToDoubleFunction;

/** The charts of a fit, by the names of their files. */
final class FitCharts {
  private static final int SAMPLES = 80;
  private static final int CONTOURS = 9;
  private static final double FORECAST = 100;
  private static final double TAIL = 0.025;

  private static final String FLOPS = "training FLOPs C";
  private static final String PARAMETERS = "parameters N";
  private static final String TOKENS = "tokens D";
  private static final String LOSS = "loss L, nats per token";

  private final ScalingFit fit;

  private FitCharts(ScalingFit fit) {
    this.fit = fit;
  }

  /** All charts that the fit has the numbers for, in the order of the report. */
  static Map<String, XyChart> of(ScalingFit fit) {
    FitCharts charts = new FitCharts(fit);
    Map<String, XyChart> all = new LinkedHashMap<>();
    all.put("loss", charts.loss());
    fit.isoFlop().fit().ifPresent(found -> all.put("isoflop", charts.isoFlop(found.fit())));
    if (fit.envelope().fit().isPresent()
        || fit.isoFlop().fit().isPresent()
        || fit.parametric().fit().isPresent()) {
      all.put("parameters", charts.allocation(true));
      all.put("tokens", charts.allocation(false));
    }
    fit.parametric()
        .fit()
        .ifPresent(
            found -> {
              all.put("contour", charts.contour(found.fit().law()));
              all.put("residuals", charts.residuals(found.fit().law()));
              if (!found.resamples().isEmpty()) {
                all.put("exponents", charts.exponents(found));
                all.put("coefficients", charts.coefficients(found));
              }
            });
    // Constants of a poor fit may be out of all range: nothing of them can be drawn.
    all.values().removeIf(XyChart::isEmpty);
    return all;
  }

  private List<ScalingRun> runs() {
    return fit.table().runs();
  }

  private double least(ToDoubleFunction<ScalingRun> of) {
    return runs().stream().mapToDouble(of).min().orElseThrow();
  }

  private double most(ToDoubleFunction<ScalingRun> of) {
    return runs().stream().mapToDouble(of).max().orElseThrow();
  }

  /** The share of a size between the smallest and the largest, for its colour. */
  private String color(double parameters) {
    double low = Math.log(least(ScalingRun::parameters));
    double high = Math.log(most(ScalingRun::parameters));
    return XyChart.ramp(high > low ? (Math.log(parameters) - low) / (high - low) : 0);
  }

  private static double between(double low, double high, int index, int count) {
    return low * Math.pow(high / low, index / (count - 1.0));
  }

  private static List<Point> curve(double low, double high, DoubleUnaryOperator of) {
    List<Point> points = new ArrayList<>();
    for (int i = 0; i < SAMPLES; i++) {
      double x = between(low, high, i, SAMPLES);
      points.add(new Point(x, of.applyAsDouble(x)));
    }
    return points;
  }

  private XyChart loss() {
    XyChart chart = XyChart.logarithmic("Loss over compute", FLOPS, LOSS);
    List<List<ScalingRun>> sizes = fit.table().bySize();
    for (int i = 0; i < sizes.size(); i++) {
      double parameters = sizes.get(i).get(0).parameters();
      boolean named = i == 0 || i == sizes.size() / 2 || i == sizes.size() - 1;
      chart.points(
          named ? "N = " + FitText.number(parameters) : "",
          color(parameters),
          0.75,
          sizes.get(i).stream().map(run -> new Point(run.flops(), run.loss())).toList());
    }
    double low = least(ScalingRun::flops);
    double high = most(ScalingRun::flops);
    fit.envelope()
        .fit()
        .ifPresent(
            found ->
                chart.line(
                    "envelope",
                    "#222222",
                    found.fit().points().stream()
                        .map(point -> new Point(point.flops(), point.loss()))
                        .toList()));
    fit.parametric()
        .fit()
        .ifPresent(
            found ->
                chart.dashes(
                    "approach 3 at its optimum",
                    "#c9302c",
                    curve(low, high, flops -> found.fit().law().optimum(flops).loss())));
    fit.kaplan()
        .fit()
        .ifPresent(
            found ->
                chart.dashes(
                    "Kaplan's L(C)", "#1f77b4", curve(low, high, found.fit().ofFlops()::at)));
    return chart.yFrom(
        0.97 * least(ScalingRun::loss),
        Math.min(most(ScalingRun::loss), 2.2 * least(ScalingRun::loss)));
  }

  private XyChart isoFlop(IsoFlopFit found) {
    XyChart chart =
        XyChart.semiLogarithmic(
            found.interpolated()
                ? "IsoFLOP parabolas, interpolated between runs"
                : "IsoFLOP parabolas",
            PARAMETERS,
            LOSS);
    List<Point> vertices = new ArrayList<>();
    int count = found.budgets().size();
    double lowest = Double.POSITIVE_INFINITY;
    double highest = 0;
    for (int i = 0; i < count; i++) {
      IsoFlopBudget budget = found.budgets().get(i);
      String color = XyChart.ramp(count == 1 ? 0 : i / (count - 1.0));
      chart.points(
          "",
          color,
          0.9,
          budget.points().stream()
              .map(point -> new Point(point.parameters(), point.loss()))
              .toList());
      double low = budget.points().get(0).parameters();
      double high = budget.points().get(budget.points().size() - 1).parameters();
      chart.line(FitText.number(budget.flops()) + " FLOPs", color, curve(low, high, budget::at));
      if (budget.shape() != IsoFlopBudget.Shape.NO_MINIMUM) {
        vertices.add(new Point(budget.vertexParameters(), budget.vertexLoss()));
      }
      for (IsoFlopBudget.Point point : budget.points()) {
        lowest = Math.min(lowest, point.loss());
        highest = Math.max(highest, point.loss());
      }
    }
    return chart.rings("vertices", "#c9302c", vertices).yFrom(lowest, highest);
  }

  /** N* or D* over the budget, of all approaches, up to 100 times the largest budget. */
  private XyChart allocation(boolean ofParameters) {
    XyChart chart =
        XyChart.logarithmic(
            ofParameters ? "Optimal parameters" : "Optimal tokens",
            FLOPS,
            ofParameters ? "N*" : "D*");
    double low = least(ScalingRun::flops);
    double high = FORECAST * most(ScalingRun::flops);
    int coefficient = ofParameters ? 0 : 2;
    chart.points(
        "runs",
        "#888888",
        0.35,
        runs().stream()
            .map(run -> new Point(run.flops(), ofParameters ? run.parameters() : run.tokens()))
            .toList());
    fit.envelope()
        .fit()
        .ifPresent(
            found -> {
              PowerLaw law = ofParameters ? found.fit().parameters() : found.fit().tokens();
              powers(chart, "#2c9c46", low, high, found.resamples(), coefficient);
              chart.line("approach 1", "#2c9c46", curve(low, high, law::at));
            });
    fit.isoFlop()
        .fit()
        .ifPresent(
            found -> {
              PowerLaw law = ofParameters ? found.fit().parameters() : found.fit().tokens();
              powers(chart, "#d6600a", low, high, found.resamples(), coefficient);
              chart.line("approach 2", "#d6600a", curve(low, high, law::at));
              chart.rings(
                  "vertices",
                  "#d6600a",
                  found.fit().budgets().stream()
                      .filter(one -> one.shape() != IsoFlopBudget.Shape.NO_MINIMUM)
                      .map(
                          one ->
                              new Point(
                                  one.flops(),
                                  ofParameters ? one.vertexParameters() : one.vertexTokens()))
                      .toList());
            });
    fit.parametric()
        .fit()
        .ifPresent(
            found -> {
              List<ParametricLaw> laws = found.laws();
              band(
                  chart,
                  "#1f77b4",
                  low,
                  high,
                  flops ->
                      laws.stream()
                          .map(law -> law.optimum(flops))
                          .mapToDouble(one -> ofParameters ? one.parameters() : one.tokens())
                          .toArray());
              chart.line(
                  "approach 3",
                  "#1f77b4",
                  curve(
                      low,
                      high,
                      flops ->
                          ofParameters
                              ? found.fit().law().optimum(flops).parameters()
                              : found.fit().law().optimum(flops).tokens()));
            });
    return chart;
  }

  private static void powers(
      XyChart chart,
      String color,
      double low,
      double high,
      List<double[]> resamples,
      int coefficient) {
    band(
        chart,
        color,
        low,
        high,
        flops ->
            resamples.stream()
                .mapToDouble(one -> one[coefficient] * Math.pow(flops, one[coefficient + 1]))
                .toArray());
  }

  private interface Resampled {
    double[] at(double flops);
  }

  private static void band(
      XyChart chart, String color, double low, double high, Resampled resampled) {
    List<Point> below = new ArrayList<>();
    List<Point> above = new ArrayList<>();
    for (int i = 0; i < SAMPLES; i++) {
      double flops = between(low, high, i, SAMPLES);
      double[] sorted =
          Arrays.stream(resampled.at(flops)).filter(Double::isFinite).sorted().toArray();
      if (sorted.length > 1) {
        below.add(new Point(flops, Estimate.quantile(sorted, TAIL)));
        above.add(new Point(flops, Estimate.quantile(sorted, 1 - TAIL)));
      }
    }
    chart.band("", color, below, above);
  }

  /** Lines of equal loss: for a loss and N the tokens are a closed form. */
  private XyChart contour(ParametricLaw law) {
    double lowN = least(ScalingRun::parameters) / 2;
    double highN = 4 * most(ScalingRun::parameters);
    double lowD = least(ScalingRun::tokens) / 2;
    double highD = 4 * most(ScalingRun::tokens);
    XyChart chart =
        XyChart.logarithmic("L(N, D) of approach 3", PARAMETERS, TOKENS)
            .xFrom(lowN, highN)
            .yFrom(lowD, highD);
    double best = law.loss(highN, highD) - law.irreducible();
    double worst = law.loss(lowN, lowD) - law.irreducible();
    for (int i = 1; i <= CONTOURS; i++) {
      double loss = law.irreducible() + best * Math.pow(worst / best, (double) i / (CONTOURS + 1));
      List<Point> line = new ArrayList<>();
      for (int j = 0; j < 8 * SAMPLES; j++) {
        double parameters = between(lowN, highN, j, 8 * SAMPLES);
        double tokens = law.tokensFor(parameters, loss);
        if (tokens <= highD) {
          line.add(new Point(parameters, tokens));
        }
      }
      chart.contour(FitText.text("%.2f", loss), XyChart.ramp(1 - i / (CONTOURS + 1.0)), line);
    }
    chart.points(
        "runs",
        "#888888",
        0.5,
        runs().stream().map(run -> new Point(run.parameters(), run.tokens())).toList());
    List<Point> frontier = new ArrayList<>();
    double lowC = least(ScalingRun::flops) / 4;
    double highC = FORECAST * most(ScalingRun::flops);
    for (int i = 0; i < 4 * SAMPLES; i++) {
      ParametricLaw.Allocation one = law.optimum(between(lowC, highC, i, 4 * SAMPLES));
      frontier.add(new Point(one.parameters(), one.tokens()));
    }
    return chart.line("efficient frontier", "#c9302c", frontier);
  }

  private XyChart residuals(ParametricLaw law) {
    XyChart chart =
        XyChart.semiLogarithmic(
            "Errors of approach 3; dark: small models", FLOPS, "law above the run, %");
    double[] residuals = fit.residuals(law);
    for (int i = 0; i < residuals.length; i++) {
      ScalingRun run = runs().get(i);
      chart.points(
          "",
          color(run.parameters()),
          0.75,
          List.of(new Point(run.flops(), 100 * Math.expm1(residuals[i]))));
    }
    return chart.line(
        "", "#222222", curve(least(ScalingRun::flops), most(ScalingRun::flops), flops -> 0));
  }

  private XyChart exponents(Parametric found) {
    ParametricLaw law = found.fit().law();
    return XyChart.linear("Resamples: exponents", "alpha", "beta")
        .points(
            "resamples",
            "#1f77b4",
            0.4,
            found.laws().stream().map(one -> new Point(one.alpha(), one.beta())).toList())
        .rings("all runs", "#c9302c", List.of(new Point(law.alpha(), law.beta())));
  }

  private XyChart coefficients(Parametric found) {
    ParametricLaw law = found.fit().law();
    return XyChart.logarithmic("Resamples: coefficients", "A", "B")
        .points(
            "resamples",
            "#1f77b4",
            0.4,
            found.laws().stream().map(one -> new Point(one.a(), one.b())).toList())
        .rings("all runs", "#c9302c", List.of(new Point(law.a(), law.b())));
  }
}
