package dev.firesteel.spark.driver;

import static org.assertj.core.api.Assertions.assertThat;

import dev.firesteel.config.ConfigLoader;
import dev.firesteel.config.PretrainConfig;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TrainerCountTest {
  @ParameterizedTest
  @CsvSource({
    // cluster.trainers, microBatches, requested, awaited
    "0, 8, 5, 4",
    "0, 8, 3, 2",
    "0, 4, 16, 4",
    "0, 12, 100, 4",
    "0, 3, 2, 1",
    "0, 8, 0, 1",
    "2, 8, 16, 2",
    "3, 12, 3, 3",
  })
  void waitsForNoMoreTrainersThanItCanUse(
      int trainers, int microBatches, int requested, int awaited) {
    assertThat(new TrainerCount(config(trainers, microBatches), requested).awaited())
        .isEqualTo(awaited);
  }

  @Test
  void waitsForThoseThatWereLost() {
    TrainerCount count = new TrainerCount(config(0, 8), 4);
    assertThat(count.next(4)).isEqualTo(4);
    count.ended(false);
    assertThat(count.awaited()).isEqualTo(4);
    assertThat(count.next(3)).isEqualTo(2);
    assertThat(count.awaited()).isEqualTo(4);
    assertThat(count.growInterval()).hasSeconds(60);
    assertThat(count.disappointment(2)).isEmpty();
  }

  @Test
  void growsAgainAfterwards() {
    TrainerCount count = onTwoOfFour();
    count.ended(true);
    count.grow(2);
    assertThat(count.isGrowing()).isTrue();
    assertThat(count.next(4)).isEqualTo(4);
    count.ended(true);
    assertThat(count.isGrowing()).isFalse();
    assertThat(count.growInterval()).hasSeconds(60);
    assertThat(count.disappointment(4)).isEmpty();
  }

  @Test
  void executorsThatAreGoneAgainAreTriedLessAndLessOften() {
    TrainerCount count = onTwoOfFour();
    for (long seconds : new long[] {120, 240, 480}) {
      count.ended(true);
      count.grow(2);
      assertThat(count.next(3)).isEqualTo(2);
      assertThat(count.isGrowing()).isFalse();
      assertThat(count.growInterval()).hasSeconds(seconds);
      assertThat(count.disappointment(2))
          .hasValue(
              "More trainers could not be added: the run continues with 2 and looks for room again after %d s"
                  .formatted(seconds));
      assertThat(count.disappointment(2)).as("told once").isEmpty();
    }
  }

  @Test
  void executorsThatCannotTrainAreLeftAloneUntilTheNextAttempt() {
    TrainerCount count = onTwoOfFour();
    count.ended(true);
    count.grow(2);
    assertThat(count.next(4)).isEqualTo(4);
    // It failed before its first checkpoint.
    count.ended(false);
    assertThat(count.awaited()).as("not the four that it failed with").isEqualTo(2);
    assertThat(count.next(4)).isEqualTo(2);
    assertThat(count.disappointment(2)).isPresent();
    assertThat(count.growInterval()).hasSeconds(120);

    // The next attempt may take them, and counts when it lasts.
    count.ended(true);
    count.grow(2);
    assertThat(count.awaited()).isEqualTo(4);
    assertThat(count.next(4)).isEqualTo(4);
    count.ended(true);
    assertThat(count.growInterval()).hasSeconds(60);
  }

  @Test
  void triesLongerThanAnyRunInTheEnd() {
    TrainerCount count = onTwoOfFour();
    for (int attempt = 0; attempt < 100; attempt++) {
      count.ended(true);
      count.grow(2);
      count.next(2);
    }
    assertThat(count.growInterval()).isGreaterThan(Duration.ofDays(365));
  }

  @Test
  void neverGrowsWhereThatIsTurnedOff() {
    PretrainConfig config = config(0, 8, "cluster.grow_seconds=0");
    assertThat(new TrainerCount(config, 4).growInterval()).isZero();
  }

  private static TrainerCount onTwoOfFour() {
    TrainerCount count = new TrainerCount(config(0, 8), 4);
    assertThat(count.next(2)).isEqualTo(2);
    return count;
  }

  private static PretrainConfig config(int trainers, int microBatches, String... more) {
    List<String> overrides = new ArrayList<>(List.of(more));
    overrides.add("cluster.trainers=" + trainers);
    overrides.add("training.micro_batch_size=2");
    overrides.add("training.global_batch_size=" + 2 * microBatches);
    return ConfigLoader.parse(
        PretrainConfig.class, "data: {source: text.txt}", "the test", overrides);
  }
}
