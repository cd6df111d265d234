package dev.firesteel.scaling;

import static org.assertj.core.api.Assertions.assertThat;

import dev.firesteel.scaling.FitDiagnosis.Finding;
import dev.firesteel.scaling.FitDiagnosis.Severity;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

class FitDiagnosisTest {
  private static final Bootstrap NONE = new Bootstrap(0, 1, 2);

  @Test
  void runsWithoutFlawsHaveOnlyTheParabolasBias() {
    Map<String, Finding> findings =
        of(Runs.isoFlop(Runs.LAW, 4, 0.001, 1), standard(new Bootstrap(200, 1, 2)));
    assertThat(bad(findings)).containsExactlyInAnyOrder("refused", "parabola_bias");
    assertThat(findings.get("parabola_bias").found()).contains("+1.2");
    assertThat(findings.get("refused").found()).contains("approach 1 needs at least 3 model sizes");
    assertThat(findings.get("disagreeing_approaches").severity()).isEqualTo(Severity.GOOD);
  }

  @Test
  void widerRangesOfSizesBiasTheParabolasMore() {
    assertThat(of(Runs.isoFlop(Runs.LAW, 2), standard(NONE)).get("parabola_bias").severity())
        .isEqualTo(Severity.GOOD);
    assertThat(of(Runs.isoFlop(Runs.LAW, 16), standard(NONE)).get("parabola_bias").severity())
        .isEqualTo(Severity.SEVERE);
  }

  @Test
  void givenConstantsAreJudged() {
    RunTable table = Runs.isoFlop(Runs.LAW, 4);
    FitSettings settings = standard(NONE);
    Map<String, Finding> rounded =
        of(table, judging(settings, new ParametricLaw(1.69, 406.4, 410.7, .34, .28)));
    assertThat(rounded.get("rounded_constants").severity()).isEqualTo(Severity.SEVERE);
    assertThat(rounded.get("rounded_constants").found()).startsWith("a constant has 2 digits");
    assertThat(rounded.get("stopped_early").severity()).isEqualTo(Severity.GOOD);

    Map<String, Finding> early =
        of(table, judging(settings, new ParametricLaw(1.7012, 406.41, 410.71, .34123, .28123)));
    assertThat(early.get("rounded_constants").severity()).isEqualTo(Severity.GOOD);
    assertThat(early.get("stopped_early").severity()).isEqualTo(Severity.SEVERE);
  }

  @Test
  void lossesBelowTheEntropyAreSevere() {
    RunTable table = Runs.isoFlop(Runs.LAW, 4);
    double lowest = table.runs().stream().mapToDouble(ScalingRun::loss).min().orElseThrow();
    assertThat(of(table, bounded(lowest + 0.01)).get("below_entropy").severity())
        .isEqualTo(Severity.SEVERE);
    assertThat(of(table, bounded(1.8)).get("below_entropy").found())
        .isEqualTo("the fitted E of 1.690 is below the entropy 1.800");
    assertThat(of(table, bounded(1.6)).get("below_entropy").severity()).isEqualTo(Severity.GOOD);
  }

  @Test
  void outliersAreNamedByTheirRows() {
    RunTable table =
        changed(
            Runs.isoFlop(Runs.LAW, 4, 0.001, 1),
            run ->
                run.row() == 20
                    ? ScalingRun.of(20, run.parameters(), run.tokens(), 1.1 * run.loss())
                    : run);
    Finding found = of(table, standard(NONE)).get("outliers");
    assertThat(found.severity()).isEqualTo(Severity.WARNING);
    assertThat(found.found()).startsWith("1, with the error of the law in rows 20 (-9.");
  }

  @Test
  void schedulesMustEndWithTheTokens() {
    RunTable table = Runs.grid(Runs.LAW);
    assertThat(of(table, only3())).doesNotContainKey("unmatched_schedules");
    assertThat(
            of(changed(table, run -> horizon(run, 1)), only3())
                .get("unmatched_schedules")
                .severity())
        .isEqualTo(Severity.GOOD);
    Finding found =
        of(changed(table, run -> horizon(run, run.row() < 12 ? 1 : 2)), only3())
            .get("unmatched_schedules");
    assertThat(found.severity()).isEqualTo(Severity.WARNING);
    assertThat(found.found()).isEqualTo("38 of 48 are not, the first in row 12");
  }

  private static ScalingRun horizon(ScalingRun run, double times) {
    return new ScalingRun(
        run.row(),
        run.parameters(),
        run.tokens(),
        run.flops(),
        run.loss(),
        Double.NaN,
        Double.NaN,
        Double.NaN,
        times * run.tokens());
  }

  @Test
  void flopsThatAreNot6NdAreNoted() {
    RunTable table = Runs.grid(Runs.LAW);
    RunTable given =
        new RunTable(
            "x",
            RunTable.Derived.NONE,
            table.runs().stream()
                .map(
                    run ->
                        new ScalingRun(
                            run.row(),
                            run.parameters(),
                            run.tokens(),
                            1.4 * run.flops(),
                            run.loss(),
                            Double.NaN,
                            Double.NaN,
                            Double.NaN,
                            Double.NaN))
                .toList());
    assertThat(of(given, only3()).get("counting").found())
        .isEqualTo("FLOPs / 6ND from 1.400 to 1.400");
  }

  @Test
  void oneSizeAloneIsRefusedByAll() {
    List<ScalingRun> runs = new ArrayList<>();
    for (int i = 1; i < 12; i++) {
      runs.add(ScalingRun.of(i, 1e8, 1e9 * i, Runs.LAW.loss(1e8, 1e9 * i)));
    }
    ScalingFit fit = ScalingFit.of(new RunTable("x", RunTable.Derived.FLOPS, runs), standard(NONE));
    assertThat(fit.isEmpty()).isTrue();
    assertThat(fit.refusals().get(0))
        .startsWith("approach 3 needs runs of at least 2 model sizes, got one of 1.000e+08");
  }

  @Test
  void realRunsAreWarnedOfInWords() {
    Map<String, Finding> findings =
        of(Runs.epoch(), judging(only3(), ParametricLaw.HOFFMANN_ROUNDED));
    assertThat(findings.get("stopped_early").severity()).isEqualTo(Severity.SEVERE);
    assertThat(findings.get("rounded_constants").severity()).isEqualTo(Severity.SEVERE);
    assertThat(findings.get("outliers").severity()).isEqualTo(Severity.WARNING);
    assertThat(findings.get("few_resamples").found())
        .isEqualTo("none, so that no constant has an interval");
  }

  private static RunTable changed(RunTable table, UnaryOperator<ScalingRun> change) {
    return new RunTable(
        table.origin(), table.derived(), table.runs().stream().map(change).toList());
  }

  private static FitSettings standard(Bootstrap bootstrap) {
    return new FitSettings(
        EnumSet.of(Approach.ENVELOPE, Approach.ISOFLOP, Approach.PARAMETRIC),
        bootstrap,
        Double.NaN,
        .34,
        .28,
        0,
        25,
        null);
  }

  private static FitSettings only3() {
    return new FitSettings(
        EnumSet.of(Approach.PARAMETRIC), NONE, Double.NaN, .34, .28, 0, 25, null);
  }

  private static FitSettings judging(FitSettings settings, ParametricLaw given) {
    return new FitSettings(
        settings.approaches(),
        settings.bootstrap(),
        settings.entropy(),
        settings.fixedAlpha(),
        settings.fixedBeta(),
        settings.fixedIrreducible(),
        settings.gridStep(),
        given);
  }

  private static FitSettings bounded(double entropy) {
    FitSettings settings = only3();
    return new FitSettings(
        settings.approaches(), settings.bootstrap(), entropy, .34, .28, 0, 25, null);
  }

  private static Map<String, Finding> of(RunTable table, FitSettings settings) {
    return FitDiagnosis.of(ScalingFit.of(table, settings)).stream()
        .collect(Collectors.toMap(Finding::name, found -> found));
  }

  private static List<String> bad(Map<String, Finding> findings) {
    return findings.values().stream()
        .filter(found -> found.severity() != Severity.GOOD)
        .map(Finding::name)
        .toList();
  }
}
