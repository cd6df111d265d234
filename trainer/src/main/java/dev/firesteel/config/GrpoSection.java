package dev.firesteel.config;

import dev.firesteel.rl.AdvantageEstimator;
import dev.firesteel.rl.RewardScale;

/** Section {@code grpo}: advantages from comparing completions. */
public record GrpoSection(
    @Setting(
            byDefault = "grpo",
            meaning =
                "`grpo` (Shao et al. 2024), `dr_grpo` (Liu et al. 2025), `rloo` (Ahmadian et al."
                    + " 2024), `reinforce_pp` (Hu 2025; needs no group), `reinforce_pp_baseline`.")
        AdvantageEstimator estimator,
    @Setting(
            byDefault = "group",
            meaning =
                "What the differences of rewards are divided by (`grpo`): the standard deviation of"
                    + " the `group` or of the `batch`, or `none`.")
        RewardScale scale,
    @Setting(byDefault = "1e-4", meaning = "Added to that standard deviation.") double epsilon,
    @Setting(byDefault = "1.0", meaning = "Discount of later rewards (`reinforce_pp`).")
        double gamma,
    @Setting(
            byDefault = "false",
            meaning =
                "Leave groups whose rewards are all equal out of the loss, KL penalty included.")
        boolean skipEqualGroups,
    @Setting(
            byDefault = "0",
            meaning =
                "Rounds in which prompts whose completions all have the same score are replaced by"
                    + " the next prompts (dynamic sampling of DAPO; Yu et al. 2025). 0: none.")
        int resampleRounds) {

  public GrpoSection {
    Require.notNegative("grpo.epsilon", epsilon);
    Require.upToOne("grpo.gamma", gamma);
    Require.atLeast("grpo.resample_rounds", resampleRounds, 0);
  }
}
