package dev.firesteel.generate;

import java.util.ArrayList;
import java.util.List;

/**
 * The most likely tokens at one position.
 *
 * @param candidates most likely first; of equals, the lower id
 */
public record NextTokens(List<Candidate> candidates) {
  /** A token and its probability. */
  public record Candidate(int id, double probability) {}

  /** Copies the list. */
  public NextTokens {
    candidates = List.copyOf(candidates);
  }

  /** The {@code count} most likely tokens of {@code softmax(logits)}. */
  static NextTokens of(float[] logits, int count) {
    int[] ranked = TokenSampler.ranked(logits, count);
    double highest = logits[ranked[0]];
    double total = 0;
    for (float logit : logits) {
      total += StrictMath.exp(logit - highest);
    }
    List<Candidate> candidates = new ArrayList<>();
    for (int id : ranked) {
      candidates.add(new Candidate(id, StrictMath.exp(logits[id] - highest) / total));
    }
    return new NextTokens(candidates);
  }

  /** The most likely token. */
  public int first() {
    return candidates.get(0).id();
  }
}
