package dev.firesteel.rl;

import dev.firesteel.loss.TokenGroups;
import java.util.OptionalDouble;

/**
 * From the score that a reward function or a reward model gave a completion to the reward of the
 * completion, in this order:
 *
 * <ol>
 *   <li>the score is clipped to {@code [-clip, clip]} (5 in DeepSpeed-Chat, 10 in OpenRLHF);
 *   <li>the penalty on length is added;
 *   <li>a completion that did not end gets the fixed {@code unendedScore} instead (-1 in Ziegler et
 *       al. 2019), or else loses {@code missingEndPenalty} (1 in TRL's example, as "EOS trick").
 * </ol>
 *
 * <p>So penalties are not clipped, and the clip does not hide them.
 *
 * @param clip greatest absolute score; infinity for no clipping
 * @param overlong penalty on length
 * @param missingEndPenalty subtracted where the end is missing; 0 for none
 * @param unendedScore reward where the end is missing, if it is fixed; 0 is one
 */
public record ScoreShaping(
    double clip, OverlongPenalty overlong, double missingEndPenalty, OptionalDouble unendedScore) {
  /** Scores as they are. */
  public static final ScoreShaping NONE =
      new ScoreShaping(Double.POSITIVE_INFINITY, OverlongPenalty.NONE, 0, OptionalDouble.empty());

  /** Checks the parameters. */
  public ScoreShaping {
    if (!(clip > 0)) {
      throw new IllegalArgumentException(
          "rl: the greatest absolute score must be positive, got " + clip);
    }
    Checks.notNegative("the penalty on a missing end", missingEndPenalty);
    if (unendedScore.isPresent() && !Double.isFinite(unendedScore.getAsDouble())) {
      throw new IllegalArgumentException(
          "rl: the score of completions without an end must be finite, got "
              + unendedScore.getAsDouble());
    }
    if (unendedScore.isPresent() && missingEndPenalty != 0) {
      throw new IllegalArgumentException(
          "rl: completions without an end must have a fixed score or a penalty, got both: "
              + unendedScore.getAsDouble()
              + " and "
              + missingEndPenalty);
    }
  }

  /**
   * The rewards of completions.
   *
   * @param scores [sequences]
   * @param ended [sequences], whether the model ended the completion
   * @param tokens the actions, of which a completion has as many as its length
   * @return [sequences]
   */
  public double[] of(double[] scores, boolean[] ended, TokenGroups tokens) {
    Checks.sequences("scores", scores, tokens);
    Checks.size("the marks of ended completions", ended.length, tokens.count());
    double[] rewards = new double[scores.length];
    for (int i = 0; i < scores.length; i++) {
      if (!ended[i] && unendedScore.isPresent()) {
        rewards[i] = unendedScore.getAsDouble();
        continue;
      }
      double clipped = StrictMath.min(StrictMath.max(scores[i], -clip), clip);
      rewards[i] = clipped + overlong.of(tokens.length(i)) - (ended[i] ? 0 : missingEndPenalty);
    }
    return rewards;
  }
}
