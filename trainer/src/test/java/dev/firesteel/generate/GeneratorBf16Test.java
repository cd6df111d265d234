package dev.firesteel.generate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.abort;

import dev.firesteel.backend.Backend;
import dev.firesteel.backend.Precision;
import dev.firesteel.backend.cpu.CpuBackend;
import dev.firesteel.error.UserException;
import dev.firesteel.model.LanguageModel;
import dev.firesteel.model.Models;
import dev.firesteel.model.TestModels;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class GeneratorBf16Test extends GeneratorContract {
  GeneratorBf16Test() {
    // oneDNN chooses its order of additions by the number of rows, and a last bit that differs
    // may round an operand the other way, by 2^-8 of it.
    super(backend(), 0.05f);
  }

  private static Backend backend() {
    try {
      return new CpuBackend(Precision.BF16, 2);
    } catch (UserException e) {
      return abort(e.getMessage());
    }
  }

  /**
   * Log-probabilities with a cache and without one: most are equal, since rounding of operands
   * hides how sums were ordered; where it does not, they are within 0.02 (here 0.0078 at most).
   */
  @Test
  void logProbsWithACacheAreThoseOfWholeSequences() {
    try (LanguageModel model =
        Models.create(
            TestModels.withInitStd(TestModels.llama(4, 128, 4, 2, 344, 200, 16), 0.1),
            backend,
            1)) {
      List<int[]> prompts = List.of(prompt(150), prompt(64), prompt(20), prompt(1));
      List<Double> differences = new ArrayList<>();
      NextTokenScores uncached = new UncachedScores(model, prompts);
      try (CachedScores cached = new CachedScores(model, pool, prompts, 200, 16)) {
        compare(cached.first(), uncached.first(), differences);
        for (int token = 0; token < 10; token++) {
          int[] sources = {0, 1, 2, 3};
          int[] tokens = {token, 3, 4, 5};
          compare(cached.next(sources, tokens), uncached.next(sources, tokens), differences);
        }
      }
      differences.sort(null);
      assertThat(differences.get(differences.size() - 1)).isLessThan(0.02);
      assertThat(differences.get(differences.size() / 2)).isLessThan(1e-4);
    }
  }

  private static void compare(float[][] got, float[][] wanted, List<Double> differences) {
    for (int row = 0; row < got.length; row++) {
      double gotSum = logSumExp(got[row]);
      double wantedSum = logSumExp(wanted[row]);
      for (int i = 0; i < got[row].length; i++) {
        differences.add(Math.abs(got[row][i] - gotSum - (wanted[row][i] - wantedSum)));
      }
    }
  }

  private static double logSumExp(float... logits) {
    double sum = 0;
    for (float logit : logits) {
      sum += Math.exp(logit);
    }
    return Math.log(sum);
  }
}
