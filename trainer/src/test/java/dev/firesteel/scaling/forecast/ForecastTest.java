package dev.firesteel.scaling.forecast;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.firesteel.config.ConfigLoader;
import dev.firesteel.config.PretrainConfig;
import dev.firesteel.error.UserException;
import dev.firesteel.plan.ParameterCount;
import dev.firesteel.random.RandomStream;
import dev.firesteel.scaling.Approach;
import dev.firesteel.scaling.Bootstrap;
import dev.firesteel.scaling.FitSettings;
import dev.firesteel.scaling.ParametricLaw;
import dev.firesteel.scaling.RunTable;
import dev.firesteel.scaling.ScalingFit;
import dev.firesteel.scaling.ScalingRun;
import dev.firesteel.scaling.report.FitDocument;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.Test;

class ForecastTest {
  private static final ParametricLaw LAW = new ParametricLaw(1.69, 406.4, 410.7, .34, .28);
  private static final int VOCABULARY = 4096;

  private static FitDocument fit(int resamples) {
    RandomStream random = RandomStream.of(2, "noise");
    List<ScalingRun> runs = new ArrayList<>();
    for (double parameters : new double[] {1e6, 2e6, 4e6, 8e6}) {
      for (double ratio : new double[] {5, 20, 80}) {
        for (int rate = 0; rate < 3; rate++) {
          for (int batch = 0; batch < 3; batch++) {
            double tokens = ratio * parameters;
            boolean best = rate == 1 && batch == 1;
            double loss =
                LAW.loss(parameters, tokens) * Math.exp(0.002 * random.nextGaussian())
                    + (best ? 0 : 0.05);
            runs.add(
                new ScalingRun(
                    runs.size(),
                    parameters,
                    tokens,
                    6 * parameters * tokens,
                    loss,
                    1e-3 * Math.pow(2, rate - 1) * Math.pow(parameters / 1e6, -.5),
                    2048 * Math.pow(2, batch - 1) * Math.sqrt(tokens / 1e7),
                    Double.NaN,
                    Double.NaN));
          }
        }
      }
    }
    return FitDocument.of(
        ScalingFit.of(
            new RunTable("sweep", RunTable.Derived.FLOPS, runs),
            new FitSettings(
                EnumSet.of(Approach.PARAMETRIC, Approach.HYPERPARAMETERS),
                new Bootstrap(resamples, 1, 2),
                Double.NaN,
                .34,
                .28,
                0,
                50,
                null)));
  }

  private static PretrainConfig base(String... overrides) {
    List<String> all =
        new ArrayList<>(
            List.of(
                "model.layers=4",
                "model.width=160",
                "model.heads=5",
                "model.feed_forward_width=432",
                "model.context_length=128",
                "model.tie_embeddings=true",
                "data.source=text"));
    all.addAll(List.of(overrides));
    return ConfigLoader.load(PretrainConfig.class, all);
  }

  @Test
  void theConfigurationHasTheSizeAndTheLengthOfTheBudget() {
    double flops = 1e17;
    Forecast.Plan plan =
        Forecast.of(fit(40), "fit.json", flops, base(), VOCABULARY, ParameterCount.ALL, "big");
    Forecast forecast = plan.forecast();
    PretrainConfig config = plan.config();

    assertThat((double) forecast.parameters())
        .isCloseTo(forecast.optimalParameters(), Percentage.withPercentage(2));
    assertThat(ParameterCount.ALL.of(config.model().withVocabularySize(VOCABULARY)))
        .isEqualTo(forecast.parameters());
    assertThat(6.0 * forecast.parameters() * forecast.tokens())
        .isCloseTo(flops, Percentage.withPercentage(1));
    assertThat(config.name()).isEqualTo("big");
    assertThat(config.training().steps() * config.training().tokensPerStep())
        .isEqualTo(forecast.tokens());
    assertThat(config.schedule().warmupSteps() + config.schedule().decaySteps())
        .as("the schedule ends with the run")
        .isEqualTo(config.training().steps());
    assertThat(config.optimizer().learningRate()).isEqualTo(forecast.learningRate());
    assertThat(forecast.learningRate())
        .isCloseTo(1e-3 * Math.pow(forecast.parameters() / 1e6, -.5), Percentage.withPercentage(5));
    assertThat(forecast.batchTokens()).isEqualTo(config.training().tokensPerStep());
    assertThat(forecast.lossLow()).isLessThan(forecast.loss());
    assertThat(forecast.lossHigh()).isGreaterThan(forecast.loss());
    assertThat(forecast.notes())
        .anyMatch(note -> note.contains("times the largest that was fitted"));
    assertThat(
            ConfigLoader.parse(
                PretrainConfig.class, ConfigLoader.toYaml(config), "big.yaml", List.of()))
        .isEqualTo(config);
    assertThat(Forecast.parse(forecast.json(), "big.forecast.json")).isEqualTo(forecast);
  }

  @Test
  void evaluatesAtLeastTwentyTimesUnlessTheBaseEvaluatesAtTheEndOnly() {
    FitDocument fit = fit(2);
    for (int every : new int[] {0, 7, 1_000_000}) {
      PretrainConfig config =
          Forecast.of(
                  fit,
                  "fit.json",
                  1e17,
                  base("evaluation.every=" + every),
                  VOCABULARY,
                  ParameterCount.ALL,
                  "big")
              .config();
      assertThat((long) config.evaluation().every())
          .isEqualTo(Math.min(every, config.training().steps() / 20));
    }
  }

  @Test
  void shapesKeepTheirProportions() {
    for (double parameters : new double[] {1.5e6, 7e6, 1.24e8, 1e9}) {
      for (ParameterCount count : ParameterCount.values()) {
        var model = base().model().withVocabularySize(VOCABULARY);
        var shape = ShapeSearch.find(model, count, parameters);
        assertThat((double) count.of(shape)).isCloseTo(parameters, Percentage.withPercentage(2));
        assertThat(shape.headWidth()).isEqualTo(32);
        assertThat(shape.width()).isEqualTo(32 * shape.heads());
        assertThat((double) shape.width() / shape.layers()).isBetween(15.0, 110.0);
      }
    }
    var grouped = base("model.heads=6", "model.width=192", "model.kv_heads=2").model();
    var shape = ShapeSearch.find(grouped.withVocabularySize(VOCABULARY), ParameterCount.ALL, 2e7);
    assertThat(shape.heads()).isEqualTo(3 * shape.kvHeads());
    assertThatThrownBy(() -> ShapeSearch.find(model(50257), ParameterCount.ALL, 1e5))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("use a smaller vocabulary or head width");
  }

  private static dev.firesteel.config.ModelConfig model(int vocabulary) {
    return base().model().withVocabularySize(vocabulary);
  }

  @Test
  void countsOfParametersDifferByTheEmbedding() {
    var tied = model(VOCABULARY);
    assertThat(ParameterCount.ALL.of(tied) - ParameterCount.NON_EMBEDDING.of(tied))
        .isEqualTo(160L * VOCABULARY);
    var untied = base("model.tie_embeddings=false").model().withVocabularySize(VOCABULARY);
    assertThat(ParameterCount.ALL.of(untied) - ParameterCount.NON_EMBEDDING.of(untied))
        .isEqualTo(2 * 160L * VOCABULARY);
    assertThat(ParameterCount.MATMUL.of(tied)).isEqualTo(ParameterCount.MATMUL.of(untied));
    assertThat((double) ParameterCount.MATMUL.of(tied))
        .as("all but norms, with the head in place of the embedding")
        .isCloseTo((double) ParameterCount.ALL.of(tied), Percentage.withPercentage(1));
  }

  @Test
  void aFitWithoutResamplesOrLawHasNoForecast() {
    assertThatThrownBy(
            () ->
                Forecast.of(fit(0), "fit.json", 1e16, base(), VOCABULARY, ParameterCount.ALL, "x"))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("fit with --bootstrap 400");
  }

  @Test
  void budgetsOutsideOfTheRunsAreNoted() {
    Forecast small =
        Forecast.of(
                fit(40), "fit.json", 2e13, base(), VOCABULARY, ParameterCount.NON_EMBEDDING, "x")
            .forecast();
    assertThat(small.notes()).anyMatch(note -> note.startsWith("the budget is below all"));
    assertThat(small.counted()).isEqualTo("non_embedding");
    Forecast inside =
        Forecast.of(fit(40), "fit.json", 1e15, base(), VOCABULARY, ParameterCount.ALL, "x")
            .forecast();
    assertThat(inside.notes()).isEmpty();
  }

  @Test
  void aLossIsScoredByTheInterval() {
    Forecast forecast =
        Forecast.of(fit(40), "fit.json", 1e15, base(), VOCABULARY, ParameterCount.ALL, "x")
            .forecast();
    assertThat(forecast.score(forecast.loss())).startsWith("Inside: ").contains("off by +0.00 %");
    assertThat(forecast.score(forecast.lossHigh() + 0.01)).startsWith("Above: ");
    assertThat(forecast.score(forecast.lossLow() - 0.01)).startsWith("Below: ");
    assertThat(forecast.loss())
        .isCloseTo(
            LAW.loss((double) forecast.parameters(), (double) forecast.tokens()), within(0.2));
    assertThatThrownBy(
            () -> Forecast.parse("{}".getBytes(StandardCharsets.UTF_8), "x.forecast.json"))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("name the file that ends in .forecast.json");
  }
}
