package dev.firesteel.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.firesteel.array.ArrayPool;
import dev.firesteel.backend.reference.ReferenceBackend;
import dev.firesteel.collective.SingleProcess;
import dev.firesteel.config.PretrainConfig;
import dev.firesteel.data.TokenDataset;
import dev.firesteel.model.LanguageModel;
import dev.firesteel.model.Models;
import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class EvaluationTest {
  @TempDir Path folder;

  @Test
  void computesByHand() {
    // A loss of ln 4 is 2 bits a token; 3 tokens for 4 bytes make it 1.5 bits a byte.
    assertThat(Evaluation.bitsPerByte(Math.log(4), 0.75)).isCloseTo(1.5, within(1e-15));
    assertThat(new EvaluationResult(Math.log(4), 1.5, 10).perplexity()).isCloseTo(4, within(1e-14));
  }

  @Test
  void measuresAModelThatKnowsNothing() throws IOException {
    // Four characters, one of two bytes: 50 tokens in 62 bytes of validation text.
    String validation = "abcé".repeat(12) + "ab";
    TinyRun.prepare(folder, "abcé".repeat(20), validation);
    PretrainConfig config = TinyRun.config(folder);
    TokenDataset text = TinyRun.data(config).validation().orElseThrow();
    try (ReferenceBackend backend = new ReferenceBackend();
        ArrayPool pool = new ArrayPool(backend);
        LanguageModel model = Models.create(config.model().withVocabularySize(4), backend, 1)) {
      backend.fill(model.parameters().weights().flat(), 0);
      // 49 targets: six whole windows of 8, in batches of 4 and 2.
      EvaluationResult all = new Evaluation(text, 4, 8, 0).run(model, pool, new SingleProcess());
      assertThat(all.tokens()).isEqualTo(48);
      assertThat(all.loss()).isCloseTo(Math.log(4), within(1e-6));
      assertThat(all.bitsPerByte()).isCloseTo(2.0 * 50 / 62, within(1e-6));
      EvaluationResult some = new Evaluation(text, 4, 8, 1).run(model, pool, new SingleProcess());
      assertThat(some.tokens()).isEqualTo(32);
    }
  }
}
