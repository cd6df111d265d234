package dev.firesteel.scaling.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.firesteel.error.UserException;
import dev.firesteel.random.RandomStream;
import dev.firesteel.scaling.Approach;
import dev.firesteel.scaling.Bootstrap;
import dev.firesteel.scaling.FitSettings;
import dev.firesteel.scaling.ParametricLaw;
import dev.firesteel.scaling.RunTable;
import dev.firesteel.scaling.ScalingFit;
import dev.firesteel.scaling.ScalingRun;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

class FitReportTest {
  private static final ParametricLaw LAW = new ParametricLaw(1.69, 406.4, 410.7, .34, .28);
  private static ScalingFit fit;

  /** Ten sizes, each trained for six token counts, so that all approaches have their runs. */
  @BeforeAll
  static void fit() {
    RunTable table = table();
    RunTable smaller =
        new RunTable(
            table.origin(),
            table.derived(),
            table.runs().stream()
                .map(
                    run ->
                        ScalingRun.of(
                            run.row(),
                            Math.pow(run.parameters(), 1.1) / 10,
                            run.tokens(),
                            run.loss()))
                .toList());
    fit =
        ScalingFit.of(
            table,
            settings(Set.of(Approach.values())),
            Map.of("parameters_non_embedding", smaller));
  }

  /** N' = N^1.1 / 10, so that N^alpha = (10 N')^(alpha / 1.1). */
  @Test
  void exponentsMoveWithTheCountOfParameters() {
    FitDocument document = FitDocument.of(fit);
    double alpha = document.approach3().law().alpha();
    FitDocument.Parametric counted = document.counts().get("parameters_non_embedding");
    assertThat(counted.law().alpha()).isCloseTo(alpha / 1.1, within(1e-5));
    assertThat(counted.law().beta()).isCloseTo(document.approach3().law().beta(), within(1e-5));
    assertThat(FitText.lines(fit, document))
        .anyMatch(line -> line.startsWith("  with N from parameters_non_embedding: a = "));
  }

  static FitSettings settings(Set<Approach> approaches) {
    return new FitSettings(approaches, new Bootstrap(30, 1, 2), Double.NaN, .34, .28, 0, 50, null);
  }

  private static RunTable table() {
    RandomStream random = RandomStream.of(1, "noise");
    List<ScalingRun> runs = new ArrayList<>();
    for (int size = 0; size < 10; size++) {
      for (int length = 0; length < 6; length++) {
        double parameters = 1e7 * Math.pow(2, size);
        double tokens = 3 * parameters * Math.pow(4, length);
        double loss = LAW.loss(parameters, tokens) * Math.exp(0.001 * random.nextGaussian());
        runs.add(ScalingRun.of(runs.size() + 2L, parameters, tokens, loss));
      }
    }
    return new RunTable("runs.csv", RunTable.Derived.FLOPS, runs);
  }

  @Test
  void theDocumentComesBackAsItWas() throws IOException {
    FitDocument document = FitDocument.of(fit);
    FitDocument read = FitDocument.parse(document.json(), "fit.json");

    assertThat(read.approach3().law()).isEqualTo(fit.parametric().fit().orElseThrow().fit().law());
    assertThat(read.approach3().laws()).isEqualTo(fit.parametric().fit().orElseThrow().laws());
    assertThat(new String(read.json(), StandardCharsets.UTF_8))
        .isEqualTo(new String(document.json(), StandardCharsets.UTF_8));
    JsonNode json = new ObjectMapper().readTree(document.json());
    assertThat(json.path("format").asText()).isEqualTo("firesteel.scaling-fit");
    assertThat(json.path("data").path("runs").asInt()).isEqualTo(60);
    assertThat(json.path("approach_1").path("parameter_exponent").path("low").isNumber()).isTrue();
    assertThat(json.path("approach_2").path("budgets")).isNotEmpty();
    assertThat(json.path("approach_3").path("samples")).hasSize(30);
    assertThat(json.path("approach_3").path("residuals")).hasSize(60);
    assertThat(json.path("variants")).hasSize(3);
    assertThat(json.path("hyperparameters").path("refused").path("reason").asText())
        .isEqualTo("no_column");
    assertThat(json.path("optima")).hasSize(3);
    assertThat(json.path("findings").path(0).path("name").asText()).isNotEmpty();
  }

  @Test
  void otherFilesAreNoDocuments() {
    for (String other :
        List.of("{}", "[]", "null", "no json", "{\"format\":\"x\",\"version\":1}")) {
      assertThatThrownBy(
              () -> FitDocument.parse(other.getBytes(StandardCharsets.UTF_8), "fit.json"))
          .isInstanceOf(UserException.class)
          .hasMessageStartingWith("fit.json must be what the command fit writes");
    }
  }

  @Test
  void thePageAndTheChartsShowWhatWasFitted() {
    Map<String, byte[]> files = FitReport.files(fit, notice -> {});
    assertThat(files.keySet())
        .contains(
            "report.html",
            "loss.svg",
            "loss.png",
            "isoflop.svg",
            "parameters.svg",
            "tokens.svg",
            "contour.svg",
            "residuals.svg",
            "exponents.svg",
            "coefficients.png");
    String page = new String(files.get("report.html"), StandardCharsets.UTF_8);
    assertThat(page)
        .contains(
            "Scaling laws of runs.csv",
            "What to know before using it",
            "Optimal allocation",
            "Exponents of the approaches",
            "alpha = beta",
            "Kaplan",
            "Counting the parameters differently",
            "saved against the optimal model",
            "efficient frontier");
  }

  @Test
  void oneApproachAloneHasAReport() {
    ScalingFit kaplan = ScalingFit.of(table(), settings(Set.of(Approach.KAPLAN)));
    assertThat(FitReport.files(kaplan, notice -> {}).keySet())
        .containsExactly("report.html", "loss.svg", "loss.png");
    FitDocument document = FitDocument.of(kaplan);
    assertThat(document.approach3()).isNull();
    assertThat(FitText.lines(kaplan, document)).anyMatch(line -> line.contains("alpha of N"));
  }

  @Test
  void theLinesHaveConstantsAndWarnings() {
    List<String> lines = FitText.lines(fit, FitDocument.of(fit));
    assertThat(lines.get(0))
        .isEqualTo("60 runs of 10 sizes: 10.0M to 5.12G parameters, 1.80e15 to 4.83e23 FLOPs");
    assertThat(lines).anyMatch(line -> line.startsWith("  alpha  0.3"));
    assertThat(lines).anyMatch(line -> line.startsWith("Warning: Resamples: 30"));
  }
}
