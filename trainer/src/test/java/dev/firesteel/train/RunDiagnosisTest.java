package dev.firesteel.train;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.firesteel.train.RunDiagnosis.Finding;
import dev.firesteel.train.RunDiagnosis.Severity;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.IntToDoubleFunction;
import org.junit.jupiter.api.Test;

class RunDiagnosisTest {
  private static final int STEPS = 40;

  @Test
  void aRunWithoutTheseMetricsHasNoFindings() {
    assertThat(RunDiagnosis.of(List.of())).isEmpty();
    assertThat(RunDiagnosis.of(rows(Map.of("some_other_number", step -> step)))).isEmpty();
  }

  @Test
  void theMeanKlIsNotNegative() {
    assertThat(of("Negative KL", "objective_kl", step -> -0.3 + noise(step, 0.2)))
        .isEqualTo(Severity.SEVERE);
    assertThat(of("Negative KL", "objective_kl", step -> 0.001 + noise(step, 0.2)))
        .as("an estimate of nearly 0 may be below it")
        .isEqualTo(Severity.GOOD);
    assertThat(of("Negative KL", "objective_kl", step -> -0.001 + noise(step, 0.2)))
        .isEqualTo(Severity.GOOD);
  }

  @Test
  void klIsJudgedByTheToken() {
    assertThat(kl(10)).isEqualTo(Severity.GOOD);
    assertThat(kl(40)).isEqualTo(Severity.WARNING);
    assertThat(kl(150)).isEqualTo(Severity.SEVERE);
    assertThat(of("KL in the loss", "kl", step -> 3)).isEqualTo(Severity.SEVERE);
    assertThat(of("KL in the loss", "kl", step -> 0.1)).isEqualTo(Severity.GOOD);
  }

  private static Severity kl(double perAnswer) {
    return severity(
        "KL from the reference",
        Map.of("objective_kl", step -> perAnswer, "completions_mean_length", step -> 50));
  }

  @Test
  void ratiosAreNearOne() {
    String title = "Ratio of new and old probabilities";
    assertThat(of(title, "val_ratio", step -> 1.01)).isEqualTo(Severity.GOOD);
    assertThat(of(title, "val_ratio", step -> step == 7 ? 0.8 : 1)).isEqualTo(Severity.WARNING);
    assertThat(of(title, "val_ratio", step -> step == 7 ? 1.7 : 1)).isEqualTo(Severity.SEVERE);
  }

  @Test
  void fewRatiosAreClipped() {
    assertThat(of("Clipped ratios", "policy_clipfrac_avg", step -> 0.05)).isEqualTo(Severity.GOOD);
    assertThat(of("Clipped ratios", "policy_clipfrac_avg", step -> 0.2))
        .isEqualTo(Severity.WARNING);
    assertThat(of("Clipped ratios", "policy_clipfrac_avg", step -> 0.01 * step))
        .isEqualTo(Severity.SEVERE);
  }

  @Test
  void entropyDoesNotCollapse() {
    assertThat(of("Entropy", "policy_entropy_avg", step -> 1.2)).isEqualTo(Severity.GOOD);
    assertThat(of("Entropy", "policy_entropy_avg", step -> 0.03)).isEqualTo(Severity.WARNING);
    assertThat(of("Entropy", "policy_entropy_avg", step -> Math.exp(-step / 4.0)))
        .isEqualTo(Severity.SEVERE);
  }

  @Test
  void theGoldScoreDoesNotFallWhileTheRewardRises() {
    String title = "Reward and gold score";
    IntToDoubleFunction rising = step -> step * 0.1 + noise(step, 0.2);
    IntToDoubleFunction peaked =
        step -> (step < 15 ? 0.4 + 0.02 * step : 0.7 - 0.02 * (step - 15)) + noise(step, 0.02);
    List<Finding> findings = RunDiagnosis.of(rows(Map.of("reward", rising, "gold", peaked)));
    assertThat(findings.get(0).title()).isEqualTo(title);
    assertThat(findings.get(0).severity()).isEqualTo(Severity.SEVERE);
    assertThat(findings.get(0).found())
        .startsWith("the gold score fell from 0.6")
        .contains("while the reward went from 1.");

    IntToDoubleFunction steady = step -> 0.5 + noise(step, 0.05);
    assertThat(severity(title, Map.of("reward", rising, "gold", steady)))
        .as("noise is no fall")
        .isEqualTo(Severity.GOOD);
    assertThat(severity(title, Map.of("reward", rising, "gold", rising))).isEqualTo(Severity.GOOD);
    assertThat(severity(title, Map.of("reward", step -> -step, "gold", peaked)))
        .as("both fall")
        .isEqualTo(Severity.WARNING);
  }

  @Test
  void answersDoNotGrowUpToTheCap() {
    String title = "Length of answers";
    IntToDoubleFunction growing = step -> 40 + step + noise(step, 1);
    assertThat(
            severity(
                title,
                Map.of(
                    "completions_mean_length",
                    growing,
                    "completions_clipped_ratio",
                    step -> step / 50.0)))
        .isEqualTo(Severity.SEVERE);
    assertThat(of(title, "completions_mean_length", growing)).isEqualTo(Severity.WARNING);
    assertThat(of(title, "completions_mean_length", step -> 60 + noise(step, 5)))
        .isEqualTo(Severity.GOOD);
    assertThat(of(title, "completions_mean_length", step -> 80 - step)).isEqualTo(Severity.GOOD);
  }

  @Test
  void fewAnswersAreCut() {
    String title = "Answers that were cut";
    assertThat(of(title, "completions_clipped_ratio", step -> 0.1)).isEqualTo(Severity.GOOD);
    assertThat(of(title, "completions_clipped_ratio", step -> 0.5)).isEqualTo(Severity.WARNING);
    assertThat(of(title, "completions_clipped_ratio", step -> 0.9)).isEqualTo(Severity.SEVERE);
  }

  @Test
  void theValueModelLearns() {
    String key = "critic_vf_explained_var";
    assertThat(of("Value model", key, step -> -0.1)).isEqualTo(Severity.SEVERE);
    assertThat(of("Value model", key, step -> step % 3 == 0 ? 0.01 : -0.1))
        .isEqualTo(Severity.WARNING);
    assertThat(of("Value model", key, step -> step < 10 ? -1 : 0.4)).isEqualTo(Severity.GOOD);
    assertThat(RunDiagnosis.of(rows(9, Map.of(key, step -> -1)))).as("too early").isEmpty();
  }

  @Test
  void groupsDiffer() {
    String title = "Groups of equal rewards";
    assertThat(of(title, "frac_reward_zero_std", step -> 1)).isEqualTo(Severity.SEVERE);
    assertThat(of(title, "frac_reward_zero_std", step -> 0.9)).isEqualTo(Severity.WARNING);
    assertThat(of(title, "frac_reward_zero_std", step -> 0.4)).isEqualTo(Severity.GOOD);
  }

  @Test
  void rewardsDoNotFail() {
    assertThat(of("Failed rewards", "reward_failures", step -> 0)).isEqualTo(Severity.GOOD);
    assertThat(of("Failed rewards", "reward_failures", step -> step == 3 ? 1 : 0))
        .isEqualTo(Severity.WARNING);
  }

  @Test
  void gradientsAreNeitherNothingNorHuge() {
    assertThat(of("Gradient norm", "grad_norm", step -> 1)).isEqualTo(Severity.GOOD);
    assertThat(of("Gradient norm", "grad_norm", step -> 0)).isEqualTo(Severity.SEVERE);
    assertThat(of("Gradient norm", "grad_norm", step -> 20)).isEqualTo(Severity.WARNING);
    assertThat(of("Gradient norm", "grad_norm", step -> 10.0 * step)).isEqualTo(Severity.SEVERE);
  }

  @Test
  void theValidationLossDoesNotRiseAgain() {
    assertThat(of("Validation loss", "val_loss", step -> 3 - step / 40.0)).isEqualTo(Severity.GOOD);
    assertThat(of("Validation loss", "val_loss", step -> 2 + Math.abs(step - 10) / 40.0))
        .isEqualTo(Severity.WARNING);
  }

  @Test
  void rewardModelsAreBetterThanChanceAndCalibrated() {
    assertThat(of("Accuracy of the reward model", "val_accuracy_low", step -> 0.6))
        .isEqualTo(Severity.GOOD);
    assertThat(of("Accuracy of the reward model", "val_accuracy_low", step -> 0.49))
        .isEqualTo(Severity.SEVERE);
    assertThat(of("Calibration of the reward model", "val_calibration_error", step -> 0.05))
        .isEqualTo(Severity.GOOD);
    assertThat(of("Calibration of the reward model", "val_calibration_error", step -> 0.2))
        .isEqualTo(Severity.WARNING);
  }

  @Test
  void preferencesAreLearnt() {
    assertThat(of("Preference accuracy", "rewards_accuracies", step -> 0.7))
        .isEqualTo(Severity.GOOD);
    assertThat(of("Preference accuracy", "rewards_accuracies", step -> 0.4))
        .isEqualTo(Severity.SEVERE);
  }

  @Test
  void theWorstComesFirstWithItsRangeSourceAndRemedy() {
    List<Finding> findings =
        RunDiagnosis.of(
            rows(
                Map.of(
                    "grad_norm", step -> 1,
                    "policy_entropy_avg", step -> 0.001,
                    "policy_clipfrac_avg", step -> 0.2)));

    assertThat(findings)
        .extracting(Finding::severity)
        .containsExactly(Severity.SEVERE, Severity.WARNING, Severity.GOOD);
    assertThat(findings).allSatisfy(finding -> assertThat(finding.source()).isNotBlank());
    assertThat(findings.get(0).line())
        .startsWith(
            "Entropy: 0.00100 nats per token at the end, 0.00100 at the beginning; healthy:")
        .contains("update.entropy_coefficient");
  }

  private static Severity of(String title, String key, IntToDoubleFunction values) {
    return severity(title, Map.of(key, values));
  }

  private static Severity severity(String title, Map<String, IntToDoubleFunction> curves) {
    return RunDiagnosis.of(rows(curves)).stream()
        .filter(finding -> finding.title().equals(title))
        .findFirst()
        .orElseThrow()
        .severity();
  }

  private static List<JsonNode> rows(Map<String, IntToDoubleFunction> curves) {
    return rows(STEPS, curves);
  }

  private static List<JsonNode> rows(int steps, Map<String, IntToDoubleFunction> curves) {
    List<JsonNode> rows = new ArrayList<>();
    for (int step = 1; step <= steps; step++) {
      ObjectNode row = JsonNodeFactory.instance.objectNode().put("step", step);
      int at = step;
      curves.forEach((key, values) -> row.put(key, values.applyAsDouble(at)));
      rows.add(row);
    }
    return rows;
  }

  /** Numbers between plus and minus a size, of mean nearly 0. */
  private static double noise(int step, double size) {
    double hash = 43758.5453 * Math.sin(12.9898 * step);
    return size * (2 * (hash - Math.floor(hash)) - 1);
  }
}
