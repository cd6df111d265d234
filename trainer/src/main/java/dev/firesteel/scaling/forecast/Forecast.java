package dev.firesteel.scaling.forecast;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.firesteel.config.ConfigLoader;
import dev.firesteel.config.ModelConfig;
import dev.firesteel.config.PretrainConfig;
import dev.firesteel.error.UserException;
import dev.firesteel.plan.ParameterCount;
import dev.firesteel.random.RandomStream;
import dev.firesteel.scaling.Estimate;
import dev.firesteel.scaling.ParametricLaw;
import dev.firesteel.scaling.ScalingRun;
import dev.firesteel.scaling.report.FitDocument;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * What a fit says about a run of a compute budget, written before the run so that it can be scored
 * after it.
 *
 * @param format {@value #FORMAT}
 * @param version of the schema
 * @param fit the file of the fit
 * @param flops the budget C
 * @param timesLargestRun C over the largest budget that the fit has seen
 * @param counted what N counts
 * @param optimalParameters N* of the law
 * @param flatLow smallest N within half a percent of the least loss
 * @param flatHigh largest N within it
 * @param parameters N of the configuration
 * @param tokens D of the configuration: C / 6N, in whole steps
 * @param batchTokens tokens of a step
 * @param learningRate peak
 * @param loss expected of this N and D, nats per token
 * @param lossLow 2.5th percentile, of the law's constants and of single runs around it
 * @param lossHigh 97.5th percentile
 * @param notes what the numbers rest on
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
public record Forecast(
    String format,
    int version,
    String fit,
    double flops,
    double timesLargestRun,
    String counted,
    double optimalParameters,
    double flatLow,
    double flatHigh,
    long parameters,
    long tokens,
    long batchTokens,
    double learningRate,
    double loss,
    double lossLow,
    double lossHigh,
    List<String> notes) {
  /** The value of {@code format}. */
  public static final String FORMAT = "firesteel.forecast";

  private static final int VERSION = 1;
  private static final double TAIL = 0.025;
  private static final int WARMUP_SHARE = 10;
  private static final int EVALUATIONS = 20;

  private static final JsonMapper JSON =
      JsonMapper.builder()
          .propertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE)
          .enable(SerializationFeature.INDENT_OUTPUT)
          .disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
          .build();

  /** Copies the list. */
  public Forecast {
    notes = List.copyOf(notes);
  }

  /**
   * A forecast with the configuration to run.
   *
   * @param config resolved, ready to be trained
   */
  public record Plan(Forecast forecast, PretrainConfig config) {}

  /**
   * The forecast of a budget.
   *
   * @param fit with approach 3 and resamples
   * @param origin the file of the fit
   * @param base what the run has beside its size, length, batch and learning rate
   * @param vocabularySize rows of the embedding
   * @param name of the run
   * @throws UserException if the fit has no law with intervals, or no model has the size
   */
  public static Plan of(
      FitDocument fit,
      String origin,
      double flops,
      PretrainConfig base,
      int vocabularySize,
      ParameterCount count,
      String name) {
    FitDocument.Parametric found = fit.approach3();
    if (found == null || found.constants() == null) {
      throw UserException.usage(
          "a forecast needs a fit with approach 3, got none in %s%s"
              .formatted(
                  origin,
                  found == null || found.refused() == null
                      ? ": fit with --approach 3"
                      : ": " + found.refused().sentence()));
    }
    if (found.samples() == null || found.samples().isEmpty()) {
      throw UserException.usage(
          "a forecast needs a fit with resamples for its interval, got none in %s: fit with --bootstrap 400"
              .formatted(origin));
    }
    ParametricLaw law = found.law();
    ParametricLaw.Allocation best = law.optimum(flops);
    ParametricLaw.Range flat = law.within(flops, FitDocument.FLAT);
    ModelConfig model =
        ShapeSearch.find(base.model().withVocabularySize(vocabularySize), count, best.parameters());
    long parameters = count.of(model);
    double tokens = flops / (ScalingRun.FLOPS_PER_PARAMETER_AND_TOKEN * parameters);
    List<String> notes = new ArrayList<>();
    PretrainConfig config =
        config(base, model, (double) parameters, tokens, hyperparameters(fit), name, notes);
    long trained = config.training().steps() * config.training().tokensPerStep();
    double largest = fit.data().flops().high();
    if (flops > largest) {
      notes.add(
          text(
              "the budget is %.3g times the largest that was fitted: the interval holds if the law does",
              flops / largest));
    }
    if (flops < fit.data().flops().low()) {
      notes.add("the budget is below all that were fitted: the interval holds if the law does");
    }
    double[] losses = losses(found, (double) parameters, (double) trained, fit.settings().seed());
    double loss = law.loss((double) parameters, (double) trained);
    return new Plan(
        new Forecast(
            FORMAT,
            VERSION,
            origin,
            flops,
            flops / largest,
            count.name().toLowerCase(Locale.ROOT),
            best.parameters(),
            flat.low(),
            flat.high(),
            parameters,
            trained,
            config.training().tokensPerStep(),
            config.optimizer().learningRate(),
            loss,
            Math.min(loss, Estimate.quantile(losses, TAIL)),
            Math.max(loss, Estimate.quantile(losses, 1 - TAIL)),
            notes),
        config);
  }

  /** The law of each resample, with the error of a run that is drawn. */
  private static double[] losses(
      FitDocument.Parametric found, double parameters, double tokens, long seed) {
    List<ParametricLaw> laws = found.laws();
    List<Double> residuals = found.residuals();
    double[] losses = new double[laws.size()];
    RandomStream random = RandomStream.of(seed, "forecast");
    for (int i = 0; i < losses.length; i++) {
      double error = residuals.get(random.nextInt(residuals.size()));
      losses[i] = laws.get(i).loss(parameters, tokens) * Math.exp(-error);
    }
    Arrays.sort(losses);
    return losses;
  }

  private static Map<String, FitDocument.Constant> hyperparameters(FitDocument fit) {
    return fit.hyperparameters() == null || fit.hyperparameters().constants() == null
        ? Map.of()
        : fit.hyperparameters().constants();
  }

  private static PretrainConfig config(
      PretrainConfig base,
      ModelConfig model,
      double parameters,
      double tokens,
      Map<String, FitDocument.Constant> laws,
      String name,
      List<String> notes) {
    int micro = base.training().microBatchSize();
    int length = base.training().sequenceLength();
    int batch = base.training().globalBatchSize();
    double rate = base.optimizer().learningRate();
    if (laws.isEmpty()) {
      notes.add(
          "learning rate and batch size are the base configuration's: the fit has no law of them");
    } else {
      double wanted =
          laws.get("batch_coefficient").value()
              * Math.pow(tokens, laws.get("batch_of_tokens").value());
      batch = Math.max(1, (int) Math.round(wanted / length / micro)) * micro;
      rate =
          laws.get("rate_coefficient").value()
              * Math.pow(parameters, laws.get("rate_of_parameters").value())
              * Math.pow(tokens, laws.get("rate_of_tokens").value());
    }
    long steps = Math.max(1, Math.round(tokens / ((double) batch * length)));
    if (steps > Integer.MAX_VALUE) {
      throw UserException.usage(
          "a run has at most %d steps, got %d of %d tokens: raise training.global_batch_size of the base configuration"
              .formatted(Integer.MAX_VALUE, steps, (long) batch * length));
    }
    long often = Math.max(1, Math.min(base.evaluation().every(), steps / EVALUATIONS));
    long every = base.evaluation().every() == 0 ? 0 : often; // 0: at the end only
    long warmup = Math.min(base.schedule().warmupSteps(), steps / WARMUP_SHARE);
    return ConfigLoader.parse(
        PretrainConfig.class,
        ConfigLoader.toYaml(base),
        "the base configuration",
        List.of(
            "name=" + name,
            "model.layers=" + model.layers(),
            "model.width=" + model.width(),
            "model.heads=" + model.heads(),
            "model.kv_heads=" + model.kvHeads(),
            "model.head_width=" + model.headWidth(),
            "model.feed_forward_width=" + model.feedForwardWidth(),
            "training.steps=" + steps,
            "training.tokens=0",
            "training.epochs=0",
            "training.global_batch_size=" + batch,
            "optimizer.learning_rate=" + rate,
            "schedule.warmup_steps=" + warmup,
            "schedule.decay_steps=0",
            "evaluation.every=" + every));
  }

  /** The forecast as JSON. */
  public byte[] json() {
    try {
      return JSON.writeValueAsBytes(this);
    } catch (JsonProcessingException e) {
      throw new AssertionError("records of plain values can be written", e);
    }
  }

  /**
   * Reads a forecast.
   *
   * @param origin the file, for messages
   */
  public static Forecast parse(byte[] json, String origin) {
    try {
      Forecast forecast = JSON.readValue(json, Forecast.class);
      if (forecast != null && FORMAT.equals(forecast.format()) && forecast.version() == VERSION) {
        return forecast;
      }
    } catch (IOException | NullPointerException e) {
      throw notAForecast(origin, e);
    }
    throw notAForecast(origin, null);
  }

  private static UserException notAForecast(String origin, Exception cause) {
    return UserException.usage(
        "%s must be what the command forecast writes (%s, version %d), got something else: name the file that ends in .forecast.json"
            .formatted(origin, FORMAT, VERSION),
        cause);
  }

  /** The forecast as lines of text. */
  public List<String> lines() {
    List<String> lines = new ArrayList<>();
    lines.add(
        text(
            "%.3g FLOPs: N %,d (optimum %.4g, within 0.5 %% of its loss from %.3g to %.3g), D %,d, %.1f tokens per parameter",
            flops,
            parameters,
            optimalParameters,
            flatLow,
            flatHigh,
            tokens,
            (double) tokens / parameters));
    lines.add(text("%,d tokens a step, learning rate %.4g", batchTokens, learningRate));
    lines.add(
        text("expected loss %.4f, in 95 %% of cases from %.4f to %.4f", loss, lossLow, lossHigh));
    notes.forEach(note -> lines.add("Note: " + note));
    return lines;
  }

  /**
   * Says whether a final loss fell inside of the interval.
   *
   * @param finalLoss validation loss at the end of the run
   */
  public String score(double finalLoss) {
    boolean inside = finalLoss >= lossLow && finalLoss <= lossHigh;
    return text(
        "%s: final validation loss %.4f, forecast %.4f (%.4f to %.4f), off by %+.2f %%",
        inside ? "Inside" : finalLoss < lossLow ? "Below" : "Above",
        finalLoss,
        loss,
        lossLow,
        lossHigh,
        100 * (finalLoss / loss - 1));
  }

  private static String text(String format, Object... values) {
    return String.format(Locale.ROOT, format, values);
  }
}
