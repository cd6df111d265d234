package dev.firesteel.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.firesteel.config.DataConfig;
import dev.firesteel.error.UserException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BatchesTest {
  @TempDir Path folder;

  @Test
  void targetsAreTheInputsOneTokenOn() throws IOException {
    TokenDataset data = Fixture.counting(folder, 101);
    SampleOrder order = SampleOrder.of(DataConfig.Sampling.SHUFFLED_WINDOWS, 1, data.tokens(), 10);
    var batch = new Batch(4, 10);
    new TrainingBatches(data, order).read(3, batch);

    for (int row = 0; row < 4; row++) {
      for (int t = 0; t < 10; t++) {
        int expected = (int) order.start(3 + row) + t;
        assertThat(batch.inputs()[row * 10 + t]).isEqualTo(expected);
        assertThat(batch.targets()[row * 10 + t]).isEqualTo(expected + 1);
      }
    }
  }

  @Test
  void aStepHoldsTheSameSamplesHoweverItIsCut() throws IOException {
    TokenDataset data = Fixture.counting(folder, 101);
    var batches =
        new TrainingBatches(
            data, SampleOrder.of(DataConfig.Sampling.RANDOM_OFFSETS, 1, data.tokens(), 10));
    var whole = new Batch(6, 10);
    batches.read(12, whole);

    var half = new Batch(3, 10);
    for (int slot = 0; slot < 2; slot++) {
      batches.read(12 + 3 * slot, half);
      assertThat(half.inputs())
          .containsExactly(java.util.Arrays.copyOfRange(whole.inputs(), slot * 30, slot * 30 + 30));
      assertThat(half.targets())
          .containsExactly(
              java.util.Arrays.copyOfRange(whole.targets(), slot * 30, slot * 30 + 30));
    }
  }

  @Test
  void validationTakesEachTargetOnceInOrder() throws IOException {
    TokenDataset data = Fixture.counting(folder, 58);
    var validation = new ValidationBatches(data, 2, 8, 0);

    assertThat(validation.targets()).isEqualTo(56);
    for (int pass = 0; pass < 2; pass++) {
      List<Integer> targets = new ArrayList<>();
      List<Integer> rows = new ArrayList<>();
      for (Batch batch : validation) {
        rows.add(batch.sequences());
        for (int target : batch.targets()) {
          targets.add(target);
        }
      }
      assertThat(rows).containsExactly(2, 2, 2, 1);
      assertThat(targets).isEqualTo(java.util.stream.IntStream.rangeClosed(1, 56).boxed().toList());
    }
  }

  @Test
  void validationStopsAfterTheBatchesAskedFor() throws IOException {
    var validation = new ValidationBatches(Fixture.counting(folder, 58), 2, 8, 2);

    assertThat(validation.targets()).isEqualTo(32);
    assertThat(validation).hasSize(2);
  }

  @Test
  void refusesValidationTextShorterThanOneSequence() throws IOException {
    TokenDataset data = Fixture.counting(folder, 8);

    assertThatThrownBy(() -> new ValidationBatches(data, 2, 8, 0))
        .isInstanceOf(UserException.class)
        .hasMessage(
            "the validation text must have at least training.sequence_length + 1 = 9 tokens, got 8:"
                + " raise data.validation_fraction or lower training.sequence_length");
  }
}
