package dev.firesteel.generate;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.Comparator;
import java.util.List;
import java.util.function.IntPredicate;
import java.util.function.Predicate;

/**
 * Beam search (Lowerre 1976; with length normalization, Wu et al. 2016, section 7): keeps the
 * {@code beams} most likely unfinished prefixes, extends each by every token, and collects those
 * that finish. A completion of n tokens (counting the end-of-text token) scores {@code log p /
 * n^lengthPenalty}.
 *
 * <p>It ends at {@code maxTokens}, when no prefix is left, or when it has {@code beams} finished
 * completions and either {@code earlyStopping} is set or no prefix can still beat the worst of
 * them: log p only falls, so a prefix's best score is {@code log p / n^lengthPenalty} with the n
 * (current or maximum) that gives the higher score. With as many beams as there are sequences the
 * search is exhaustive.
 */
final class BeamSearch {
  /** A sequence of tokens and the sum of their log-probabilities. */
  private record Beam(List<Integer> tokens, double logProbability, int source) {}

  /** A finished completion and its score. */
  record Finished(List<Integer> tokens, double score) {}

  private final GenerationOptions options;
  private final int maxTokens;
  private final IntPredicate endsDocument;
  private final Predicate<List<Integer>> stops;
  private final BitSet promptTokens;
  private final List<Finished> finished = new ArrayList<>();

  /**
   * @param maxTokens the longest completion
   * @param endsDocument whether a token ends the document
   * @param stops whether a completion contains a stop string
   * @param promptTokens the prompt's, for the repetition penalty
   */
  BeamSearch(
      GenerationOptions options,
      int maxTokens,
      IntPredicate endsDocument,
      Predicate<List<Integer>> stops,
      BitSet promptTokens) {
    this.options = options;
    this.maxTokens = maxTokens;
    this.endsDocument = endsDocument;
    this.stops = stops;
    this.promptTokens = promptTokens;
  }

  /** The completion with the highest score. */
  Finished search(NextTokenScores scores) {
    List<Beam> beams = List.of(new Beam(List.of(), 0, 0));
    float[][] logits = scores.first();
    while (true) {
      beams = extend(beams, logits);
      if (beams.isEmpty() || beams.get(0).tokens().size() == maxTokens || isDecided(beams)) {
        break;
      }
      int[] sources = beams.stream().mapToInt(Beam::source).toArray();
      int[] tokens = beams.stream().mapToInt(beam -> last(beam.tokens())).toArray();
      logits = scores.next(sources, tokens);
    }
    if (!beams.isEmpty() && !isDecided(beams)) {
      beams.forEach(this::finish);
    }
    return finished.get(0);
  }

  /** Extends every beam by one token; collects the finished ones and keeps the best others. */
  private List<Beam> extend(List<Beam> beams, float[][] logits) {
    List<Beam> candidates = new ArrayList<>();
    for (int i = 0; i < beams.size(); i++) {
      candidates.addAll(continuations(beams.get(i), i, logits[i]));
    }
    candidates.sort(Comparator.comparingDouble(Beam::logProbability).reversed());
    List<Beam> next = new ArrayList<>();
    for (int rank = 0; rank < candidates.size() && next.size() < options.beams(); rank++) {
      Beam candidate = candidates.get(rank);
      if (endsDocument.test(last(candidate.tokens())) || stops.test(candidate.tokens())) {
        if (rank < options.beams()) {
          finish(candidate);
        }
      } else {
        next.add(candidate);
      }
    }
    return next;
  }

  /** The most likely continuations of one beam: twice the beam width, since half may finish. */
  private List<Beam> continuations(Beam beam, int source, float[] logits) {
    BitSet seen = (BitSet) promptTokens.clone();
    beam.tokens().forEach(seen::set);
    TokenSampler.penalize(logits, 0, seen, options.repetitionPenalty());
    int[] ids = TokenSampler.ranked(logits, Math.min(logits.length, 2 * options.beams()));
    float highest = logits[ids[0]];
    double sum = 0;
    for (float logit : logits) {
      sum += StrictMath.exp(logit - highest);
    }
    double logSum = highest + StrictMath.log(sum);
    List<Beam> continuations = new ArrayList<>();
    for (int id : ids) {
      List<Integer> tokens = new ArrayList<>(beam.tokens());
      tokens.add(id);
      continuations.add(new Beam(tokens, beam.logProbability() + logits[id] - logSum, source));
    }
    return continuations;
  }

  private void finish(Beam beam) {
    double score = score(beam.logProbability(), beam.tokens().size());
    finished.add(new Finished(beam.tokens(), score));
    finished.sort(Comparator.comparingDouble(Finished::score).reversed());
    if (finished.size() > options.beams()) {
      finished.remove(finished.size() - 1);
    }
  }

  private boolean isDecided(List<Beam> beams) {
    if (finished.size() < options.beams()) {
      return false;
    }
    if (options.earlyStopping()) {
      return true;
    }
    double worst = finished.get(finished.size() - 1).score();
    Beam best = beams.get(0);
    int kindest = options.lengthPenalty() > 0 ? maxTokens : best.tokens().size() + 1;
    return score(best.logProbability(), kindest) <= worst;
  }

  private double score(double logProbability, int length) {
    return logProbability / StrictMath.pow(length, options.lengthPenalty());
  }

  private static int last(List<Integer> tokens) {
    return tokens.get(tokens.size() - 1);
  }
}
