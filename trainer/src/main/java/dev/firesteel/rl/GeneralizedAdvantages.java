package dev.firesteel.rl;

import dev.firesteel.loss.TokenGroups;

/**
 * Generalized advantage estimation (Schulman et al. 2016, equation 16) on the actions t = 1 .. n of
 * each completion, with the rewards r and the values V of the rollout:
 *
 * <pre>
 * d_t = r_t + gamma V_t+1 - V_t         V_n+1 = 0: a completion's last action ends its episode
 * A_t = d_t + gamma lambda A_t+1        A_n+1 = 0
 * R_t = A_t + V_t                       what the value loss is a regression on
 * </pre>
 *
 * <p>With values of 0 and lambda 1, advantages are the discounted rewards to go.
 *
 * @param gamma discount of later rewards, in [0, 1]
 * @param lambda weight of later errors of the values, in [0, 1]: less variance and more bias below
 *     1
 */
public record GeneralizedAdvantages(double gamma, double lambda) {

  /** Checks the parameters. */
  public GeneralizedAdvantages {
    Checks.share("gamma", gamma);
    Checks.share("lambda", lambda);
  }

  /**
   * The advantages and returns of a batch.
   *
   * @param rewards [tokens]
   * @param values [tokens], of the value model at the rollout; each that of the state in which the
   *     action was taken
   * @param tokens the actions; of any number in each completion
   */
  public Advantages of(double[] rewards, double[] values, TokenGroups tokens) {
    Checks.tokens("rewards", rewards, tokens);
    Checks.tokens("values", values, tokens);
    double[] advantages = new double[rewards.length];
    double[] returns = new double[rewards.length];
    double[] nextAdvantages = new double[tokens.count()];
    double[] nextValues = new double[tokens.count()];
    for (int i = rewards.length - 1; i >= 0; i--) {
      int sequence = tokens.sequence(i);
      if (sequence >= 0) {
        double error = rewards[i] + gamma * nextValues[sequence] - values[i];
        advantages[i] = error + gamma * lambda * nextAdvantages[sequence];
        returns[i] = advantages[i] + values[i];
        nextAdvantages[sequence] = advantages[i];
        nextValues[sequence] = values[i];
      }
    }
    return new Advantages(advantages, returns);
  }
}
