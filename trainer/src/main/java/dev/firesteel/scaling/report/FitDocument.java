package dev.firesteel.scaling.report;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.firesteel.error.UserException;
import dev.firesteel.scaling.Estimate;
import dev.firesteel.scaling.FitDiagnosis;
import dev.firesteel.scaling.IsoFlopBudget;
import dev.firesteel.scaling.IsoFlopFit;
import dev.firesteel.scaling.Outcome;
import dev.firesteel.scaling.ParametricFit;
import dev.firesteel.scaling.ParametricLaw;
import dev.firesteel.scaling.RefusedException;
import dev.firesteel.scaling.RunTable;
import dev.firesteel.scaling.ScalingFit;
import dev.firesteel.scaling.ScalingRun;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.ToDoubleFunction;

/**
 * {@code fit.json}. Keys are the components in snake case; a key whose value is null is left out.
 * Numbers have all their digits. {@code docs/scaling.md} describes each.
 *
 * @param format {@value #FORMAT}
 * @param version of the schema
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
public record FitDocument(
    String format,
    int version,
    Data data,
    Settings settings,
    @JsonProperty("approach_1") Allocation approach1,
    @JsonProperty("approach_2") Allocation approach2,
    @JsonProperty("approach_3") Parametric approach3,
    List<Parametric> variants,
    Map<String, Parametric> counts,
    Constants kaplan,
    Constants hyperparameters,
    Constants criticalBatch,
    List<Optimum> optima,
    List<Finding> findings) {
  /** The value of {@code format}. */
  public static final String FORMAT = "firesteel.scaling-fit";

  /** The name of the file. */
  public static final String FILE_NAME = "fit.json";

  private static final int VERSION = 1;
  private static final double[] BEYOND = {1, 10, 100};

  /** Share of the least loss within which a range of sizes is reported. */
  public static final double FLAT = 0.005;

  private static final JsonMapper JSON =
      JsonMapper.builder()
          .propertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE)
          .enable(SerializationFeature.INDENT_OUTPUT)
          .disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
          .build();

  /**
   * The runs.
   *
   * @param derived {@code tokens} if D is C / 6N, {@code flops} if C is 6ND, else {@code none}
   */
  public record Data(
      String source,
      int runs,
      int sizes,
      String derived,
      Range parameters,
      Range tokens,
      Range flops,
      Range loss) {}

  /** Least and largest value of the runs. */
  public record Range(double low, double high) {}

  /** How the runs were fitted. */
  @JsonInclude(JsonInclude.Include.NON_NULL)
  public record Settings(int resamples, long seed, double huberDelta, Double entropy) {}

  /** A constant; without resamples its value alone. */
  @JsonInclude(JsonInclude.Include.NON_NULL)
  public record Constant(Double value, Double standardError, Double low, Double high) {
    static Constant of(Estimate estimate) {
      return new Constant(
          known(estimate.value()),
          known(estimate.standardError()),
          known(estimate.low()),
          known(estimate.high()));
    }
  }

  /** Why there is no fit. */
  public record Refused(String reason, String sentence) {
    static Refused of(RefusedException refusal) {
      return new Refused(refusal.reason().name().toLowerCase(Locale.ROOT), refusal.getMessage());
    }
  }

  /** Constants by their names, or why there are none. */
  @JsonInclude(JsonInclude.Include.NON_NULL)
  public record Constants(Refused refused, Map<String, Constant> constants) {}

  /** Approach 1 or 2: the laws of N* and D*. */
  @JsonInclude(JsonInclude.Include.NON_NULL)
  public record Allocation(
      Refused refused,
      Constant parameterCoefficient,
      Constant parameterExponent,
      Constant tokenCoefficient,
      Constant tokenExponent,
      Boolean interpolated,
      List<Budget> budgets,
      Integer sizesOnEnvelope,
      Double edgeShare) {}

  /** A budget of approach 2. */
  @JsonInclude(JsonInclude.Include.NON_NULL)
  public record Budget(
      double flops,
      int sizes,
      String shape,
      Double vertexParameters,
      Double vertexTokens,
      Double vertexLoss) {}

  /**
   * Approach 3.
   *
   * @param constants E, A, B, alpha, beta and parameter_exponent
   * @param samples E, A, B, alpha and beta of each resample
   * @param residuals errors of log L, of each run in the order of the table
   */
  @JsonInclude(JsonInclude.Include.NON_NULL)
  public record Parametric(
      String variant,
      String assumes,
      Refused refused,
      Map<String, Constant> constants,
      Double objective,
      Integer starts,
      Integer startsAtOptimum,
      Double projectedObjective,
      List<double[]> samples,
      List<Double> residuals) {
    /** The law of the constants. */
    public ParametricLaw law() {
      return new ParametricLaw(
          constants.get("E").value(),
          constants.get("A").value(),
          constants.get("B").value(),
          constants.get("alpha").value(),
          constants.get("beta").value());
    }

    /** The laws of the resamples. */
    public List<ParametricLaw> laws() {
      return samples.stream()
          .map(one -> new ParametricLaw(one[0], one[1], one[2], one[3], one[4]))
          .toList();
    }
  }

  /**
   * The optimum of a budget by approach 3.
   *
   * @param flatParameters the sizes within half a percent of the least loss
   */
  public record Optimum(
      double flops,
      Constant parameters,
      Constant tokens,
      Constant loss,
      double tokensPerParameter,
      Range flatParameters) {}

  /** What a rule found. */
  public record Finding(
      String severity,
      String name,
      String title,
      String found,
      String sound,
      String source,
      String advice) {}

  /** The document of a fit. */
  public static FitDocument of(ScalingFit fit) {
    return new FitDocument(
        FORMAT,
        VERSION,
        data(fit.table()),
        new Settings(
            fit.settings().bootstrap().count(),
            fit.settings().bootstrap().seed(),
            ParametricFit.HUBER_DELTA,
            known(fit.settings().entropy())),
        allocation(
            fit.envelope(),
            (found, allocation) ->
                new Allocation(
                    null,
                    allocation.parameterCoefficient(),
                    allocation.parameterExponent(),
                    allocation.tokenCoefficient(),
                    allocation.tokenExponent(),
                    null,
                    null,
                    found.sizes(),
                    found.atEdge())),
        allocation(
            fit.isoFlop(),
            (found, allocation) ->
                new Allocation(
                    null,
                    allocation.parameterCoefficient(),
                    allocation.parameterExponent(),
                    allocation.tokenCoefficient(),
                    allocation.tokenExponent(),
                    found.interpolated(),
                    budgets(found),
                    null,
                    null)),
        parametric(fit, fit.parametric(), "free", true),
        fit.variants().stream().map(one -> parametric(fit, one, null, false)).toList(),
        counts(fit),
        kaplan(fit.kaplan()),
        hyperparameters(fit.hyperparameters()),
        critical(fit.criticalBatch()),
        fit.parametric().fit().map(found -> optima(fit, found)).orElse(null),
        FitDiagnosis.of(fit).stream()
            .map(
                one ->
                    new Finding(
                        one.severity().name().toLowerCase(Locale.ROOT),
                        one.name(),
                        one.title(),
                        one.found(),
                        one.sound(),
                        one.source(),
                        one.advice()))
            .toList());
  }

  private static Double known(double value) {
    return Double.isFinite(value) ? value : null;
  }

  private static Data data(RunTable table) {
    return new Data(
        table.origin(),
        table.size(),
        table.bySize().size(),
        table.derived().name().toLowerCase(Locale.ROOT),
        range(table, ScalingRun::parameters),
        range(table, ScalingRun::tokens),
        range(table, ScalingRun::flops),
        range(table, ScalingRun::loss));
  }

  private static Range range(RunTable table, ToDoubleFunction<ScalingRun> of) {
    double[] sorted = Arrays.stream(table.column(of)).sorted().toArray();
    return new Range(sorted[0], sorted[sorted.length - 1]);
  }

  private interface Filling<F> {
    Allocation fill(F fit, Allocation constants);
  }

  private static <F> Allocation allocation(
      Outcome<ScalingFit.Allocated<F>> outcome, Filling<F> filling) {
    if (outcome.refusal().isPresent()) {
      return new Allocation(
          Refused.of(outcome.refusal().get()), null, null, null, null, null, null, null, null);
    }
    return outcome
        .fit()
        .map(
            found ->
                filling.fill(
                    found.fit(),
                    new Allocation(
                        null,
                        Constant.of(found.parameterCoefficient()),
                        Constant.of(found.parameterExponent()),
                        Constant.of(found.tokenCoefficient()),
                        Constant.of(found.tokenExponent()),
                        null,
                        null,
                        null,
                        null)))
        .orElse(null);
  }

  private static List<Budget> budgets(IsoFlopFit fit) {
    List<Budget> budgets = new ArrayList<>();
    for (IsoFlopBudget budget : fit.budgets()) {
      budgets.add(
          new Budget(
              budget.flops(),
              budget.points().size(),
              budget.shape().name().toLowerCase(Locale.ROOT),
              known(budget.vertexParameters()),
              known(budget.vertexTokens()),
              known(budget.vertexLoss())));
    }
    return budgets;
  }

  private static Parametric parametric(
      ScalingFit fit, Outcome<ScalingFit.Parametric> outcome, String name, boolean samples) {
    if (outcome.refusal().isPresent()) {
      return new Parametric(
          name,
          null,
          Refused.of(outcome.refusal().get()),
          null,
          null,
          null,
          null,
          null,
          null,
          null);
    }
    if (outcome.fit().isEmpty()) {
      return null;
    }
    ScalingFit.Parametric found = outcome.fit().get();
    Map<String, Constant> constants = new LinkedHashMap<>();
    constants.put("E", Constant.of(found.irreducible()));
    constants.put("A", Constant.of(found.a()));
    constants.put("B", Constant.of(found.b()));
    constants.put("alpha", Constant.of(found.alpha()));
    constants.put("beta", Constant.of(found.beta()));
    constants.put("parameter_exponent", Constant.of(found.exponent()));
    ParametricFit one = found.fit();
    return new Parametric(
        one.variant().name(),
        one.variant().description(),
        null,
        constants,
        one.objective(),
        one.starts(),
        one.startsAtOptimum(),
        known(one.projectedObjective()),
        samples ? found.resamples() : null,
        samples ? Arrays.stream(fit.residuals(one.law())).boxed().toList() : null);
  }

  private static Map<String, Parametric> counts(ScalingFit fit) {
    if (fit.counts().isEmpty()) {
      return null;
    }
    Map<String, Parametric> counts = new LinkedHashMap<>();
    fit.counts().forEach((name, one) -> counts.put(name, parametric(fit, one, name, false)));
    return counts;
  }

  private static Constants constants(Outcome<?> outcome, Map<String, Constant> constants) {
    return outcome.refusal().isPresent()
        ? new Constants(Refused.of(outcome.refusal().get()), null)
        : constants == null ? null : new Constants(null, constants);
  }

  private static Constants kaplan(Outcome<ScalingFit.Kaplan> outcome) {
    return constants(
        outcome,
        outcome
            .fit()
            .map(
                found -> {
                  Map<String, Constant> constants = new LinkedHashMap<>();
                  constants.put("alpha_N", Constant.of(found.alphaN()));
                  constants.put("N_c", Constant.of(found.criticalN()));
                  constants.put("alpha_D", Constant.of(found.alphaD()));
                  constants.put("D_c", Constant.of(found.criticalD()));
                  constants.put("alpha_C", Constant.of(found.alphaC()));
                  constants.put("C_c", Constant.of(found.criticalC()));
                  constants.put("joint_alpha_N", Constant.of(found.jointAlphaN()));
                  constants.put("joint_alpha_D", Constant.of(found.jointAlphaD()));
                  constants.put(
                      "joint_N_c",
                      Constant.of(Estimate.exact(found.fit().joint().criticalParameters())));
                  constants.put(
                      "joint_D_c",
                      Constant.of(Estimate.exact(found.fit().joint().criticalTokens())));
                  constants.put(
                      "joint_objective", Constant.of(Estimate.exact(found.fit().objective())));
                  return constants;
                })
            .orElse(null));
  }

  private static Constants hyperparameters(Outcome<ScalingFit.Hyperparameters> outcome) {
    return constants(
        outcome,
        outcome
            .fit()
            .map(
                found -> {
                  Map<String, Constant> constants = new LinkedHashMap<>();
                  constants.put("rate_coefficient", Constant.of(found.rateCoefficient()));
                  constants.put("rate_of_parameters", Constant.of(found.rateOfParameters()));
                  constants.put("rate_of_tokens", Constant.of(found.rateOfTokens()));
                  constants.put("batch_coefficient", Constant.of(found.batchCoefficient()));
                  constants.put("batch_of_tokens", Constant.of(found.batchOfTokens()));
                  return constants;
                })
            .orElse(null));
  }

  private static Constants critical(Outcome<ScalingFit.Critical> outcome) {
    return constants(
        outcome,
        outcome
            .fit()
            .map(
                found -> {
                  Map<String, Constant> constants = new LinkedHashMap<>();
                  constants.put("least_steps", Constant.of(found.leastSteps()));
                  constants.put("least_tokens", Constant.of(found.leastTokens()));
                  constants.put("critical_batch_tokens", Constant.of(found.tokens()));
                  return constants;
                })
            .orElse(null));
  }

  private static List<Optimum> optima(ScalingFit fit, ScalingFit.Parametric found) {
    List<Optimum> optima = new ArrayList<>();
    for (double factor : BEYOND) {
      double flops = factor * fit.largestFlops();
      ParametricLaw law = found.fit().law();
      ParametricLaw.Range flat = law.within(flops, FLAT);
      optima.add(
          new Optimum(
              flops,
              Constant.of(ScalingFit.optimalParameters(found, flops)),
              Constant.of(ScalingFit.optimalTokens(found, flops)),
              Constant.of(
                  Estimate.of(
                      law.optimum(flops).loss(),
                      found.laws().stream()
                          .mapToDouble(one -> one.optimum(flops).loss())
                          .toArray())),
              law.optimum(flops).tokensPerParameter(),
              new Range(flat.low(), flat.high())));
    }
    return optima;
  }

  /** The document as JSON. */
  public byte[] json() {
    try {
      return JSON.writeValueAsBytes(this);
    } catch (JsonProcessingException e) {
      throw new AssertionError("records of plain values can be written", e);
    }
  }

  /**
   * Reads a document.
   *
   * @param origin the file, for messages
   */
  public static FitDocument parse(byte[] json, String origin) {
    try {
      FitDocument document = JSON.readValue(json, FitDocument.class);
      if (document != null && FORMAT.equals(document.format()) && document.version() == VERSION) {
        return document;
      }
    } catch (java.io.IOException e) {
      throw notAFit(origin, e);
    }
    throw notAFit(origin, null);
  }

  private static UserException notAFit(String origin, Exception cause) {
    return UserException.usage(
        "%s must be what the command fit writes (%s, version %d), got something else: run fit again"
            .formatted(origin, FORMAT, VERSION),
        cause);
  }
}
