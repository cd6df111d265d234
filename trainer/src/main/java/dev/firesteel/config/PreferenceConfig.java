package dev.firesteel.config;

import dev.firesteel.example.ExampleKind;

/** Section {@code preference}: the loss of preference optimization. */
public record PreferenceConfig(
    @Setting(
            byDefault = "dpo",
            meaning =
                "`dpo` (Rafailov et al. 2023), `ipo` (Azar et al. 2023), `hinge` (Zhao et al. 2023):"
                    + " on pairs; `kto` (Ethayarajh et al. 2024): on answers labelled good or bad.")
        Loss loss,
    @Setting(byDefault = "0.1", meaning = "Strength of the pull to the reference model.")
        double beta,
    @Setting(
            byDefault = "0.0",
            meaning =
                "Probability that a label is wrong (`dpo`): conservative DPO (Mitchell 2023). Below"
                    + " 0.5.")
        double labelSmoothing,
    @Setting(
            byDefault = "false",
            meaning =
                "Divide an answer's log-probability by its number of tokens (`dpo`, `ipo`,"
                    + " `hinge`).")
        boolean lengthNormalized,
    @Setting(
            byDefault = "0.0",
            meaning =
                "Coefficient of the cross-entropy of chosen answers per token, added to the loss"
                    + " (Pang et al. 2024).")
        double sftCoefficient,
    @Setting(byDefault = "1.0", meaning = "Weight of good answers (`kto`).") double desirableWeight,
    @Setting(byDefault = "1.0", meaning = "Weight of bad answers (`kto`).")
        double undesirableWeight) {

  /** The losses. */
  public enum Loss {
    DPO,
    IPO,
    HINGE,
    KTO
  }

  public PreferenceConfig {
    Require.positive("preference.beta", beta);
    Require.that(
        labelSmoothing >= 0 && labelSmoothing < 0.5,
        "preference.label_smoothing must be at least 0 and below 0.5, got " + labelSmoothing);
    Require.that(
        labelSmoothing == 0 || loss == Loss.DPO,
        "preference.label_smoothing is for the loss dpo, got it with %s: leave it out"
            .formatted(ConfigLoader.yamlName(loss)));
    Require.that(
        !lengthNormalized || loss != Loss.KTO,
        "preference.length_normalized is for losses on pairs, got it with kto: leave it out");
    Require.notNegative("preference.sft_coefficient", sftCoefficient);
    Require.notNegative("preference.desirable_weight", desirableWeight);
    Require.notNegative("preference.undesirable_weight", undesirableWeight);
  }

  /** What a record must be. */
  ExampleKind kind() {
    return loss == Loss.KTO ? ExampleKind.LABELLED : ExampleKind.PREFERENCE;
  }
}
