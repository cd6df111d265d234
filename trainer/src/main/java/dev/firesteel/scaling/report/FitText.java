package dev.firesteel.scaling.report;

import dev.firesteel.scaling.Estimate;
import dev.firesteel.scaling.FitDiagnosis;
import dev.firesteel.scaling.ParametricLaw;
import dev.firesteel.scaling.ScalingFit;
import dev.firesteel.scaling.ScalingFit.Allocated;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.DoubleFunction;

/** A fit as lines of text, for the terminal. */
public final class FitText {
  private FitText() {}

  /** Constants with intervals, the optimum, and the warnings. */
  public static List<String> lines(ScalingFit fit, FitDocument document) {
    List<String> lines = new ArrayList<>();
    FitDocument.Data data = document.data();
    lines.add(
        text(
            "%d runs of %d sizes: %s to %s parameters, %s to %s FLOPs",
            data.runs(),
            data.sizes(),
            number(data.parameters().low()),
            number(data.parameters().high()),
            number(data.flops().low()),
            number(data.flops().high())));
    allocated(lines, "Approach 1 (envelope)", fit.envelope().fit());
    allocated(lines, "Approach 2 (IsoFLOP)", fit.isoFlop().fit());
    fit.parametric()
        .fit()
        .ifPresent(
            found -> {
              lines.add("Approach 3: L(N, D) = E + A / N^alpha + B / D^beta");
              lines.add("  E      " + interval(found.irreducible()));
              lines.add("  A      " + interval(found.a()));
              lines.add("  B      " + interval(found.b()));
              lines.add("  alpha  " + interval(found.alpha()));
              lines.add("  beta   " + interval(found.beta()));
              lines.add("  N* ~ C^a, a = " + interval(found.exponent()));
              lines.add(text("  sum of Huber's function %.9g", found.fit().objective()));
              optima(lines, document);
            });
    fit.variants().stream()
        .flatMap(outcome -> outcome.fit().stream())
        .forEach(
            found ->
                lines.add(
                    text(
                        "  with %s: sum %.6g, a = %s, E %.4g, L %.4g at %s FLOPs",
                        found.fit().variant().description(),
                        found.fit().objective(),
                        interval(found.exponent()),
                        found.fit().law().irreducible(),
                        found.fit().law().optimum(10 * fit.largestFlops()).loss(),
                        number(10 * fit.largestFlops()))));
    fit.counts()
        .forEach(
            (name, outcome) ->
                outcome
                    .fit()
                    .ifPresent(
                        found ->
                            lines.add(
                                text(
                                    "  with N from %s: a = %s, alpha %.4g, beta %.4g",
                                    name,
                                    interval(found.exponent()),
                                    found.alpha().value(),
                                    found.beta().value()))));
    fit.kaplan()
        .fit()
        .ifPresent(
            found -> {
              lines.add("Kaplan's laws, L(x) = (xc / x)^alpha");
              lines.add("  alpha of N  " + interval(found.alphaN()));
              lines.add("  alpha of D  " + interval(found.alphaD()));
              lines.add("  alpha of C  " + interval(found.alphaC()));
              lines.add(
                  text(
                      "  L(N, D): alpha of N %.4g, of D %.4g, sum of Huber's function %.6g",
                      found.jointAlphaN().value(),
                      found.jointAlphaD().value(),
                      found.fit().objective()));
            });
    fit.hyperparameters()
        .fit()
        .ifPresent(
            found -> {
              lines.add("Learning rate c N^a D^b, batch c D^b, in tokens");
              lines.add("  learning rate: c " + interval(found.rateCoefficient()));
              lines.add("  a " + interval(found.rateOfParameters()));
              lines.add("  b " + interval(found.rateOfTokens()));
              lines.add("  batch: c " + interval(found.batchCoefficient()));
              lines.add("  b " + interval(found.batchOfTokens()));
            });
    fit.criticalBatch()
        .fit()
        .ifPresent(
            found -> lines.add("Critical batch size in tokens: " + interval(found.tokens())));
    for (FitDiagnosis.Finding finding : FitDiagnosis.of(fit)) {
      if (finding.severity() != FitDiagnosis.Severity.GOOD) {
        lines.add(
            (finding.severity() == FitDiagnosis.Severity.SEVERE ? "Severe: " : "Warning: ")
                + finding.line());
      }
    }
    return lines;
  }

  private static void allocated(
      List<String> lines, String name, Optional<? extends Allocated<?>> fit) {
    fit.ifPresent(
        found ->
            lines.add(
                name
                    + ": N* ~ C^a, a = "
                    + interval(found.parameterExponent())
                    + "; D* ~ C^b, b = "
                    + interval(found.tokenExponent())));
  }

  private static void optima(List<String> lines, FitDocument document) {
    for (FitDocument.Optimum optimum : document.optima()) {
      lines.add(
          text(
              "  at %s FLOPs: N* %s, D* %s (%.1f tokens per parameter), L %s; within %.1f %% of it: N from %s to %s",
              number(optimum.flops()),
              number(optimum.parameters()),
              number(optimum.tokens()),
              optimum.tokensPerParameter(),
              loss(optimum.loss()),
              100 * FitDocument.FLAT,
              number(optimum.flatParameters().low()),
              number(optimum.flatParameters().high())));
    }
  }

  /** A large number with its interval; one that overflows is not determined by the runs. */
  static String number(FitDocument.Constant constant) {
    return withInterval(constant, FitText::number);
  }

  /** A loss with its interval. */
  static String loss(FitDocument.Constant constant) {
    return withInterval(constant, value -> text("%.4f", value));
  }

  private static String withInterval(FitDocument.Constant constant, DoubleFunction<String> number) {
    if (constant.value() == null) {
      return "undetermined";
    }
    String value = number.apply(constant.value());
    return constant.low() == null || constant.high() == null
        ? value
        : value
            + " ("
            + number.apply(constant.low())
            + " to "
            + number.apply(constant.high())
            + ")";
  }

  /** A constant with its interval, as text. */
  static String interval(Estimate estimate) {
    return estimate.hasInterval()
        ? text("%.5g (%.4g to %.4g)", estimate.value(), estimate.low(), estimate.high())
        : text("%.5g", estimate.value());
  }

  /** A large number with three digits: 67.8M, 1.2e21. */
  static String number(double value) {
    if (value >= 1e15 || value < 1e3) {
      return text("%.3g", value).replace("e+", "e");
    }
    int unit = (int) Math.min(4, Math.floor(Math.log10(value) / 3));
    return text("%.3g%s", value / Math.pow(1000, unit), List.of("", "k", "M", "G", "T").get(unit));
  }

  /** A law as a formula. */
  static String formula(ParametricLaw law) {
    return text(
        "L(N, D) = %.4f + %.4g / N^%.4f + %.4g / D^%.4f",
        law.irreducible(), law.a(), law.alpha(), law.b(), law.beta());
  }

  static String text(String format, Object... values) {
    return String.format(Locale.ROOT, format, values);
  }
}
