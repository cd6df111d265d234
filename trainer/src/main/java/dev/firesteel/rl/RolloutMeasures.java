package dev.firesteel.rl;

import dev.firesteel.loss.TokenGroups;
import dev.firesteel.metrics.Measures;
import dev.firesteel.metrics.Metric;
import java.util.ArrayList;
import java.util.List;

/**
 * What is reported of the rollouts of a batch. A rank keeps distributions of its completions,
 * {@link AcrossRanks} combines them with those of the others, and {@link #measures} computes means,
 * extremes and variances of the whole: never means of means, so a number does not depend on how
 * many ranks there are, nor on padding. Immutable.
 */
public final class RolloutMeasures {
  private enum Kind {
    SUM,
    MEAN,
    LEAST,
    GREATEST,
    DEVIATION,
    /** 1 - variance of the part / variance of the part that follows. */
    EXPLAINED,
    /** Only there for the part before it. */
    UNREPORTED;
  }

  private record Part(Metric metric, Kind kind, Distribution distribution) {}

  private static final RolloutMeasures NONE = new RolloutMeasures(List.of());

  private final List<Part> parts;

  private RolloutMeasures(List<Part> parts) {
    this.parts = List.copyOf(parts);
  }

  /** No measures. */
  public static RolloutMeasures none() {
    return NONE;
  }

  private RolloutMeasures with(Metric metric, Kind kind, Distribution distribution) {
    List<Part> more = new ArrayList<>(parts);
    more.add(new Part(metric, kind, distribution));
    return new RolloutMeasures(more);
  }

  /**
   * These and lengths of completions, and how many of them ended.
   *
   * @param tokens the actions, of which a completion has as many as its length
   * @param ended [sequences], whether the model ended the completion
   */
  public RolloutMeasures completions(TokenGroups tokens, boolean[] ended) {
    Checks.size("the marks of ended completions", ended.length, tokens.count());
    double[] lengths = new double[ended.length];
    double[] ends = new double[ended.length];
    double[] cuts = new double[ended.length];
    for (int i = 0; i < lengths.length; i++) {
      lengths[i] = tokens.length(i);
      ends[i] = ended[i] ? 1 : 0;
      cuts[i] = 1 - ends[i];
    }
    Distribution all = Distribution.ofSequences(lengths);
    Distribution terminated = Distribution.ofSequences(lengths, ended);
    return with(RlMetrics.NUM_EOS_TOKENS, Kind.SUM, Distribution.ofSequences(ends))
        .with(RlMetrics.MEAN_LENGTH, Kind.MEAN, all)
        .with(RlMetrics.MIN_LENGTH, Kind.LEAST, all)
        .with(RlMetrics.MAX_LENGTH, Kind.GREATEST, all)
        .with(RlMetrics.CLIPPED_RATIO, Kind.MEAN, Distribution.ofSequences(cuts))
        .with(RlMetrics.MEAN_TERMINATED_LENGTH, Kind.MEAN, terminated)
        .with(RlMetrics.MIN_TERMINATED_LENGTH, Kind.LEAST, terminated)
        .with(RlMetrics.MAX_TERMINATED_LENGTH, Kind.GREATEST, terminated);
  }

  /**
   * These and what is maximized.
   *
   * @param kl [tokens], see {@link TokenRewards#kl}
   * @param penalties [tokens], see {@link TokenRewards#penalties}
   * @param old [tokens], log-probabilities at the rollout
   * @param scores [sequences], after {@link ScoreShaping}
   * @param tokens the actions
   */
  public RolloutMeasures objective(
      double[] kl, double[] penalties, double[] old, double[] scores, TokenGroups tokens) {
    double[] entropies = tokens.sums(old);
    for (int i = 0; i < entropies.length; i++) {
      entropies[i] = -entropies[i];
    }
    return with(RlMetrics.OBJECTIVE_KL, tokens.sums(kl))
        .with(RlMetrics.OBJECTIVE_ENTROPY, entropies)
        .with(RlMetrics.OBJECTIVE_NON_SCORE_REWARD, tokens.sums(penalties))
        .with(RlMetrics.OBJECTIVE_RLHF_REWARD, GroupAdvantages.rewards(scores, penalties, tokens))
        .with(RlMetrics.OBJECTIVE_SCORES, scores);
  }

  private RolloutMeasures with(Metric metric, double[] ofSequences) {
    return with(metric, Kind.MEAN, Distribution.ofSequences(ofSequences));
  }

  /**
   * These and the scores of reward functions.
   *
   * @param names of the functions
   * @param scores [functions][sequences], without weights
   * @param total [sequences], the weighted sum that training uses
   * @param failures how many scores of this rank are substitutes for failed ones
   */
  public RolloutMeasures functions(
      List<String> names, double[][] scores, double[] total, int failures) {
    Checks.size("the functions' scores", scores.length, names.size());
    RolloutMeasures all = with(RlMetrics.REWARD, total);
    for (int i = 0; i < scores.length; i++) {
      Distribution one = Distribution.ofSequences(scores[i]);
      all =
          all.with(RlMetrics.functionMean(names.get(i)), Kind.MEAN, one)
              .with(RlMetrics.functionDeviation(names.get(i)), Kind.DEVIATION, one);
    }
    return all.with(RlMetrics.REWARD_FAILURES, Kind.SUM, Distribution.of(failures));
  }

  /**
   * These and how far the rewards of each group differ.
   *
   * @param deviations [groups], see {@link GroupAdvantages#deviations}
   */
  public RolloutMeasures groups(double[] deviations) {
    double[] equal = new double[deviations.length];
    for (int i = 0; i < equal.length; i++) {
      equal[i] = deviations[i] == 0 ? 1 : 0;
    }
    return with(RlMetrics.REWARD_STD, deviations).with(RlMetrics.FRAC_REWARD_ZERO_STD, equal);
  }

  /** These and gold scores, [sequences]. */
  public RolloutMeasures gold(double[] scores) {
    return with(RlMetrics.GOLD, scores);
  }

  /** These and advantages, [tokens], before whitening. */
  public RolloutMeasures advantages(double[] advantages, TokenGroups tokens) {
    Distribution all = Distribution.ofTokens(advantages, tokens);
    return with(RlMetrics.ADVANTAGES_MEAN, Kind.MEAN, all)
        .with(RlMetrics.ADVANTAGES_MIN, Kind.LEAST, all)
        .with(RlMetrics.ADVANTAGES_MAX, Kind.GREATEST, all);
  }

  /**
   * These and how well the values of the rollout predicted the returns: the explained variance
   * {@code 1 - var(R - V) / var(R)}, NaN where all returns are equal.
   *
   * @param values [tokens]
   * @param returns [tokens]
   * @param tokens the actions
   */
  public RolloutMeasures values(double[] values, double[] returns, TokenGroups tokens) {
    Checks.tokens("values", values, tokens);
    Checks.tokens("returns", returns, tokens);
    double[] errors = new double[values.length];
    for (int i = 0; i < errors.length; i++) {
      errors[i] = returns[i] - values[i];
    }
    Distribution ofReturns = Distribution.ofTokens(returns, tokens);
    Distribution ofValues = Distribution.ofTokens(values, tokens);
    return with(RlMetrics.RETURNS_MEAN, Kind.MEAN, ofReturns)
        .with(RlMetrics.RETURNS_MIN, Kind.LEAST, ofReturns)
        .with(RlMetrics.RETURNS_MAX, Kind.GREATEST, ofReturns)
        .with(RlMetrics.VALUES_MEAN, Kind.MEAN, ofValues)
        .with(RlMetrics.VALUES_MIN, Kind.LEAST, ofValues)
        .with(RlMetrics.VALUES_MAX, Kind.GREATEST, ofValues)
        .with(RlMetrics.EXPLAINED_VARIANCE, Kind.EXPLAINED, Distribution.ofTokens(errors, tokens))
        .with(RlMetrics.EXPLAINED_VARIANCE, Kind.UNREPORTED, ofReturns);
  }

  /** These followed by others. */
  public RolloutMeasures and(RolloutMeasures others) {
    List<Part> all = new ArrayList<>(parts);
    all.addAll(others.parts);
    return new RolloutMeasures(all);
  }

  /** The distributions alone, in order, to be sent to other ranks. */
  double[] numbers() {
    double[] numbers = new double[parts.size() * Distribution.SIZE];
    for (int i = 0; i < parts.size(); i++) {
      System.arraycopy(
          parts.get(i).distribution.numbers(),
          0,
          numbers,
          i * Distribution.SIZE,
          Distribution.SIZE);
    }
    return numbers;
  }

  /** The same measures of all parts of a batch, given their {@link #numbers}, this one's too. */
  RolloutMeasures ofParts(double[][] numbers) {
    List<Part> combined = new ArrayList<>();
    for (int i = 0; i < parts.size(); i++) {
      Distribution[] distributions = new Distribution[numbers.length];
      for (int part = 0; part < numbers.length; part++) {
        distributions[part] = Distribution.ofNumbers(numbers[part], i * Distribution.SIZE);
      }
      combined.add(
          new Part(parts.get(i).metric, parts.get(i).kind, Distribution.tree(distributions)));
    }
    return new RolloutMeasures(combined);
  }

  /** The measures of the whole batch, once its parts are combined; NaN for those of nothing. */
  public Measures measures() {
    Measures measures = Measures.none();
    for (int i = 0; i < parts.size(); i++) {
      Part part = parts.get(i);
      if (part.kind != Kind.UNREPORTED) {
        measures = measures.with(part.metric, value(i));
      }
    }
    return measures;
  }

  private double value(int index) {
    Distribution one = parts.get(index).distribution;
    return switch (parts.get(index).kind) {
      case SUM -> one.sum();
      case MEAN -> one.mean();
      case LEAST -> one.count() == 0 ? Double.NaN : one.least();
      case GREATEST -> one.count() == 0 ? Double.NaN : one.greatest();
      case DEVIATION -> one.sampleDeviation();
      case EXPLAINED -> {
        double variance = parts.get(index + 1).distribution.variance();
        yield variance == 0 ? Double.NaN : 1 - one.variance() / variance;
      }
      case UNREPORTED -> Double.NaN;
    };
  }
}
