package dev.firesteel.generate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.firesteel.random.RandomStream;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class BeamSearchTest {
  private static final int VOCABULARY = 4;
  private static final int END = 0;

  /** Scores that are any function of the completion so far. */
  private static final class TableScores implements NextTokenScores {
    private final Function<List<Integer>, double[]> probabilities;
    private List<List<Integer>> sequences = List.of(List.of());

    TableScores(Function<List<Integer>, double[]> probabilities) {
      this.probabilities = probabilities;
    }

    @Override
    public float[][] first() {
      return logits();
    }

    @Override
    public float[][] next(int[] sources, int[] tokens) {
      List<List<Integer>> next = new ArrayList<>();
      for (int i = 0; i < sources.length; i++) {
        List<Integer> sequence = new ArrayList<>(sequences.get(sources[i]));
        sequence.add(tokens[i]);
        next.add(sequence);
      }
      sequences = next;
      return logits();
    }

    private float[][] logits() {
      float[][] all = new float[sequences.size()][];
      for (int i = 0; i < all.length; i++) {
        double[] row = probabilities.apply(sequences.get(i));
        all[i] = new float[row.length];
        for (int id = 0; id < row.length; id++) {
          all[i][id] = (float) Math.log(row[id]);
        }
      }
      return all;
    }
  }

  private static BeamSearch.Finished search(
      GenerationOptions options, Function<List<Integer>, double[]> probabilities) {
    return new BeamSearch(
            options, options.maxTokens(), id -> id == END, tokens -> false, new BitSet())
        .search(new TableScores(probabilities));
  }

  /** Greedy takes 1 (0.5) and then finds nothing good; 2 (0.4) leads to a certain 3. */
  private static double[] garden(List<Integer> sequence) {
    if (sequence.isEmpty()) {
      return new double[] {0.05, 0.5, 0.4, 0.05};
    }
    return sequence.get(0) == 1
        ? new double[] {0.1, 0.3, 0.3, 0.3}
        : new double[] {0.02, 0.02, 0.02, 0.94};
  }

  @Test
  void findsALikelierSequenceThanGreedy() {
    GenerationOptions greedy = GenerationOptions.builder().maxTokens(2).beams(1).build();
    GenerationOptions wide = GenerationOptions.builder().maxTokens(2).beams(2).build();

    assertThat(search(greedy, BeamSearchTest::garden).tokens()).containsExactly(1, 1);
    assertThat(search(wide, BeamSearchTest::garden).tokens()).containsExactly(2, 3);
    assertThat(search(wide, BeamSearchTest::garden).score())
        .isEqualTo(Math.log(0.4 * 0.94) / 2, within(1e-6));
  }

  @ParameterizedTest
  @ValueSource(doubles = {-1, 0, 0.6, 1, 2})
  void equalsExhaustiveSearchWithEnoughBeams(double lengthPenalty) {
    for (int seed = 0; seed < 20; seed++) {
      int fixed = seed;
      Function<List<Integer>, double[]> table = sequence -> random(fixed, sequence);
      GenerationOptions options =
          GenerationOptions.builder().maxTokens(4).beams(300).lengthPenalty(lengthPenalty).build();

      BeamSearch.Finished best = exhaustive(table, List.of(), 0, options);
      BeamSearch.Finished found = search(options, table);

      assertThat(found.tokens()).as("seed " + seed).isEqualTo(best.tokens());
      assertThat(found.score()).as("seed " + seed).isEqualTo(best.score(), within(1e-5));
    }
  }

  @Test
  void oneBeamThatStopsEarlyIsGreedy() {
    GenerationOptions options =
        GenerationOptions.builder().maxTokens(8).earlyStopping(true).build();
    for (int seed = 0; seed < 50; seed++) {
      int fixed = seed;

      BeamSearch.Finished found = search(options, sequence -> random(fixed, sequence));

      assertThat(found.tokens()).as("seed " + seed).isEqualTo(path(seed, true).get(0));
    }
  }

  @ParameterizedTest
  @ValueSource(doubles = {-1, 0, 0.5, 1, 2})
  void stoppingWhenItIsDecidedLosesNothing(double lengthPenalty) {
    GenerationOptions options =
        GenerationOptions.builder().maxTokens(8).lengthPenalty(lengthPenalty).build();
    for (int seed = 0; seed < 50; seed++) {
      int fixed = seed;

      double found = search(options, sequence -> random(fixed, sequence)).score();

      // What one beam would collect if it never stopped before the last token.
      double best =
          path(seed, false).stream()
              .mapToDouble(
                  tokens -> logProbability(fixed, tokens) / Math.pow(tokens.size(), lengthPenalty))
              .max()
              .orElseThrow();
      assertThat(found).as("seed " + seed).isEqualTo(best, within(1e-5));
    }
  }

  @Test
  void aHigherLengthPenaltyFavoursLongerCompletions() {
    // To end at once has 0.5; to go on three times 0.8 each.
    Function<List<Integer>, double[]> table =
        sequence ->
            sequence.isEmpty()
                ? new double[] {0.5, 0.48, 0.01, 0.01}
                : new double[] {0.04, 0.94, 0.01, 0.01};

    assertThat(search(options(0), table).tokens()).containsExactly(END);
    assertThat(search(options(2), table).tokens()).containsExactly(1, 1, 1, 1);
  }

  @Test
  void earlyStoppingTakesTheFirstThatFinish() {
    Function<List<Integer>, double[]> table =
        sequence ->
            switch (sequence.size()) {
              case 0 -> new double[] {0.4, 0.3, 0.2, 0.1};
              case 1 -> new double[] {0.4, 0.3, 0.2, 0.1};
              default -> new double[] {1e-3, 0.997, 1e-3, 1e-3};
            };
    GenerationOptions early =
        GenerationOptions.builder().maxTokens(30).beams(2).earlyStopping(true).build();
    GenerationOptions patient = GenerationOptions.builder().maxTokens(30).beams(2).build();

    assertThat(search(early, table).tokens()).hasSizeLessThan(3);
    assertThat(search(patient, table).tokens()).hasSize(30);
  }

  private static GenerationOptions options(double lengthPenalty) {
    return GenerationOptions.builder().maxTokens(4).beams(2).lengthPenalty(lengthPenalty).build();
  }

  /**
   * The completions along the greedy path: one for each time that ending is the likeliest, and the
   * longest. With {@code first}, only the first.
   */
  private static List<List<Integer>> path(int seed, boolean first) {
    List<List<Integer>> completions = new ArrayList<>();
    List<Integer> tokens = new ArrayList<>();
    while (tokens.size() < 8) {
      double[] row = random(seed, tokens);
      int best = END + 1;
      for (int id = END + 2; id < VOCABULARY; id++) {
        best = row[id] > row[best] ? id : best;
      }
      if (row[END] >= row[best]) {
        List<Integer> ended = new ArrayList<>(tokens);
        ended.add(END);
        completions.add(ended);
      }
      tokens.add(best);
    }
    completions.add(tokens);
    return first ? completions.subList(0, 1) : completions;
  }

  private static double logProbability(int seed, List<Integer> tokens) {
    double sum = 0;
    for (int i = 0; i < tokens.size(); i++) {
      sum += Math.log(random(seed, tokens.subList(0, i))[tokens.get(i)]);
    }
    return sum;
  }

  private static BeamSearch.Finished exhaustive(
      Function<List<Integer>, double[]> table,
      List<Integer> sequence,
      double logProbability,
      GenerationOptions options) {
    int length = sequence.size();
    if (length > 0 && (sequence.get(length - 1) == END || length == options.maxTokens())) {
      return new BeamSearch.Finished(
          sequence, logProbability / Math.pow(length, options.lengthPenalty()));
    }
    BeamSearch.Finished best = null;
    double[] row = table.apply(sequence);
    for (int id = 0; id < VOCABULARY; id++) {
      List<Integer> longer = new ArrayList<>(sequence);
      longer.add(id);
      BeamSearch.Finished found =
          exhaustive(table, longer, logProbability + Math.log(row[id]), options);
      if (best == null || found.score() > best.score()) {
        best = found;
      }
    }
    return best;
  }

  private static double[] random(int seed, List<Integer> sequence) {
    long[] name = sequence.stream().mapToLong(Integer::longValue).toArray();
    RandomStream random = RandomStream.of(seed, "table", name);
    double[] row = new double[VOCABULARY];
    double sum = 0;
    for (int id = 0; id < VOCABULARY; id++) {
      row[id] = Math.exp(random.nextGaussian());
      sum += row[id];
    }
    for (int id = 0; id < VOCABULARY; id++) {
      row[id] /= sum;
    }
    return row;
  }
}
