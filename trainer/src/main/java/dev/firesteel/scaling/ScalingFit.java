package dev.firesteel.scaling;

import dev.firesteel.scaling.ParametricLaw.Allocation;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * All fits of one table of runs, with intervals, and what {@link FitDiagnosis} finds in them.
 *
 * @param table the runs
 * @param settings how they were fitted
 * @param envelope approach 1
 * @param isoFlop approach 2
 * @param parametric approach 3 with all constants free
 * @param variants approach 3 with fewer constants
 * @param counts approach 3 with other counts of the parameters, by their names
 * @param kaplan Kaplan's laws
 * @param hyperparameters learning rate and batch size
 * @param criticalBatch critical batch size
 */
public record ScalingFit(
    RunTable table,
    FitSettings settings,
    Outcome<Allocated<EnvelopeFit>> envelope,
    Outcome<Allocated<IsoFlopFit>> isoFlop,
    Outcome<Parametric> parametric,
    List<Outcome<Parametric>> variants,
    Map<String, Outcome<Parametric>> counts,
    Outcome<Kaplan> kaplan,
    Outcome<Hyperparameters> hyperparameters,
    Outcome<Critical> criticalBatch) {

  /** Resamples that the variants of approach 3 have: their intervals only compare. */
  private static final int MOST_VARIANT_RESAMPLES = 200;

  /**
   * A fit of {@code N* ~ C^a} and {@code D* ~ C^b}.
   *
   * @param <F> kind of the fit
   * @param parameterCoefficient N* at C = 1
   * @param parameterExponent a
   * @param tokenCoefficient D* at C = 1
   * @param tokenExponent b
   * @param resamples these four constants of each resample
   */
  public record Allocated<F>(
      F fit,
      Estimate parameterCoefficient,
      Estimate parameterExponent,
      Estimate tokenCoefficient,
      Estimate tokenExponent,
      List<double[]> resamples) {}

  /**
   * A fit of approach 3.
   *
   * @param exponent a = beta / (alpha + beta)
   * @param resamples E, A, B, alpha and beta of each resample
   */
  public record Parametric(
      ParametricFit fit,
      Estimate irreducible,
      Estimate a,
      Estimate b,
      Estimate alpha,
      Estimate beta,
      Estimate exponent,
      List<double[]> resamples) {
    /** The laws of the resamples. */
    public List<ParametricLaw> laws() {
      return resamples.stream()
          .map(one -> new ParametricLaw(one[0], one[1], one[2], one[3], one[4]))
          .toList();
    }
  }

  /**
   * Kaplan's laws, {@code L(x) = (xc / x)^alpha}.
   *
   * @param alphaN of L(N)
   * @param criticalN Nc of it
   * @param alphaD of L(D)
   * @param criticalD Dc of it
   * @param alphaC of L(C)
   * @param criticalC Cc of it
   * @param jointAlphaN of L(N, D)
   * @param jointAlphaD of L(N, D)
   */
  public record Kaplan(
      KaplanFit fit,
      Estimate alphaN,
      Estimate criticalN,
      Estimate alphaD,
      Estimate criticalD,
      Estimate alphaC,
      Estimate criticalC,
      Estimate jointAlphaN,
      Estimate jointAlphaD) {}

  /**
   * {@code lr = c N^a D^b}, {@code B = c D^b}.
   *
   * @param rateCoefficient c of the learning rate
   * @param rateOfParameters a
   * @param rateOfTokens b
   * @param batchCoefficient c of the batch
   * @param batchOfTokens b of the batch
   */
  public record Hyperparameters(
      HyperparameterFit fit,
      Estimate rateCoefficient,
      Estimate rateOfParameters,
      Estimate rateOfTokens,
      Estimate batchCoefficient,
      Estimate batchOfTokens) {}

  /** Least steps, least tokens and the critical batch size in tokens. */
  public record Critical(
      CriticalBatch fit, Estimate leastSteps, Estimate leastTokens, Estimate tokens) {}

  /** Copies the list and the map. */
  public ScalingFit {
    variants = List.copyOf(variants);
    counts = Collections.unmodifiableMap(new LinkedHashMap<>(counts));
  }

  /** Fits what the settings ask for. */
  public static ScalingFit of(RunTable table, FitSettings settings) {
    return of(table, settings, Map.of());
  }

  /**
   * Fits what the settings ask for, and approach 3 to the same runs with their parameters counted
   * differently, to show how the exponents move with the count.
   *
   * @param counts the same runs by the name of the count
   */
  public static ScalingFit of(RunTable table, FitSettings settings, Map<String, RunTable> counts) {
    Outcome<Parametric> parametric =
        wanted(
            settings,
            Approach.PARAMETRIC,
            () ->
                parametric(
                    table, ParametricVariant.FREE, settings.bootstrap(), settings.gridStep()));
    List<Outcome<Parametric>> variants = new ArrayList<>();
    Map<String, Outcome<Parametric>> counted = new LinkedHashMap<>();
    if (parametric.fit().isPresent()) {
      Bootstrap fewer =
          new Bootstrap(
              Math.min(MOST_VARIANT_RESAMPLES, settings.bootstrap().count()),
              settings.bootstrap().seed(),
              settings.bootstrap().threads());
      for (ParametricVariant variant :
          List.of(
              ParametricVariant.TIED,
              ParametricVariant.fixedExponents(settings.fixedAlpha(), settings.fixedBeta()),
              ParametricVariant.fixedIrreducible(settings.fixedIrreducible()))) {
        variants.add(Outcome.of(() -> parametric(table, variant, fewer, settings.gridStep())));
      }
      counts.forEach(
          (name, other) ->
              counted.put(
                  name,
                  Outcome.of(
                      () ->
                          parametric(other, ParametricVariant.FREE, fewer, settings.gridStep()))));
    }
    return new ScalingFit(
        table,
        settings,
        wanted(
            settings,
            Approach.ENVELOPE,
            () -> allocated(table, settings.bootstrap(), EnvelopeFit::fit)),
        wanted(
            settings,
            Approach.ISOFLOP,
            () -> allocated(table, settings.bootstrap(), IsoFlopFit::fit)),
        parametric,
        variants,
        counted,
        wanted(settings, Approach.KAPLAN, () -> kaplan(table, settings.bootstrap())),
        wanted(
            settings, Approach.HYPERPARAMETERS, () -> hyperparameters(table, settings.bootstrap())),
        wanted(settings, Approach.CRITICAL_BATCH, () -> critical(table, settings.bootstrap())));
  }

  private static <T> Outcome<T> wanted(
      FitSettings settings, Approach approach, Outcome.Fitting<T> fitting) {
    return settings.approaches().contains(approach) ? Outcome.of(fitting) : Outcome.none();
  }

  private static double[] constants(AllocationFit fit) {
    return new double[] {
      fit.parameters().coefficient(),
      fit.parameters().exponent(),
      fit.tokens().coefficient(),
      fit.tokens().exponent()
    };
  }

  /** Fits the laws of N* and D* to a table. */
  @FunctionalInterface
  private interface AllocationFitting<F> {
    F fit(RunTable table) throws RefusedException;
  }

  private static <F extends AllocationFit> Allocated<F> allocated(
      RunTable table, Bootstrap bootstrap, AllocationFitting<F> fitting) throws RefusedException {
    F fit = fitting.fit(table);
    List<double[]> resamples =
        bootstrap.resample(table, resample -> constants(fitting.fit(resample)));
    Estimate[] estimates = estimates(constants(fit), resamples);
    return new Allocated<>(fit, estimates[0], estimates[1], estimates[2], estimates[3], resamples);
  }

  private static Estimate[] estimates(double[] values, List<double[]> resamples) {
    Estimate[] estimates = new Estimate[values.length];
    for (int i = 0; i < values.length; i++) {
      estimates[i] = Estimate.of(values[i], Bootstrap.column(resamples, i));
    }
    return estimates;
  }

  private static Parametric parametric(
      RunTable table, ParametricVariant variant, Bootstrap bootstrap, int gridStep)
      throws RefusedException {
    ParametricFit fit = ParametricFit.fit(table, variant, bootstrap.threads(), gridStep);
    List<double[]> resamples =
        bootstrap.resample(
            table, resample -> constants(ParametricFit.refit(resample, variant, fit.law())));
    Estimate[] estimates = estimates(constants(fit.law()), resamples);
    return new Parametric(
        fit,
        estimates[0],
        estimates[1],
        estimates[2],
        estimates[3],
        estimates[4],
        Estimate.of(
            fit.law().parameterExponent(),
            resamples.stream().mapToDouble(one -> one[4] / (one[3] + one[4])).toArray()),
        resamples);
  }

  private static double[] constants(ParametricLaw law) {
    return new double[] {law.irreducible(), law.a(), law.b(), law.alpha(), law.beta()};
  }

  private static Kaplan kaplan(RunTable table, Bootstrap bootstrap) throws RefusedException {
    KaplanFit fit = KaplanFit.fit(table);
    Estimate[] estimates =
        estimates(
            constants(fit), bootstrap.resample(table, resample -> constants(fit.refit(resample))));
    return new Kaplan(
        fit,
        estimates[0],
        estimates[1],
        estimates[2],
        estimates[3],
        estimates[4],
        estimates[5],
        estimates[6],
        estimates[7]);
  }

  private static double[] constants(KaplanFit fit) {
    return new double[] {
      -fit.ofParameters().exponent(),
      critical(fit.ofParameters()),
      -fit.ofTokens().exponent(),
      critical(fit.ofTokens()),
      -fit.ofFlops().exponent(),
      critical(fit.ofFlops()),
      fit.joint().alphaN(),
      fit.joint().alphaD()
    };
  }

  /** xc of {@code L = (xc / x)^alpha}. */
  private static double critical(PowerLaw law) {
    return Math.pow(law.coefficient(), -1 / law.exponent());
  }

  private static Hyperparameters hyperparameters(RunTable table, Bootstrap bootstrap)
      throws RefusedException {
    HyperparameterFit fit = HyperparameterFit.fit(table);
    Estimate[] estimates =
        estimates(
            constants(fit),
            bootstrap.resample(table, resample -> constants(HyperparameterFit.fit(resample))));
    return new Hyperparameters(
        fit, estimates[0], estimates[1], estimates[2], estimates[3], estimates[4]);
  }

  private static double[] constants(HyperparameterFit fit) {
    return new double[] {
      fit.rateCoefficient(),
      fit.rateOfParameters(),
      fit.rateOfTokens(),
      fit.batchTokens().coefficient(),
      fit.batchTokens().exponent()
    };
  }

  private static Critical critical(RunTable table, Bootstrap bootstrap) throws RefusedException {
    CriticalBatch fit = CriticalBatch.fit(table);
    Estimate[] estimates =
        estimates(
            constants(fit),
            bootstrap.resample(table, resample -> constants(CriticalBatch.fit(resample))));
    return new Critical(fit, estimates[0], estimates[1], estimates[2]);
  }

  private static double[] constants(CriticalBatch fit) {
    return new double[] {fit.leastSteps(), fit.leastTokens(), fit.tokens()};
  }

  /** Sentences of the fits that were refused, the law that forecasts need first. */
  public List<String> refusals() {
    return outcomes()
        .flatMap(outcome -> outcome.refusal().stream())
        .map(RefusedException::getMessage)
        .toList();
  }

  /** Whether there is no fit at all. */
  public boolean isEmpty() {
    return outcomes().noneMatch(outcome -> outcome.fit().isPresent());
  }

  private Stream<Outcome<?>> outcomes() {
    return Stream.of(parametric, isoFlop, envelope, kaplan, hyperparameters, criticalBatch);
  }

  /** The largest budget of the runs. */
  public double largestFlops() {
    return table.runs().stream().mapToDouble(ScalingRun::flops).max().orElseThrow();
  }

  /** Errors of a law, {@code log(L of the law) - log L}, of each run. */
  public double[] residuals(ParametricLaw law) {
    return table.column(run -> Math.log(law.loss(run.parameters(), run.tokens()) / run.loss()));
  }

  /** The optimal N of a budget with its interval, of approach 3. */
  public static Estimate optimalParameters(Parametric fit, double flops) {
    return Estimate.of(
        fit.fit().law().optimum(flops).parameters(),
        fit.laws().stream().mapToDouble(law -> law.optimum(flops).parameters()).toArray());
  }

  /** The optimal D of a budget with its interval, of approach 3. */
  public static Estimate optimalTokens(Parametric fit, double flops) {
    return Estimate.of(
        fit.fit().law().optimum(flops).tokens(),
        fit.laws().stream()
            .map(law -> law.optimum(flops))
            .mapToDouble(Allocation::tokens)
            .toArray());
  }
}
