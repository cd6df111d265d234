package dev.firesteel.train;

import com.fasterxml.jackson.databind.JsonNode;
import dev.firesteel.train.RunCurves.Curve;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.Function;

/**
 * What the numbers of a run say about its health, in words: a table of {@linkplain #RULES rules},
 * each of which looks at some metrics of {@code metrics.jsonl}, knows the range in which they are
 * healthy and where that is known from, and what to do outside of it. A rule whose metrics a run
 * does not report has no finding.
 */
public final class RunDiagnosis {
  /** How much a finding matters. */
  public enum Severity {
    /** Within the healthy range. */
    GOOD,
    /** Outside of it: worth a look. */
    WARNING,
    /** The run does not do what it is meant to do. */
    SEVERE
  }

  /**
   * What one rule found.
   *
   * @param title what was looked at
   * @param found the numbers, as a sentence
   * @param healthy the healthy range
   * @param source where the range is known from
   * @param advice causes and what to do
   */
  public record Finding(
      Severity severity, String title, String found, String healthy, String source, String advice) {
    /** The finding as a line of text. */
    public String line() {
      return title + ": " + found + "; healthy: " + healthy + ". " + advice;
    }
  }

  /** What a rule sees in a run. */
  private record Verdict(Severity severity, String found) {}

  /**
   * One rule.
   *
   * @param key the metric without which it says nothing
   * @param least values of it that it needs
   */
  private record Rule(
      String title,
      String key,
      int least,
      String healthy,
      String source,
      String advice,
      Function<RunCurves, Verdict> look) {}

  private static final String AXOLOTL = "Axolotl, docs/training_stability.qmd";
  private static final String TRL = "TRL, docs of the PPO trainer";

  private static final String KL = "objective_kl";
  private static final String LENGTH = "completions_mean_length";
  private static final String CUT = "completions_clipped_ratio";
  private static final String REWARD = "reward";
  private static final String GOLD = "gold";

  /** Enough values to speak of a trend. */
  private static final int TREND = 8;

  private static final List<Rule> RULES =
      List.of(
          new Rule(
              "Negative KL",
              KL,
              3,
              "the mean estimate of KL(policy, reference) is not below 0",
              TRL,
              "A KL cannot be negative: answers are sampled from another distribution than the"
                  + " policy's (temperature, top-k, an end token that is masked), or log-probabilities"
                  + " are those of other tokens. Train with what was sampled, and in fp32.",
              RunDiagnosis::negativeKl),
          new Rule(
              "KL from the reference",
              KL,
              1,
              "below 0.5 nats per token; above 2 the policy has left its reference",
              AXOLOTL,
              "Raise kl.coefficient or set kl.target, lower optimizer.learning_rate or"
                  + " update.epochs.",
              RunDiagnosis::klPerToken),
          new Rule(
              "KL in the loss",
              "kl",
              1,
              "below 0.5 nats per token; above 2 the policy has left its reference",
              AXOLOTL,
              "Raise kl.coefficient, lower optimizer.learning_rate or update.epochs.",
              curves -> above(curves.of("kl").late(), 0.5, 2, "%.3g nats per token at the end")),
          new Rule(
              "Ratio of new and old probabilities",
              "val_ratio",
              1,
              "its mean stays within 0.1 of 1; that of the first minibatch is exactly 1, which the"
                  + " run itself makes sure of in fp32",
              TRL,
              "The updates of a step move the policy too far from the one that sampled: lower"
                  + " optimizer.learning_rate or update.epochs, or set update.max_kl.",
              RunDiagnosis::ratio),
          new Rule(
              "Clipped ratios",
              "policy_clipfrac_avg",
              1,
              "below 0.1; above 0.3 the updates are too aggressive",
              AXOLOTL,
              "Lower optimizer.learning_rate or update.epochs.",
              curves ->
                  above(curves.of("policy_clipfrac_avg").late(), 0.1, 0.3, "%.3g at the end")),
          new Rule(
              "Entropy",
              "policy_entropy_avg",
              1,
              "above 0.05 nats per token; below 0.01 it has collapsed",
              AXOLOTL,
              "The policy writes the same answers whatever it samples, and cannot explore: raise"
                  + " kl.coefficient or update.entropy_coefficient, lower optimizer.learning_rate.",
              RunDiagnosis::entropy),
          new Rule(
              "Reward and gold score",
              GOLD,
              TREND,
              "the gold score does not fall while the reward rises",
              "Gao et al. 2022, arXiv:2210.10760",
              "The reward is over-optimized: the policy has found what the reward function pays and"
                  + " the gold score does not. Raise kl.coefficient, stop earlier (a checkpoint near"
                  + " the peak is the better model), or improve the reward model.",
              RunDiagnosis::overOptimized),
          new Rule(
              "Length of answers",
              LENGTH,
              TREND,
              "it does not rise step after step up to rollouts.max_tokens",
              AXOLOTL,
              "Length hacking: longer answers are paid better. Set rewards.overlong_buffer or"
                  + " rewards.missing_end_penalty, or train the reward model on pairs of similar"
                  + " lengths.",
              RunDiagnosis::length),
          new Rule(
              "Answers that were cut",
              CUT,
              1,
              "below 0.3; above 0.8 rollouts.max_tokens is too small",
              AXOLOTL,
              "Raise rollouts.max_tokens, or teach the model to end: rewards.missing_end_penalty, or"
                  + " fine-tuning on answers with their end token.",
              curves -> above(curves.of(CUT).late(), 0.3, 0.8, "%.3g at the end")),
          new Rule(
              "Value model",
              "critic_vf_explained_var",
              10,
              "its explained variance rises above 0",
              "Stable-Baselines3, docs of the logger",
              "The value model knows nothing of the returns, and advantages are noise: raise"
                  + " ppo.value_learning_rate or ppo.value_coefficient, begin with"
                  + " ppo.value_warmup_steps, or start it from the reward model"
                  + " (ppo.value_start=reward).",
              RunDiagnosis::deadValues),
          new Rule(
              "Groups of equal rewards",
              "frac_reward_zero_std",
              1,
              "below 0.8",
              AXOLOTL,
              "A group whose answers all have the same reward teaches nothing: raise"
                  + " rollouts.group_size or rollouts.temperature, use prompts that are neither too"
                  + " easy nor too hard, or a reward with more than two values.",
              RunDiagnosis::equalGroups),
          new Rule(
              "Failed rewards",
              "reward_failures",
              1,
              "none",
              "TRL, pull request 5635 of verl: failures that were taken for scores",
              "Correct the reward function; the notices of the run have an example.",
              RunDiagnosis::failures),
          new Rule(
              "Gradient norm",
              "grad_norm",
              3,
              "0.1 to 10 before clipping; above 100 the run is unstable",
              AXOLOTL,
              "Too large: lower optimizer.learning_rate or raise schedule.warmup_steps. 0: the loss"
                  + " does not depend on the weights; look at what is trained in the first example.",
              RunDiagnosis::gradient),
          new Rule(
              "Validation loss",
              "val_loss",
              3,
              "its last value is its lowest, or close to it",
              "Goodfellow et al. 2016, Deep Learning, section 7.8",
              "The model overfits: the best checkpoint, which the run keeps, is the better model;"
                  + " train fewer epochs or give more data.",
              RunDiagnosis::overfitting),
          new Rule(
              "Accuracy of the reward model",
              "val_accuracy_low",
              2,
              "the 95 % interval lies above 0.5, which is chance",
              "Stiennon et al. 2020, arXiv:2009.01325: 0.65 to 0.77 on human pairs",
              "Train longer or with another optimizer.learning_rate, give more pairs, or look for"
                  + " chosen and rejected being exchanged.",
              RunDiagnosis::rewardAccuracy),
          new Rule(
              "Calibration of the reward model",
              "val_calibration_error",
              2,
              "below 0.1",
              "Guo et al. 2017, arXiv:1706.04599",
              "Its confidence is not how often it is right: train fewer epochs, or set"
                  + " reward.centering.",
              curves ->
                  above(
                      curves.of("val_calibration_error").late(),
                      0.1,
                      0.25,
                      "an error of %.3g at the end")),
          new Rule(
              "Preference accuracy",
              "rewards_accuracies",
              3,
              "above 0.5, which is chance, at the end",
              "TRL, docs of the DPO trainer",
              "The model does not learn to prefer the chosen answers: raise"
                  + " optimizer.learning_rate, train longer, or look for chosen and rejected being"
                  + " exchanged.",
              RunDiagnosis::preferenceAccuracy));

  private RunDiagnosis() {}

  /**
   * Looks at the rows of a run.
   *
   * @param rows of {@code metrics.jsonl}
   * @return the findings, the worst first
   */
  public static List<Finding> of(List<JsonNode> rows) {
    RunCurves curves = new RunCurves(rows);
    List<Finding> findings = new ArrayList<>();
    for (Rule rule : RULES) {
      if (curves.has(rule.key(), rule.least())) {
        Optional.ofNullable(rule.look().apply(curves))
            .ifPresent(
                verdict ->
                    findings.add(
                        new Finding(
                            verdict.severity(),
                            rule.title(),
                            verdict.found(),
                            rule.healthy(),
                            rule.source(),
                            rule.advice())));
      }
    }
    findings.sort((a, b) -> b.severity().compareTo(a.severity()));
    return findings;
  }

  private static Verdict above(double value, double warning, double severe, String found) {
    return new Verdict(
        value > severe ? Severity.SEVERE : value > warning ? Severity.WARNING : Severity.GOOD,
        text(found, value));
  }

  private static Verdict negativeKl(RunCurves curves) {
    Curve kl = curves.of(KL);
    double mean = kl.mean(0, kl.size());
    double error = kl.noise() / Math.sqrt(kl.size());
    boolean negative = mean < 0 && mean < -3 * error;
    return new Verdict(
        negative ? Severity.SEVERE : Severity.GOOD,
        text("a mean of %.3g nats per answer, %.3g at the end", mean, kl.late()));
  }

  private static Verdict klPerToken(RunCurves curves) {
    if (!curves.has(LENGTH, 1)) {
      return null;
    }
    Curve perToken = curves.ratio(KL, LENGTH);
    return perToken.size() == 0
        ? null
        : above(perToken.late(), 0.5, 2, "%.3g nats per token at the end");
  }

  private static Verdict ratio(RunCurves curves) {
    Curve ratio = curves.of("val_ratio");
    double farthest =
        ratio.values().stream().mapToDouble(value -> Math.abs(value - 1)).max().orElse(0);
    return above(farthest, 0.1, 0.5, "a mean of a step is up to %.3g away from 1");
  }

  private static Verdict entropy(RunCurves curves) {
    Curve entropy = curves.of("policy_entropy_avg");
    double late = entropy.late();
    Severity severity =
        late < 0.01 ? Severity.SEVERE : late < 0.05 ? Severity.WARNING : Severity.GOOD;
    return new Verdict(
        severity,
        text("%.3g nats per token at the end, %.3g at the beginning", late, entropy.early()));
  }

  private static Verdict overOptimized(RunCurves curves) {
    if (!curves.has(REWARD, TREND)) {
      return null;
    }
    Curve gold = curves.of(GOLD);
    Curve reward = curves.of(REWARD);
    int window = Math.max(2, gold.size() / 8);
    double[] smooth = gold.smooth(window);
    int peak = 0;
    for (int i = 1; i < smooth.length; i++) {
      peak = smooth[i] > smooth[peak] ? i : peak;
    }
    double end = smooth[smooth.length - 1];
    double fall = smooth[peak] - end;
    double error = gold.noise() * Math.sqrt(2.0 / window);
    int at = Math.min(peak + window, reward.size());
    double rewardAtPeak = reward.mean(Math.max(0, at - window), at);
    double rise = reward.late() - rewardAtPeak;
    // The highest of many windows is high by chance too, so that more than 3 errors are asked for.
    boolean fell = fall > 4 * error && fall > 0.02 * Math.abs(smooth[peak]);
    long step = gold.steps().get(Math.min(peak + window, gold.size()) - 1);
    return fell
        ? new Verdict(
            rise > 0 ? Severity.SEVERE : Severity.WARNING,
            text(
                "the gold score fell from %.3g at step %d to %.3g at the end, while the reward went from %.3g to %.3g",
                smooth[peak], step, end, rewardAtPeak, reward.late()))
        : new Verdict(
            Severity.GOOD,
            text(
                "the gold score went from %.3g to %.3g, the reward from %.3g to %.3g",
                gold.early(), gold.late(), reward.early(), reward.late()));
  }

  private static Verdict length(RunCurves curves) {
    Curve length = curves.of(LENGTH);
    double cut = curves.has(CUT, 1) ? curves.of(CUT).late() : 0;
    boolean rising = length.trend() > 0.6 && length.late() > 1.15 * length.early();
    String found =
        text(
            "from %.3g to %.3g tokens, %.0f %% of the answers cut at the end",
            length.early(), length.late(), 100 * cut);
    if (!rising) {
      return new Verdict(Severity.GOOD, found);
    }
    return new Verdict(cut > 0.3 ? Severity.SEVERE : Severity.WARNING, found + ", rising steadily");
  }

  private static Verdict deadValues(RunCurves curves) {
    Curve explained = curves.of("critic_vf_explained_var");
    double dead = explained.lateShare(value -> value <= 0);
    return new Verdict(
        dead == 1 ? Severity.SEVERE : dead > 0.5 ? Severity.WARNING : Severity.GOOD,
        text(
            "%.3g at the end, at most 0 in %.0f %% of the second half",
            explained.late(), 100 * dead));
  }

  private static Verdict equalGroups(RunCurves curves) {
    double late = curves.of("frac_reward_zero_std").late();
    return new Verdict(
        late >= 1 ? Severity.SEVERE : late >= 0.8 ? Severity.WARNING : Severity.GOOD,
        text("%.0f %% of the groups at the end", 100 * late));
  }

  private static Verdict failures(RunCurves curves) {
    Curve failed = curves.of("reward_failures");
    double sum = failed.values().stream().mapToDouble(Double::doubleValue).sum();
    return new Verdict(
        sum > 0 ? Severity.WARNING : Severity.GOOD, text("%.0f in the logged steps", sum));
  }

  private static Verdict gradient(RunCurves curves) {
    Curve norm = curves.of("grad_norm");
    double late = norm.late();
    double largest = norm.values().stream().mapToDouble(Double::doubleValue).max().orElse(0);
    Severity severity =
        late == 0 || late > 100
            ? Severity.SEVERE
            : late > 10 || largest > 100 ? Severity.WARNING : Severity.GOOD;
    return new Verdict(severity, text("%.3g at the end, at most %.3g", late, largest));
  }

  private static Verdict overfitting(RunCurves curves) {
    Curve loss = curves.of("val_loss");
    int best = 0;
    for (int i = 1; i < loss.size(); i++) {
      best = loss.values().get(i) < loss.values().get(best) ? i : best;
    }
    double lowest = loss.values().get(best);
    double last = loss.values().get(loss.size() - 1);
    boolean rose = last > lowest + 0.02 * Math.abs(lowest);
    return new Verdict(
        rose ? Severity.WARNING : Severity.GOOD,
        text("%.4g at the end, lowest %.4g at step %d", last, lowest, loss.steps().get(best)));
  }

  private static Verdict rewardAccuracy(RunCurves curves) {
    Curve low = curves.of("val_accuracy_low");
    double last = low.values().get(low.size() - 1);
    return new Verdict(
        last <= 0.5 ? Severity.SEVERE : Severity.GOOD,
        text("the interval begins at %.3g at the end", last));
  }

  private static Verdict preferenceAccuracy(RunCurves curves) {
    double late = curves.of("rewards_accuracies").late();
    return new Verdict(
        late < 0.5 ? Severity.SEVERE : late < 0.55 ? Severity.WARNING : Severity.GOOD,
        text("%.3g at the end", late));
  }

  private static String text(String format, Object... values) {
    return String.format(Locale.ROOT, format, values);
  }
}
