package dev.firesteel.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import dev.firesteel.backend.Precision;
import org.junit.jupiter.api.Test;

class DecodeBenchmarkTest {
  /** 2 layers, width 64, vocabulary 257, its embedding the head. */
  private static final TrainingShape SHAPE = TrainingShape.TINY;

  @Test
  void aStepReadsWeightsOnceAndTheCacheOfEachSequence() {
    double weights = SHAPE.multipliedParameters();
    // Keys and values of 2 layers after the prompt and half of the tokens.
    double cache = 2 * 2 * 64 * (GenerationTask.PROMPT + 4);

    assertThat(DecodeBenchmark.bytesOfStep(new GenerationTask(SHAPE, 1, 8), Precision.FP32))
        .isEqualTo(4 * weights + 4 * cache);
    assertThat(DecodeBenchmark.bytesOfStep(new GenerationTask(SHAPE, 16, 8), Precision.BF16))
        .isEqualTo(2 * weights + 16 * 4 * cache);
  }
}
