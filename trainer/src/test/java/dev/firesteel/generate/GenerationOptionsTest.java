package dev.firesteel.generate;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.firesteel.error.UserException;
import java.util.List;
import org.junit.jupiter.api.Test;

class GenerationOptionsTest {
  private static void assertRefused(GenerationOptions.Builder builder, String message) {
    assertThatThrownBy(builder::build).isInstanceOf(UserException.class).hasMessage(message);
  }

  private static GenerationOptions.Builder options() {
    return GenerationOptions.builder();
  }

  @Test
  void refusesWhatMakesNoSense() {
    assertRefused(options().maxTokens(0), "max tokens must be at least 1, got 0");
    assertRefused(options().temperature(-1), "temperature must be at least 0, got -1.0");
    assertRefused(options().topK(-1), "top-k must be at least 0, got -1");
    assertRefused(options().topP(0), "top-p must be greater than 0 and at most 1, got 0.0");
    assertRefused(options().minP(1.5), "min-p must be between 0 and 1, got 1.5");
    assertRefused(
        options().repetitionPenalty(0), "the repetition penalty must be greater than 0, got 0.0");
    assertRefused(options().beams(0), "beams must be at least 1, got 0");
    assertRefused(
        options().lengthPenalty(Double.NaN), "the length penalty must be a finite number, got NaN");
    assertRefused(
        options().beams(2).temperature(1),
        "beam search does not sample, so temperature must be 0 with beams 2, got 1.0");
    assertRefused(options().stopStrings(List.of("")), "a stop string must not be empty, got one");
  }
}
