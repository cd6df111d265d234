package dev.firesteel.config;

import dev.firesteel.loss.KlEstimator;

/** Section {@code kl}: the penalty on the distance from the reference model. */
public record KlConfig(
    @Setting(byDefault = "0.05", meaning = "Coefficient beta of the penalty. 0: none.")
        double coefficient,
    @Setting(
            byDefault = "reward",
            meaning =
                "Where the penalty is: in the `reward` of each token (PPO, RLOO, REINFORCE++), or in"
                    + " the `loss` (GRPO).")
        Place place,
    @Setting(
            byDefault = "k1",
            meaning =
                "Estimator with d = log pi - log ref (Schulman 2020): `k1` d, `k2` d^2 / 2, `k3`"
                    + " e^-d - 1 + d.")
        KlEstimator estimator,
    @Setting(
            byDefault = "0.0",
            meaning =
                "KL per completion, in nats, that the coefficient is adapted to (Ziegler et al. 2019;"
                    + " 6 there). 0: the coefficient is fixed.")
        double target,
    @Setting(
            byDefault = "10000.0",
            meaning = "Completions in which the adapted coefficient changes by at most 20 %.")
        double horizon) {

  /** Where the penalty is. */
  public enum Place {
    REWARD,
    LOSS
  }

  public KlConfig {
    Require.notNegative("kl.coefficient", coefficient);
    Require.notNegative("kl.target", target);
    Require.positive("kl.horizon", horizon);
    Require.that(
        target == 0 || coefficient > 0,
        "kl.coefficient must be positive where kl.target adapts it, got 0");
  }
}
