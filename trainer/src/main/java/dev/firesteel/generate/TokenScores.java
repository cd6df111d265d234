package dev.firesteel.generate;

import dev.firesteel.error.UserException;
import java.util.ArrayList;
import java.util.List;

/**
 * How likely a model holds a token and those that it might have chosen instead, in nats: {@code log
 * softmax(logits)} over the tokenizer's vocabulary, before temperature, penalties and filters.
 *
 * @param token the token
 * @param logProb its log-probability
 * @param top the most likely tokens, most likely first; of equals, the lower id
 */
public record TokenScores(int token, double logProb, List<Scored> top) {
  /** A token with its log-probability. */
  public record Scored(int token, double logProb) {}

  /** Copies the list. */
  public TokenScores {
    top = List.copyOf(top);
  }

  /**
   * The scores at one position, before it is known which token comes next.
   *
   * @param logits of which {@code [start, start + vocabulary)} are looked at
   * @param count how many of the most likely tokens to keep
   */
  static Position at(float[] logits, int start, int vocabulary, int count) {
    int kept = Math.min(count, vocabulary);
    int[] ids = new int[kept];
    int size = 0;
    double highest = Double.NEGATIVE_INFINITY;
    for (int id = 0; id < vocabulary; id++) {
      float logit = logits[start + id];
      if (Float.isNaN(logit)) {
        throw UserException.failure(
            "the model's logits must be numbers, got NaN: its weights are damaged, or training"
                + " diverged; use an earlier checkpoint");
      }
      highest = Math.max(highest, logit);
      if (size < kept || (kept > 0 && logit > logits[start + ids[size - 1]])) {
        int at = size < kept ? size++ : size - 1;
        while (at > 0 && logit > logits[start + ids[at - 1]]) {
          ids[at] = ids[at - 1];
          at--;
        }
        ids[at] = id;
      }
    }
    double total = 0;
    for (int id = 0; id < vocabulary; id++) {
      total += FastExp.of(logits[start + id] - highest);
    }
    double normalizer = highest + StrictMath.log(total);
    List<Scored> top = new ArrayList<>();
    for (int id : ids) {
      top.add(new Scored(id, logits[start + id] - normalizer));
    }
    return new Position(normalizer, top);
  }

  /**
   * A position's most likely tokens.
   *
   * @param normalizer the logarithm of the sum of all exponentials
   * @param top most likely first
   */
  record Position(double normalizer, List<Scored> top) {
    /** The scores, with those of the token that came. */
    TokenScores of(int token, float logit) {
      return new TokenScores(token, logit - normalizer, top);
    }
  }
}
