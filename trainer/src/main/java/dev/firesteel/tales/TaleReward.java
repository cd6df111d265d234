package dev.firesteel.tales;

import dev.firesteel.reward.RewardFunction;
import dev.firesteel.reward.ScoredText;
import java.util.List;

/**
 * The {@linkplain TaleScore gold score} of completions as a reward function. It needs the fields of
 * {@link TaleRequest#fields}, which the records of {@code tales/prompts} have.
 */
public final class TaleReward implements RewardFunction {
  /** Has no state. */
  public TaleReward() {}

  @Override
  public List<Double> score(List<ScoredText> completions) {
    return completions.stream()
        .map(each -> TaleScore.of(TaleRequest.of(each.fields()), each.completion()).total())
        .toList();
  }
}
