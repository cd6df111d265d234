package dev.firesteel.skills;

import dev.firesteel.array.ArrayPool;
import dev.firesteel.error.UserException;
import dev.firesteel.generate.Rollout;
import dev.firesteel.generate.RolloutListener;
import dev.firesteel.generate.RolloutOptions;
import dev.firesteel.generate.Rollouts;
import dev.firesteel.model.LanguageModel;
import dev.firesteel.model.LogProbs;
import dev.firesteel.tensor.RowLayout;
import dev.firesteel.tokenizer.Tokenizer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import java.util.stream.LongStream;

/**
 * How well a model does the {@linkplain Skill skills}, by a measure that jumps and one that does
 * not, on the same problems of the test.
 */
public final class SkillScores {
  private static final long SEED = 1;
  private static final int BATCH = 32;
  private static final int LONGEST = 16;

  /**
   * Scores of one skill.
   *
   * @param exactMatch share of the problems whose greedy completion is the answer and then the end
   * @param logLikelihood mean over all tokens of the right answers, their ends included, of {@code
   *     log p(token)}, in nats
   * @param expectedMatch mean over the problems of {@code p(answer)}, the product over its tokens:
   *     what sampling would get right
   */
  public record Score(double exactMatch, double logLikelihood, double expectedMatch) {}

  private final LanguageModel model;
  private final Tokenizer tokenizer;
  private final ArrayPool pool;
  private final int end;

  private SkillScores(LanguageModel model, Tokenizer tokenizer, ArrayPool pool) {
    this.model = model;
    this.tokenizer = tokenizer;
    this.pool = pool;
    OptionalInt endOfText = tokenizer.endOfText();
    if (endOfText.isEmpty()) {
      throw UserException.usage(
          "skills are measured with a tokenizer that has a token for the end of a text, got one without: train one with Firesteel");
    }
    end = endOfText.getAsInt();
  }

  /**
   * Measures a model.
   *
   * @param pool for activations and caches; of the model's backend
   * @param problems of each skill
   * @throws UserException if a problem is longer than the model's context
   */
  public static Map<Skill, Score> measure(
      LanguageModel model, Tokenizer tokenizer, ArrayPool pool, int problems) {
    SkillScores scores = new SkillScores(model, tokenizer, pool);
    Map<Skill, Score> all = new EnumMap<>(Skill.class);
    for (Skill skill : Skill.values()) {
      List<Encoded> encoded = new ArrayList<>();
      for (long i = 0; i < problems; i++) {
        encoded.add(scores.encode(skill.problem(SEED, true, i)));
      }
      all.put(skill, scores.score(encoded));
    }
    return all;
  }

  /** A problem as tokens; the answer's end with the end of the text. */
  private static final class Encoded {
    private final Skill.Problem problem;
    private final int[] prompt;
    private final int[] answer;

    Encoded(Skill.Problem problem, int[] prompt, int[] answer) {
      this.problem = problem;
      this.prompt = prompt;
      this.answer = answer;
    }
  }

  private Encoded encode(Skill.Problem problem) {
    int[] prompt = withStart(tokenizer.encode(problem.prompt()));
    int[] answer = tokenizer.encode(problem.answer());
    int[] ended = Arrays.copyOf(answer, answer.length + 1);
    ended[answer.length] = end;
    if (prompt.length + ended.length > model.config().contextLength()) {
      throw UserException.usage(
          "skills are measured with a context of at least %d tokens, got %d: raise model.context_length"
              .formatted(prompt.length + ended.length, model.config().contextLength()));
    }
    return new Encoded(problem, prompt, ended);
  }

  /** After an end of text, as documents begin in training. */
  private int[] withStart(int... ids) {
    int[] started = new int[ids.length + 1];
    started[0] = end;
    System.arraycopy(ids, 0, started, 1, ids.length);
    return started;
  }

  private Score score(List<Encoded> problems) {
    double[] logLikelihoods = logLikelihoods(problems);
    double sum = Arrays.stream(logLikelihoods).sum();
    long tokens = problems.stream().mapToLong(problem -> problem.answer.length).sum();
    double expected = Arrays.stream(logLikelihoods).map(Math::exp).average().orElse(0);
    return new Score(exactMatch(problems), sum / tokens, expected);
  }

  private double exactMatch(List<Encoded> problems) {
    RolloutOptions greedy = new RolloutOptions(LONGEST, 0, Set.of(end), BATCH, SEED);
    List<Rollout> completions =
        new Rollouts(model, pool, tokenizer.vocabularySize(), greedy)
            .sample(
                problems.stream().map(problem -> problem.prompt).toList(),
                LongStream.range(0, problems.size()).toArray(),
                RolloutListener.NONE);
    int right = 0;
    for (int i = 0; i < problems.size(); i++) {
      Rollout completion = completions.get(i);
      int[] ids = completion.completion();
      right +=
          completion.ended()
                  && tokenizer
                      .decode(Arrays.copyOf(ids, ids.length - 1))
                      .equals(problems.get(i).problem.answer())
              ? 1
              : 0;
    }
    return (double) right / problems.size();
  }

  /** {@code log p(answer)} of each problem, in one padded batch. */
  private double[] logLikelihoods(List<Encoded> problems) {
    int width =
        problems.stream().mapToInt(one -> one.prompt.length + one.answer.length).max().orElse(1)
            - 1;
    int[] ids = new int[problems.size() * width];
    int[] targets = new int[ids.length];
    Arrays.fill(targets, -1);
    int[] lengths = new int[problems.size()];
    for (int row = 0; row < lengths.length; row++) {
      int[] prompt = problems.get(row).prompt;
      int[] answer = problems.get(row).answer;
      int start = row * width;
      lengths[row] = prompt.length + answer.length - 1;
      System.arraycopy(prompt, 0, ids, start, prompt.length);
      System.arraycopy(answer, 0, ids, start + prompt.length, answer.length - 1);
      System.arraycopy(answer, 0, targets, start + prompt.length - 1, answer.length);
    }
    double[] logProbs =
        LogProbs.of(model, 1)
            .compute(pool, ids, targets, RowLayout.rightPadded(width, lengths), BATCH)
            .logProbs();
    double[] sums = new double[lengths.length];
    for (int i = 0; i < logProbs.length; i++) {
      sums[i / width] += logProbs[i];
    }
    return sums;
  }
}
