package dev.firesteel.config;

import java.util.List;

/** Section {@code rewards}: how completions are scored. */
public record RewardsConfig(
    @Setting(
            byDefault = "model",
            meaning =
                "Reward functions, which are added up: `model` (the reward model), a class on the"
                    + " class path that implements `RewardFunction`, each with an optional weight"
                    + " as in `0.5 * model`; or an expression over the completion, such as"
                    + " `-abs(length - 60) / 60`. See [ppo.md](ppo.md).")
        List<String> functions,
    @Setting(
            meaning =
                "The reward model: a run of the command reward, a checkpoint, or a Hugging Face"
                    + " directory of a sequence classifier with one label.")
        String model,
    @Setting(
            byDefault = "stop",
            meaning =
                "What happens when a function fails: `stop` ends the run, `count` counts the failure"
                    + " and gives the completion failure_score.")
        OnFailure onFailure,
    @Setting(meaning = "Score of a completion whose scoring failed, where failures are counted.")
        Double failureScore,
    @Setting(
            byDefault = "0.0",
            meaning = "Greatest absolute score; larger ones are clipped. 0: none.")
        double clip,
    @Setting(
            byDefault = "0.0",
            meaning = "Subtracted from the score of a completion that was cut at max_tokens.")
        double missingEndPenalty,
    @Setting(
            meaning =
                "Score of a completion that was cut at max_tokens, in place of its own (-1 in"
                    + " Ziegler et al. 2019). Default: none.")
        Double unendedScore,
    @Setting(
            byDefault = "false",
            meaning =
                "Shift and scale scores so that those of the first step, which are of the reference"
                    + " policy, have mean 0 and standard deviation 1 (Ziegler et al. 2019).")
        boolean normalize,
    @Setting(
            byDefault = "false",
            meaning = "Divide scores by the standard deviation of all scores of the run so far.")
        boolean runningScale,
    @Setting(
            byDefault = "0",
            meaning =
                "Length in tokens, before rollouts.max_tokens, over which a penalty grows from 0 to"
                    + " overlong_penalty (DAPO; Yu et al. 2025). 0: none.")
        int overlongBuffer,
    @Setting(byDefault = "1.0", meaning = "The greatest penalty on length.") double overlongPenalty,
    @Setting(
            meaning =
                "A reward function that is reported and not trained on: what the rewards are meant"
                    + " to measure.")
        String gold) {

  /** What happens when a reward function fails. */
  public enum OnFailure {
    STOP,
    COUNT
  }

  public RewardsConfig {
    functions = List.copyOf(functions);
    Require.that(
        !functions.isEmpty(),
        "rewards.functions must name at least one reward function, got none: give a class, an"
            + " expression or model");
    Require.that(
        (onFailure == OnFailure.COUNT) == (failureScore != null),
        "rewards.failure_score must be given with rewards.on_failure=count and only then");
    Require.notNegative("rewards.clip", clip);
    Require.notNegative("rewards.missing_end_penalty", missingEndPenalty);
    Require.that(
        unendedScore == null || missingEndPenalty == 0,
        "rewards.unended_score and rewards.missing_end_penalty are alternatives, got both: give"
            + " only one");
    Require.that(
        !(normalize && runningScale),
        "rewards.normalize and rewards.running_scale are alternatives, got both: give only one");
    Require.atLeast("rewards.overlong_buffer", overlongBuffer, 0);
    Require.notNegative("rewards.overlong_penalty", overlongPenalty);
  }
}
