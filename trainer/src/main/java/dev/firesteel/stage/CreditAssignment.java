package dev.firesteel.stage;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.firesteel.config.GrpoSection;
import dev.firesteel.config.KlConfig;
import dev.firesteel.config.PpoSection;
import dev.firesteel.config.RewardsConfig;
import dev.firesteel.config.RlConfig;
import dev.firesteel.loss.KlEstimator;
import dev.firesteel.loss.TokenGroups;
import dev.firesteel.rl.Advantages;
import dev.firesteel.rl.Distribution;
import dev.firesteel.rl.GeneralizedAdvantages;
import dev.firesteel.rl.GroupAdvantages;
import dev.firesteel.rl.KlController;
import dev.firesteel.rl.OverlongPenalty;
import dev.firesteel.rl.RolloutMeasures;
import dev.firesteel.rl.ScoreNormalization;
import dev.firesteel.rl.ScoreScaling;
import dev.firesteel.rl.ScoreShaping;
import dev.firesteel.rl.TokenRewards;
import dev.firesteel.rl.Whitening;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalDouble;

/**
 * From scores of completions to advantages of their actions: shaping, KL penalties, GAE or
 * comparison in groups, whitening. Every rank has the whole step and computes the same. Its state,
 * which a checkpoint holds, is the KL coefficient and the statistics of scores.
 */
final class CreditAssignment {
  private static final String COEFFICIENT = "kl_coefficient";
  private static final String SCORES = "scores_seen";
  private static final String FIRST_SCORES = "first_scores";

  private final RlConfig config;
  private final ScoreShaping shaping;
  private final ScoreScaling scaling = new ScoreScaling();
  private final ScoreNormalization normalization = new ScoreNormalization();
  private final KlController controller;
  private final TokenRewards tokenRewards;

  CreditAssignment(RlConfig config) {
    this.config = config;
    RewardsConfig rewards = config.rewards();
    shaping =
        new ScoreShaping(
            rewards.clip() == 0 ? Double.POSITIVE_INFINITY : rewards.clip(),
            rewards.overlongBuffer() == 0
                ? OverlongPenalty.NONE
                : new OverlongPenalty(
                    config.rollouts().maxTokens(),
                    rewards.overlongBuffer(),
                    rewards.overlongPenalty()),
            rewards.missingEndPenalty(),
            rewards.unendedScore() == null
                ? OptionalDouble.empty()
                : OptionalDouble.of(rewards.unendedScore()));
    KlConfig kl = config.kl();
    controller =
        kl.target() == 0
            ? KlController.fixed(kl.coefficient())
            : KlController.adaptive(kl.coefficient(), kl.target(), kl.horizon());
    tokenRewards = new TokenRewards(kl.estimator());
  }

  /** Beta of this step. */
  double coefficient() {
    return controller.coefficient();
  }

  /** The advantages of PPO. */
  Credit withValues(PpoSection ppo, RolloutPhase.Sampled sampled) {
    TokenGroups actions = sampled.episodes().actions();
    double[] scores = shaped(sampled);
    double[] penalties = penalties(sampled);
    double[] rewards = TokenRewards.withRewards(penalties, scores, actions);
    if (ppo.whitenRewards()) {
      rewards = new Whitening(true).of(rewards, actions, Distribution.ofTokens(rewards, actions));
    }
    Advantages estimated =
        new GeneralizedAdvantages(ppo.gamma(), ppo.lambda()).of(rewards, sampled.values(), actions);
    double[] advantages = estimated.advantages();
    RolloutMeasures measures =
        measures(sampled, scores, penalties)
            .advantages(advantages, actions)
            .values(sampled.values(), estimated.returns(), actions);
    if (ppo.whitenAdvantages()) {
      advantages = whitened(advantages, actions);
    }
    return new Credit(advantages, estimated.returns(), actions, measures, kl(sampled));
  }

  /** The advantages of GRPO and its relatives. */
  Credit withGroups(GrpoSection grpo, RolloutPhase.Sampled sampled) {
    TokenGroups actions = sampled.episodes().actions();
    double[] scores = shaped(sampled);
    double[] penalties = penalties(sampled);
    GroupAdvantages groups =
        new GroupAdvantages(
            grpo.estimator(),
            config.rollouts().groupSize(),
            grpo.scale(),
            grpo.epsilon(),
            grpo.gamma());
    double[] rewards = GroupAdvantages.rewards(scores, penalties, actions);
    double[] advantages = groups.of(scores, penalties, actions, Distribution.ofSequences(rewards));
    RolloutMeasures measures =
        measures(sampled, scores, penalties)
            .groups(groups.deviations(rewards))
            .advantages(advantages, actions);
    if (grpo.estimator().whitens()) {
      advantages = whitened(advantages, actions);
    }
    TokenGroups included =
        grpo.skipEqualGroups() ? actions.only(groups.informative(rewards)) : actions;
    return new Credit(advantages, new double[0], included, measures, kl(sampled));
  }

  private static double[] whitened(double[] advantages, TokenGroups actions) {
    return new Whitening(false).of(advantages, actions, Distribution.ofTokens(advantages, actions));
  }

  private double[] shaped(RolloutPhase.Sampled sampled) {
    double[] scores = sampled.scores();
    if (config.rewards().normalize()) {
      scores = normalization.of(scores, Distribution.ofSequences(scores));
    } else if (config.rewards().runningScale()) {
      scores = scaling.of(scores, Distribution.ofSequences(scores));
    }
    return shaping.of(scores, sampled.episodes().ended(), sampled.episodes().actions());
  }

  private double[] penalties(RolloutPhase.Sampled sampled) {
    double beta = config.kl().place() == KlConfig.Place.REWARD ? coefficient() : 0;
    double[] kl = tokenRewards.kl(sampled.old(), sampled.reference(), sampled.episodes().actions());
    return TokenRewards.penalties(kl, beta);
  }

  /** By k1, even if another estimator is used for the penalty: its mean is the KL. */
  private static double[] klOfActions(RolloutPhase.Sampled sampled) {
    return new TokenRewards(KlEstimator.K1)
        .kl(sampled.old(), sampled.reference(), sampled.episodes().actions());
  }

  private static double kl(RolloutPhase.Sampled sampled) {
    double[] sums = sampled.episodes().actions().sums(klOfActions(sampled));
    return Distribution.ofSequences(sums).mean();
  }

  private RolloutMeasures measures(
      RolloutPhase.Sampled sampled, double[] scores, double[] penalties) {
    Episodes episodes = sampled.episodes();
    RolloutMeasures measures =
        RolloutMeasures.none()
            .functions(names, sampled.functions(), sampled.scores(), sampled.failures())
            .objective(klOfActions(sampled), penalties, sampled.old(), scores, episodes.actions())
            .completions(episodes.actions(), episodes.ended());
    return sampled.gold().length == 0 ? measures : measures.gold(sampled.gold());
  }

  private List<String> names = List.of();

  /** Sets the names of the reward functions, under which they are reported. */
  void name(List<String> functions) {
    names = List.copyOf(functions);
  }

  /** Adapts the coefficient after a step. */
  void update(double kl, int completions) {
    controller.update(kl, completions);
  }

  /** The state that a checkpoint holds. */
  ObjectNode state() {
    ObjectNode state = JsonNodeFactory.instance.objectNode();
    state.put(COEFFICIENT, controller.coefficient());
    put(state, SCORES, scaling.seen());
    put(state, FIRST_SCORES, normalization.first());
    return state;
  }

  private static void put(ObjectNode state, String name, Distribution scores) {
    ArrayNode numbers = state.putArray(name);
    for (double number : scores.numbers()) {
      numbers.add(Double.toString(number)); // Infinities are no JSON numbers.
    }
  }

  /** Restores what {@link #state} returned. */
  void resume(JsonNode state) {
    controller.resume(state.path(COEFFICIENT).asDouble());
    scaling.resume(scores(state.path(SCORES)));
    if (state.has(FIRST_SCORES)) { // Older checkpoints have none.
      normalization.resume(scores(state.path(FIRST_SCORES)));
    }
  }

  private static Distribution scores(JsonNode saved) {
    double[] numbers = new double[saved.size()];
    Arrays.setAll(numbers, i -> Double.parseDouble(saved.get(i).asText()));
    return Distribution.ofNumbers(numbers, 0);
  }
}
