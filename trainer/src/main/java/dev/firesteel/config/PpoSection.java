package dev.firesteel.config;

/** Section {@code ppo}: advantages from a value model. */
public record PpoSection(
    @Setting(
            byDefault = "model",
            meaning =
                "Where values come from: a `model` of its own, or a `head` on the policy, which has"
                    + " one loss and one update with it and needs half the memory.")
        Critic critic,
    @Setting(byDefault = "1.0", meaning = "Discount of later rewards.") double gamma,
    @Setting(
            byDefault = "0.95",
            meaning = "Weight of later errors of the values (GAE; Schulman et al. 2016).")
        double lambda,
    @Setting(
            byDefault = "true",
            meaning = "Give the advantages of a step's tokens mean 0 and variance 1.")
        boolean whitenAdvantages,
    @Setting(
            byDefault = "false",
            meaning = "Give the rewards of a step's tokens variance 1; their mean is kept.")
        boolean whitenRewards,
    @Setting(
            byDefault = "policy",
            meaning =
                "What the value model starts from: the `policy`, or the `reward` model. Its head"
                    + " starts at 0.")
        ValueStart valueStart,
    @Setting(
            byDefault = "0.0",
            meaning = "Learning rate of the value model. 0: optimizer.learning_rate.")
        double valueLearningRate,
    @Setting(byDefault = "0.1", meaning = "Coefficient of the value loss.") double valueCoefficient,
    @Setting(
            byDefault = "0.2",
            meaning = "How far a value may move from that of the rollout. 0: not limited.")
        double valueClip,
    @Setting(byDefault = "0", meaning = "First steps in which only the value model is updated.")
        int valueWarmupSteps,
    @Setting(
            byDefault = "0.0",
            meaning =
                "Coefficient of the language-model loss on pretraining_data, which is added to the"
                    + " policy's loss (PPO-ptx; Ouyang et al. 2022). 0: none.")
        double pretrainingCoefficient,
    @Setting(
            resume = Resume.SAME_DATA,
            meaning =
                "Folder of prepared text (`data.path` of a pretraining run) with the policy's"
                    + " tokenizer.")
        String pretrainingData) {

  /** Where values come from. */
  public enum Critic {
    MODEL,
    HEAD
  }

  /** What the value model starts from. */
  public enum ValueStart {
    POLICY,
    REWARD
  }

  public PpoSection {
    Require.upToOne("ppo.gamma", gamma);
    Require.upToOne("ppo.lambda", lambda);
    Require.notNegative("ppo.value_learning_rate", valueLearningRate);
    Require.positive("ppo.value_coefficient", valueCoefficient);
    Require.notNegative("ppo.value_clip", valueClip);
    Require.atLeast("ppo.value_warmup_steps", valueWarmupSteps, 0);
    Require.that(
        critic == Critic.MODEL
            || (valueStart == ValueStart.POLICY && valueLearningRate == 0 && valueWarmupSteps == 0),
        "ppo.critic=head has no weights apart from the policy's, got ppo.value_start,"
            + " ppo.value_learning_rate or ppo.value_warmup_steps: leave them out, or set"
            + " ppo.critic=model");
    Require.notNegative("ppo.pretraining_coefficient", pretrainingCoefficient);
    Require.that(
        (pretrainingCoefficient > 0) == !pretrainingData.isEmpty(),
        "ppo.pretraining_coefficient and ppo.pretraining_data must be given together, got only one:"
            + " give both or neither");
  }
}
