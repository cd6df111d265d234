package dev.firesteel.scaling.report;

import dev.firesteel.chart.ChartFiles;
import dev.firesteel.chart.Theme;
import dev.firesteel.chart.XyChart;
import dev.firesteel.scaling.FitDiagnosis;
import dev.firesteel.scaling.FitDiagnosis.Finding;
import dev.firesteel.scaling.InferenceAdvice;
import dev.firesteel.scaling.Outcome;
import dev.firesteel.scaling.ParametricLaw;
import dev.firesteel.scaling.RunTable;
import dev.firesteel.scaling.ScalingFit;
import dev.firesteel.scaling.ScalingFit.Parametric;
import dev.firesteel.train.HtmlPage;
import dev.firesteel.train.HtmlPage.Cell;
import dev.firesteel.train.HtmlPage.Fact;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Consumer;

/**
 * {@code report.html} of a fit, and its charts as files: what was fitted, how well, and what not.
 */
public final class FitReport {
  /** The name of the page. */
  public static final String FILE_NAME = "report.html";

  private static final double[] INFERENCE = {1, 10, 100};
  private static final String NONE = "–";

  private final ScalingFit fit;

  private FitReport(ScalingFit fit) {
    this.fit = fit;
  }

  /**
   * The files by their names: the page, and each chart as SVG and PNG.
   *
   * @param notices receives a line if PNG images cannot be drawn: they need fonts, which a
   *     container may lack
   */
  public static Map<String, byte[]> files(ScalingFit fit, Consumer<String> notices) {
    Map<String, XyChart> charts = FitCharts.of(fit);
    Map<String, byte[]> files = new LinkedHashMap<>();
    files.put(FILE_NAME, new FitReport(fit).page(charts).bytes());
    files.putAll(ChartFiles.of(charts, notices));
    return files;
  }

  private HtmlPage page(Map<String, XyChart> charts) {
    HtmlPage page = new HtmlPage("Scaling laws of " + fit.table().origin());
    facts(page);
    findings(page);
    fit.parametric().fit().ifPresent(found -> optimum(page, found));
    exponents(page);
    fit.parametric().fit().ifPresent(found -> variants(page, found));
    fit.parametric().fit().ifPresent(found -> counts(page, found));
    others(page);
    fit.parametric().fit().ifPresent(found -> inference(page, found.fit().law()));
    page.heading("Charts");
    charts.values().forEach(chart -> page.chart(chart.html(Theme.PAPER)));
    return page;
  }

  private void facts(HtmlPage page) {
    RunTable table = fit.table();
    page.facts(
        List.of(
            new Fact("Runs", "%d of %d sizes".formatted(table.size(), table.bySize().size())),
            new Fact(
                "Parameters and FLOPs",
                switch (table.derived()) {
                  case NONE -> "N, D and C as given";
                  case TOKENS -> "N and C as given, D = C / 6N";
                  case FLOPS -> "N and D as given, C = 6ND";
                }),
            new Fact(
                "Intervals",
                fit.settings().bootstrap().count() == 0
                    ? "none"
                    : "95 %%, of %d resamples of the runs, seed %d"
                        .formatted(
                            fit.settings().bootstrap().count(),
                            fit.settings().bootstrap().seed()))));
  }

  private void findings(HtmlPage page) {
    page.heading("What to know before using it");
    for (Finding finding : FitDiagnosis.of(fit)) {
      String style =
          finding.severity() == FitDiagnosis.Severity.GOOD
              ? ""
              : finding.severity().name().toLowerCase(Locale.ROOT);
      List<String> paragraphs = new ArrayList<>();
      paragraphs.add("Found: " + finding.found() + ".");
      paragraphs.add("Sound: " + finding.sound() + " (" + finding.source() + ").");
      if (finding.severity() != FitDiagnosis.Severity.GOOD) {
        paragraphs.add(finding.advice());
      }
      page.box(style, finding.title(), paragraphs);
    }
  }

  private void optimum(HtmlPage page, Parametric found) {
    page.heading("Optimal allocation");
    page.paragraph(FitText.formula(found.fit().law()));
    page.facts(
        List.of(
            new Fact("E", FitText.interval(found.irreducible())),
            new Fact("A", FitText.interval(found.a())),
            new Fact("B", FitText.interval(found.b())),
            new Fact("alpha", FitText.interval(found.alpha())),
            new Fact("beta", FitText.interval(found.beta()))));
    List<List<Cell>> rows = new ArrayList<>();
    for (FitDocument.Optimum one : FitDocument.of(fit).optima()) {
      rows.add(
          List.of(
              Cell.text(FitText.number(one.flops())),
              Cell.text(FitText.number(one.parameters())),
              Cell.text(
                  FitText.number(one.flatParameters().low())
                      + " to "
                      + FitText.number(one.flatParameters().high())),
              Cell.text(FitText.number(one.tokens())),
              Cell.text(FitText.text("%.1f", one.tokensPerParameter())),
              Cell.text(FitText.loss(one.loss()))));
    }
    page.table(List.of("FLOPs", "N*", "N within 0.5 % of L*", "D*", "D* / N*", "L*"), rows);
    page.paragraph(
        "The first row is the largest budget of the runs; the others are beyond them, where intervals hold only if the law does.");
  }

  private void exponents(HtmlPage page) {
    List<List<Cell>> rows = new ArrayList<>();
    allocated(rows, "1: envelope", fit.envelope());
    allocated(rows, "2: IsoFLOP parabolas", fit.isoFlop());
    fit.parametric()
        .fit()
        .ifPresent(
            found ->
                rows.add(
                    row(
                        "3: parametric",
                        FitText.interval(found.exponent()),
                        FitText.text("%.4f", 1 - found.exponent().value()))));
    if (!rows.isEmpty()) {
      page.heading("Exponents of the approaches");
      page.table(List.of("approach", "a of N* ~ C^a", "b of D* ~ C^b"), rows);
    }
  }

  private static <F> void allocated(
      List<List<Cell>> rows, String name, Outcome<ScalingFit.Allocated<F>> outcome) {
    outcome
        .fit()
        .ifPresent(
            found ->
                rows.add(
                    row(
                        name,
                        FitText.interval(found.parameterExponent()),
                        FitText.interval(found.tokenExponent()))));
    outcome.refusal().ifPresent(refusal -> rows.add(row(name, "refused", "")));
  }

  private static List<Cell> row(String... texts) {
    List<Cell> cells = new ArrayList<>();
    for (String text : texts) {
      cells.add(Cell.text(text));
    }
    return cells;
  }

  private void variants(HtmlPage page, Parametric free) {
    page.heading("Approach 3 with fewer constants");
    page.paragraph(
        "The more the variants differ, the less the runs determine what is beyond them. The sum is what is minimized: that of a variant can only be higher.");
    List<List<Cell>> rows = new ArrayList<>();
    rows.add(variant(free));
    fit.variants().forEach(outcome -> outcome.fit().ifPresent(one -> rows.add(variant(one))));
    page.table(List.of("variant", "sum", "E", "A", "B", "alpha", "beta", "a", "L* at 10 C"), rows);
  }

  private List<Cell> variant(Parametric one) {
    ParametricLaw law = one.fit().law();
    return row(
        one.fit().variant().description(),
        FitText.text("%.5g", one.fit().objective()),
        FitText.text("%.4f", law.irreducible()),
        FitText.text("%.5g", law.a()),
        FitText.text("%.5g", law.b()),
        FitText.text("%.4f", law.alpha()),
        FitText.text("%.4f", law.beta()),
        FitText.interval(one.exponent()),
        FitText.text("%.4f", law.optimum(10 * fit.largestFlops()).loss()));
  }

  private void counts(HtmlPage page, Parametric given) {
    if (fit.counts().isEmpty()) {
      return;
    }
    page.heading("Counting the parameters differently");
    page.paragraph(
        "Approach 3 on the same runs: how many parameters a model has depends on whether embedding and head count, and exponents depend on that.");
    List<List<Cell>> rows = new ArrayList<>();
    rows.add(counted("as given", given));
    fit.counts()
        .forEach((name, outcome) -> outcome.fit().ifPresent(one -> rows.add(counted(name, one))));
    page.table(List.of("N", "a of N* ~ C^a", "alpha", "beta", "E"), rows);
  }

  private static List<Cell> counted(String name, Parametric one) {
    return row(
        name,
        FitText.interval(one.exponent()),
        FitText.interval(one.alpha()),
        FitText.interval(one.beta()),
        FitText.interval(one.irreducible()));
  }

  private void others(HtmlPage page) {
    List<List<Cell>> rows = new ArrayList<>();
    fit.kaplan()
        .fit()
        .ifPresent(
            found -> {
              rows.add(
                  row(
                      "L(N) = (Nc / N)^alpha",
                      FitText.interval(found.alphaN()),
                      FitText.interval(found.criticalN())));
              rows.add(
                  row(
                      "L(D) = (Dc / D)^alpha",
                      FitText.interval(found.alphaD()),
                      FitText.interval(found.criticalD())));
              rows.add(
                  row(
                      "L(C) = (Cc / C)^alpha",
                      FitText.interval(found.alphaC()),
                      FitText.interval(found.criticalC())));
              rows.add(
                  row(
                      "L(N, D), alpha of N and of D",
                      FitText.interval(found.jointAlphaN()),
                      FitText.interval(found.jointAlphaD())));
            });
    if (!rows.isEmpty()) {
      page.heading("Kaplan's laws");
      page.table(List.of("law", "exponent", "constant"), rows);
    }
    fit.hyperparameters()
        .fit()
        .ifPresent(
            found -> {
              page.heading("Learning rate and batch size");
              page.table(
                  List.of("law", "c", "exponent of N", "exponent of D"),
                  List.of(
                      row(
                          "learning rate",
                          FitText.interval(found.rateCoefficient()),
                          FitText.interval(found.rateOfParameters()),
                          FitText.interval(found.rateOfTokens())),
                      row(
                          "tokens of a step",
                          FitText.interval(found.batchCoefficient()),
                          NONE,
                          FitText.interval(found.batchOfTokens()))));
            });
    fit.criticalBatch()
        .fit()
        .ifPresent(
            found -> {
              page.heading("Critical batch size");
              page.facts(
                  List.of(
                      new Fact("Least steps", FitText.interval(found.leastSteps())),
                      new Fact("Least tokens", FitText.interval(found.leastTokens())),
                      new Fact("Tokens of the critical batch", FitText.interval(found.tokens()))));
            });
  }

  private void inference(HtmlPage page, ParametricLaw law) {
    page.heading("If the model is used a lot");
    page.paragraph(
        "A smaller model that is trained for longer reaches the loss of the optimal one, and each token of inference costs less. Of a budget as large as the largest run's, the model with the fewest FLOPs of training and inference together:");
    List<List<Cell>> rows = new ArrayList<>();
    for (double times : INFERENCE) {
      ParametricLaw.Allocation optimal = law.optimum(fit.largestFlops());
      InferenceAdvice advice =
          InferenceAdvice.of(law, fit.largestFlops(), times * optimal.tokens());
      rows.add(
          row(
              FitText.number(advice.inferenceTokens()),
              FitText.number(advice.advised().parameters()),
              FitText.number(advice.advised().tokens()),
              FitText.text("%.0f", advice.advised().tokensPerParameter()),
              FitText.text("%.1f %%", 100 * (1 - advice.advisedFlops() / advice.optimalFlops()))));
    }
    page.table(
        List.of("tokens of inference", "N", "D", "D / N", "saved against the optimal model"), rows);
  }
}
