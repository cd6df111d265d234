package dev.firesteel.scaling;

import dev.firesteel.scaling.IsoFlopBudget.Shape;
import dev.firesteel.scaling.ScalingFit.Allocated;
import dev.firesteel.scaling.ScalingFit.Parametric;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * What a fit of scaling laws cannot say, or says wrongly, in words: a table of {@linkplain #RULES
 * rules}, each of which looks at one thing, knows what is sound and where that is known from, and
 * what to do otherwise. A rule that does not concern a fit has no finding.
 */
public final class FitDiagnosis {
  /** How much a finding matters. */
  public enum Severity {
    /** As it should be. */
    GOOD,
    /** The result is to be read with care. */
    WARNING,
    /** The result, or a part of it, is not to be used. */
    SEVERE
  }

  /**
   * What one rule found.
   *
   * @param name stable, for programs that read {@code fit.json}
   * @param title what was looked at
   * @param found the numbers, as a sentence
   * @param sound what would be sound
   * @param source where that is known from
   * @param advice what to do
   */
  public record Finding(
      Severity severity,
      String name,
      String title,
      String found,
      String sound,
      String source,
      String advice) {
    /** The finding as a line of text. */
    public String line() {
      return title + ": " + found + "; sound: " + sound + ". " + advice;
    }
  }

  private record Verdict(Severity severity, String found) {}

  private record Rule(
      String name,
      String title,
      String sound,
      String source,
      String advice,
      Function<ScalingFit, Verdict> look) {}

  private static final String HOFFMANN = "Hoffmann et al. 2022, arXiv:2203.15556";
  private static final String EPOCH = "Besiroglu et al. 2024, arXiv:2404.10102";
  private static final String PORIAN = "Porian et al. 2024, arXiv:2406.19146";

  private static final List<Rule> RULES =
      List.of(
          new Rule(
              "refused",
              "Fits that were refused",
              "none",
              "each sentence says what is missing",
              "Add the runs that the sentence names, or ask for other approaches with --approach.",
              FitDiagnosis::refused),
          new Rule(
              "too_few_budgets",
              "Compute budgets",
              "at least 5: a power law through 3 or 4 vertices has hardly a residual",
              HOFFMANN + ", section 3.2: 9 budgets",
              "Run the same sizes at more budgets, spread over a wider range.",
              FitDiagnosis::budgets),
          new Rule(
              "interpolated_budgets",
              "Budgets that runs share",
              "each parabola goes through runs of one budget",
              HOFFMANN + ", section 3.2",
              "Losses between the runs of a size were interpolated: choose tokens so that runs of"
                  + " different sizes have equal FLOPs.",
              FitDiagnosis::interpolated),
          new Rule(
              "no_interior_minimum",
              "Parabolas without a minimum",
              "the loss of each budget falls and rises again over the model sizes",
              HOFFMANN + ", section 3.2",
              "These budgets were left out: add smaller or larger models where the lowest loss is at"
                  + " an end.",
              FitDiagnosis::noMinimum),
          new Rule(
              "vertex_at_edge",
              "Vertices at the edge",
              "at least 2 sizes on each side of each vertex",
              HOFFMANN + ", section 3.2",
              "The vertex rests on one run: add a size beyond it.",
              FitDiagnosis::edges),
          new Rule(
              "parabola_bias",
              "Bias of the parabolas",
              "below 1 %: a parabola through noise-free losses of the fitted law meets its optimum",
              "Open-Athena, scaling-law-analysis",
              "The loss over log N is no parabola: use approach 3, or a narrower range of sizes (a"
                  + " factor of 4 on each side of the optimum has a bias of 1.3 %).",
              FitDiagnosis::parabolaBias),
          new Rule(
              "envelope_at_edge",
              "Envelope of the smallest and largest sizes",
              "below 40 % of the envelope",
              HOFFMANN + ", section 3.1",
              "Where the smallest or the largest size has the lowest loss, the best size may lie"
                  + " beyond: add sizes at both ends.",
              FitDiagnosis::envelopeEdge),
          new Rule(
              "stopped_early",
              "Minimum of approach 3",
              "two ways of searching reach the same sum",
              EPOCH + ", section 4.2: the published fit stopped early",
              "Do not use constants above the minimum: a mean in place of the sum, or a loose"
                  + " tolerance, ends a search early.",
              FitDiagnosis::stoppedEarly),
          new Rule(
              "rounded_constants",
              "Digits of the given constants",
              "at least 4 digits of each",
              EPOCH + ", section 4.2: rounding moves the best tokens per parameter from 59 to 93",
              "Take the unrounded constants, as fit.json has them.",
              FitDiagnosis::rounded),
          new Rule(
              "below_entropy",
              "Losses and the entropy bound",
              "no loss below the entropy of the data, nor below the fitted E",
              "Shannon 1948: no code is shorter than the entropy",
              "Look for validation text that was trained on, a loss in other units (bits, or per"
                  + " byte), or a wrong --entropy.",
              FitDiagnosis::belowEntropy),
          new Rule(
              "no_irreducible_loss",
              "Irreducible loss",
              "the interval of E does not reach 0",
              "marin, issue 8003: free asymptotes are optimistic or vanish",
              "The runs do not show where the loss ends: compare the variants with a fixed E, and do"
                  + " not forecast far beyond the runs.",
              FitDiagnosis::vanishing),
          new Rule(
              "outliers",
              "Outliers",
              "no error beyond 6 robust deviations of approach 3",
              EPOCH + ": 5 of 245 rows move the fit",
              "Look at these runs; --drop-highest leaves out the highest losses. Huber's function"
                  + " bounds their weight, not their number.",
              FitDiagnosis::outliers),
          new Rule(
              "biased_residuals",
              "Errors over the budgets",
              "the mean error of each third of the budgets is within 3 standard errors of 0",
              EPOCH + ", figure 4",
              "The law does not have the form of these losses: leave out the smallest runs, and do"
                  + " not forecast far beyond the largest.",
              FitDiagnosis::biased),
          new Rule(
              "unmatched_schedules",
              "Schedules and horizons",
              "the schedule of each run ends with its tokens, within 5 %",
              HOFFMANN
                  + ", appendix B: a schedule 25 % too long costs more than a better size wins",
              "Losses in the middle of a schedule are too high: train each length with its own"
                  + " schedule, or branch decays from one constant rate (wsd).",
              FitDiagnosis::schedules),
          new Rule(
              "disagreeing_approaches",
              "Exponents of the approaches",
              "the 95 % intervals of N* ~ C^a overlap",
              HOFFMANN + ", table 2",
              "Find out why before using any of them: budgets at the edge, untuned learning rates of"
                  + " small models, or parameters counted differently.",
              FitDiagnosis::agreement),
          new Rule(
              "counting",
              "FLOPs and 6ND",
              "the given FLOPs are 6ND within 15 %",
              PORIAN + ": FLOPs of the head explain much of Kaplan against Chinchilla",
              "Fit again with another count of parameters (--column parameters=...): the exponents"
                  + " move with it, most where the vocabulary is large beside the model.",
              FitDiagnosis::counting),
          new Rule(
              "few_resamples",
              "Resamples",
              "at least 200, of which 95 % allow the fits",
              "Efron and Tibshirani 1993, section 19.3",
              "Raise --bootstrap; where resamples are refused, the fit rests on few runs.",
              FitDiagnosis::resamples));

  private FitDiagnosis() {}

  /** The findings, the worst first. */
  public static List<Finding> of(ScalingFit fit) {
    List<Finding> findings = new ArrayList<>();
    for (Rule rule : RULES) {
      Optional.ofNullable(rule.look().apply(fit))
          .ifPresent(
              verdict ->
                  findings.add(
                      new Finding(
                          verdict.severity(),
                          rule.name(),
                          rule.title(),
                          verdict.found(),
                          rule.sound(),
                          rule.source(),
                          rule.advice())));
    }
    findings.sort((a, b) -> b.severity().compareTo(a.severity()));
    return findings;
  }

  private static Verdict refused(ScalingFit fit) {
    List<String> sentences =
        Stream.of(fit.envelope(), fit.isoFlop(), fit.parametric(), fit.kaplan())
            .flatMap(outcome -> outcome.refusal().stream())
            .map(RefusedException::getMessage)
            .toList();
    return sentences.isEmpty() ? null : new Verdict(Severity.WARNING, String.join("; ", sentences));
  }

  private static Verdict budgets(ScalingFit fit) {
    return fit.isoFlop()
        .map(
            found -> {
              long usable = usable(found.fit()).size();
              return new Verdict(
                  usable < 5 ? Severity.WARNING : Severity.GOOD,
                  text(
                      "%d with a minimum, from %.3g to %.3g FLOPs",
                      usable,
                      usable(found.fit()).get(0).flops(),
                      usable(found.fit()).get((int) usable - 1).flops()));
            })
        .orElse(null);
  }

  private static List<IsoFlopBudget> usable(IsoFlopFit fit) {
    return fit.budgets().stream().filter(one -> one.shape() != Shape.NO_MINIMUM).toList();
  }

  private static Verdict interpolated(ScalingFit fit) {
    return fit.isoFlop()
        .map(
            found ->
                found.fit().interpolated()
                    ? new Verdict(
                        Severity.WARNING,
                        "the runs share no budgets, and %d were interpolated"
                            .formatted(found.fit().budgets().size()))
                    : new Verdict(Severity.GOOD, found.fit().budgets().size() + " are shared"))
        .orElse(null);
  }

  private static Verdict noMinimum(ScalingFit fit) {
    return shaped(fit, Shape.NO_MINIMUM);
  }

  private static Verdict edges(ScalingFit fit) {
    return shaped(fit, Shape.EDGE);
  }

  private static Verdict shaped(ScalingFit fit, Shape shape) {
    if (fit.isoFlop().fit().isEmpty()) {
      return null;
    }
    List<IsoFlopBudget> budgets = fit.isoFlop().fit().get().fit().budgets();
    String which =
        budgets.stream()
            .filter(budget -> budget.shape() == shape)
            .map(budget -> text("%.3g", budget.flops()))
            .collect(Collectors.joining(", "));
    return which.isEmpty()
        ? new Verdict(Severity.GOOD, "none of %d budgets".formatted(budgets.size()))
        : new Verdict(
            Severity.WARNING, "of %d budgets those of %s FLOPs".formatted(budgets.size(), which));
  }

  private static Verdict parabolaBias(ScalingFit fit) {
    if (fit.isoFlop().fit().isEmpty() || fit.parametric().fit().isEmpty()) {
      return null;
    }
    double bias =
        fit.isoFlop()
            .fit()
            .get()
            .fit()
            .parabolaBias(fit.table(), fit.parametric().fit().get().fit().law());
    if (Double.isNaN(bias)) {
      return null;
    }
    double size = Math.abs(bias);
    return new Verdict(
        size > 0.05 ? Severity.SEVERE : size > 0.01 ? Severity.WARNING : Severity.GOOD,
        text("N* of approach 2 is off by %+.2f %% even without noise", 100 * bias));
  }

  private static Verdict envelopeEdge(ScalingFit fit) {
    return fit.envelope()
        .map(
            found ->
                new Verdict(
                    found.fit().atEdge() > 0.4 ? Severity.WARNING : Severity.GOOD,
                    text("%.0f %%", 100 * found.fit().atEdge())))
        .orElse(null);
  }

  private static Verdict stoppedEarly(ScalingFit fit) {
    if (fit.parametric().fit().isEmpty()) {
      return null;
    }
    ParametricFit found = fit.parametric().fit().get().fit();
    double least = Math.min(found.objective(), found.projectedObjective());
    double gap = Math.max(found.objective(), found.projectedObjective()) - least;
    String text =
        text(
            "%.6g by the grid of starts, of which %d of %d end there, and %.6g by variable projection",
            found.objective(), found.startsAtOptimum(), found.starts(), found.projectedObjective());
    Severity severity = gap > 1e-5 * least + 1e-12 ? Severity.WARNING : Severity.GOOD;
    if (fit.settings().given() != null) {
      double given = ParametricObjective.of(fit.settings().given(), fit.table());
      text += text("; the given constants have %.6g", given);
      severity = given > least * 1.0001 + 1e-12 ? Severity.SEVERE : severity;
    }
    return new Verdict(severity, text);
  }

  private static Verdict rounded(ScalingFit fit) {
    ParametricLaw given = fit.settings().given();
    if (given == null) {
      return null;
    }
    int digits =
        IntStream.of(
                digits(given.irreducible()),
                digits(given.a()),
                digits(given.b()),
                digits(given.alpha()),
                digits(given.beta()))
            .min()
            .orElseThrow();
    String ratios =
        fit.parametric()
            .map(
                found ->
                    text(
                        "; their best tokens per parameter at %.3g FLOPs are %.1f, those of this fit %.1f",
                        fit.largestFlops(),
                        given.optimum(fit.largestFlops()).tokensPerParameter(),
                        found.fit().law().optimum(fit.largestFlops()).tokensPerParameter()))
            .orElse("");
    return new Verdict(
        digits < 4 ? Severity.SEVERE : Severity.GOOD,
        "a constant has %d digits".formatted(digits) + ratios);
  }

  /** Significant digits of the shortest decimal number that is this one. */
  private static int digits(double value) {
    String shortest = Double.toString(value);
    int exponent = shortest.indexOf('E');
    String mantissa = exponent < 0 ? shortest : shortest.substring(0, exponent);
    return mantissa.replace(".", "").replaceFirst("^-?0*", "").replaceFirst("0+$", "").length();
  }

  private static Verdict belowEntropy(ScalingFit fit) {
    double bound = fit.settings().entropy();
    double lowest = Arrays.stream(fit.table().column(ScalingRun::loss)).min().orElseThrow();
    if (!Double.isNaN(bound) && lowest < bound) {
      return new Verdict(
          Severity.SEVERE,
          text(
              "%d losses are below the entropy %.4g, the lowest is %.4g (row %d)",
              fit.table().runs().stream().filter(run -> run.loss() < bound).count(),
              bound,
              lowest,
              fit.table().runs().stream()
                  .filter(run -> run.loss() == lowest)
                  .findFirst()
                  .orElseThrow()
                  .row()));
    }
    if (fit.parametric().fit().isEmpty()) {
      return null;
    }
    Estimate e = fit.parametric().fit().get().irreducible();
    if (!Double.isNaN(bound) && e.value() < bound) {
      return new Verdict(
          e.hasInterval() && e.high() < bound ? Severity.SEVERE : Severity.WARNING,
          text("the fitted E of %.4g is below the entropy %.4g", e.value(), bound));
    }
    return lowest < e.value()
        ? new Verdict(
            Severity.WARNING,
            text("the lowest loss, %.4g, is below the fitted E of %.4g", lowest, e.value()))
        : new Verdict(
            Severity.GOOD, text("the lowest loss is %.4g, the fitted E %.4g", lowest, e.value()));
  }

  private static Verdict vanishing(ScalingFit fit) {
    return fit.parametric()
        .map(
            found -> {
              Estimate e = found.irreducible();
              double lowest =
                  Arrays.stream(fit.table().column(ScalingRun::loss)).min().orElseThrow();
              boolean vanishes =
                  e.value() < 1e-3 * lowest || (e.hasInterval() && e.low() < 1e-3 * lowest);
              return new Verdict(
                  vanishes ? Severity.WARNING : Severity.GOOD,
                  e.hasInterval()
                      ? text("E %.4g, %.4g to %.4g", e.value(), e.low(), e.high())
                      : text("E %.4g", e.value()));
            })
        .orElse(null);
  }

  private static Verdict outliers(ScalingFit fit) {
    if (fit.parametric().fit().isEmpty()) {
      return null;
    }
    double[] residuals = fit.residuals(fit.parametric().fit().get().fit().law());
    double[] sizes = Arrays.stream(residuals).map(Math::abs).sorted().toArray();
    double deviation = 1.4826 * Estimate.quantile(sizes, 0.5);
    // Noise-free losses have rounding errors alone, of which some are many times the median.
    double bound = Math.max(6 * deviation, 1e-6);
    String rows =
        IntStream.range(0, residuals.length)
            .filter(i -> Math.abs(residuals[i]) > bound)
            .mapToObj(
                i -> text("%d (%+.1f %%)", fit.table().runs().get(i).row(), 100 * residuals[i]))
            .limit(10)
            .collect(Collectors.joining(", "));
    long count = Arrays.stream(residuals).filter(one -> Math.abs(one) > bound).count();
    return count == 0
        ? new Verdict(Severity.GOOD, text("none; the robust deviation is %.2f %%", 100 * deviation))
        : new Verdict(
            Severity.WARNING,
            "%d, with the error of the law in rows %s%s"
                .formatted(count, rows, count > 10 ? " and others" : ""));
  }

  private static Verdict biased(ScalingFit fit) {
    if (fit.parametric().fit().isEmpty() || fit.table().size() < 15) {
      return null;
    }
    double[] residuals = fit.residuals(fit.parametric().fit().get().fit().law());
    List<Integer> order =
        IntStream.range(0, residuals.length)
            .boxed()
            .sorted(
                (a, b) ->
                    Double.compare(
                        fit.table().runs().get(a).flops(), fit.table().runs().get(b).flops()))
            .toList();
    StringBuilder found = new StringBuilder();
    boolean isBiased = false;
    for (int third = 0; third < 3; third++) {
      double[] part =
          order.subList(third * order.size() / 3, (third + 1) * order.size() / 3).stream()
              .mapToDouble(i -> residuals[i])
              .toArray();
      double mean = Arrays.stream(part).average().orElseThrow();
      double variance =
          Arrays.stream(part).map(one -> (one - mean) * (one - mean)).sum() / (part.length - 1);
      double error = Math.sqrt(variance / part.length);
      isBiased |= Math.abs(mean) > 3 * error + 1e-6;
      found.append(third == 0 ? "" : ", ").append(text("%+.2f ± %.2f %%", 100 * mean, 100 * error));
    }
    return new Verdict(
        isBiased ? Severity.WARNING : Severity.GOOD,
        "from the smallest to the largest budgets " + found);
  }

  private static Verdict schedules(ScalingFit fit) {
    if (!fit.table().has(ScalingRun::horizonTokens)) {
      return null;
    }
    List<ScalingRun> unmatched =
        fit.table().runs().stream()
            .filter(run -> Math.abs(run.tokens() / run.horizonTokens() - 1) > 0.05)
            .toList();
    return unmatched.isEmpty()
        ? new Verdict(Severity.GOOD, "all of %d are matched".formatted(fit.table().size()))
        : new Verdict(
            Severity.WARNING,
            "%d of %d are not, the first in row %d"
                .formatted(unmatched.size(), fit.table().size(), unmatched.get(0).row()));
  }

  private static Verdict agreement(ScalingFit fit) {
    List<Estimate> exponents = new ArrayList<>();
    List<String> names = new ArrayList<>();
    fit.envelope()
        .map(Allocated::parameterExponent)
        .ifPresent(one -> add("1", one, names, exponents));
    fit.isoFlop()
        .map(Allocated::parameterExponent)
        .ifPresent(one -> add("2", one, names, exponents));
    fit.parametric().map(Parametric::exponent).ifPresent(one -> add("3", one, names, exponents));
    if (exponents.size() < 2 || exponents.stream().noneMatch(Estimate::hasInterval)) {
      return null;
    }
    boolean apart = exponents.stream().anyMatch(a -> exponents.stream().anyMatch(a::isApartFrom));
    return new Verdict(
        apart ? Severity.WARNING : Severity.GOOD, "a of approach " + String.join(", of ", names));
  }

  private static void add(
      String name, Estimate exponent, List<String> names, List<Estimate> exponents) {
    exponents.add(exponent);
    names.add(
        text("%s: %.3f (%.3f to %.3f)", name, exponent.value(), exponent.low(), exponent.high()));
  }

  private static Verdict counting(ScalingFit fit) {
    if (fit.table().derived() != RunTable.Derived.NONE) {
      return null;
    }
    double[] ratios =
        fit.table()
            .column(
                run ->
                    run.flops()
                        / (ScalingRun.FLOPS_PER_PARAMETER_AND_TOKEN
                            * run.parameters()
                            * run.tokens()));
    Arrays.sort(ratios);
    double low = ratios[0];
    double high = ratios[ratios.length - 1];
    return new Verdict(
        low < 1 / 1.15 || high > 1.15 ? Severity.WARNING : Severity.GOOD,
        text("FLOPs / 6ND from %.3f to %.3f", low, high));
  }

  private static Verdict resamples(ScalingFit fit) {
    int count = fit.settings().bootstrap().count();
    if (count == 0) {
      return new Verdict(Severity.WARNING, "none, so that no constant has an interval");
    }
    int fewest = count;
    for (Optional<Integer> one :
        List.of(
            fit.envelope().map(found -> found.resamples().size()),
            fit.isoFlop().map(found -> found.resamples().size()),
            fit.parametric().map(found -> found.resamples().size()))) {
      fewest = Math.min(fewest, one.orElse(count));
    }
    return new Verdict(
        count < 200 || fewest < 0.95 * count ? Severity.WARNING : Severity.GOOD,
        "%d, of which at least %d allow each fit".formatted(count, fewest));
  }

  private static String text(String format, Object... values) {
    return String.format(Locale.ROOT, format, values);
  }
}
