package dev.firesteel.spark.driver;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.firesteel.config.ConfigLoader;
import dev.firesteel.config.PretrainConfig;
import dev.firesteel.error.UserException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class WorldSizeTest {
  @ParameterizedTest
  @CsvSource({
    // trainers, microBatches, room, expected
    "0, 8, 1, 1",
    "0, 8, 3, 2",
    "0, 8, 100, 8",
    "0, 12, 100, 4",
    "0, 3, 2, 1",
    "3, 12, 3, 3",
    "3, 12, 2, 2",
    "8, 8, 7, 4",
    "2, 8, 8, 2",
  })
  void isWhatIsWantedOrTheLargestPowerOfTwoThatThereIsRoomFor(
      int trainers, int microBatches, int room, int expected) {
    assertThat(WorldSize.choose(config(trainers, microBatches), room)).isEqualTo(expected);
  }

  @Test
  void fewerThanTheLeastEndTheRun() {
    PretrainConfig config = config(4, 8, "cluster.min_trainers=2");
    assertThat(WorldSize.choose(config, 3)).isEqualTo(2);
    assertThatThrownBy(() -> WorldSize.choose(config, 1))
        .isInstanceOf(UserException.class)
        .hasMessage(
            "training needs at least 2 trainers (cluster.min_trainers), and there is room for 1 after 60 seconds (cluster.wait_seconds): give the application more executors, or lower cluster.min_trainers");
  }

  @Test
  void trainersMustShareTheSlotsEvenly() {
    assertThatThrownBy(() -> WorldSize.choose(config(3, 8), 3))
        .isInstanceOf(UserException.class)
        .hasMessage(
            "cluster.trainers must divide the micro-batches of a step (training.global_batch_size / training.micro_batch_size = 8), got 3: change one of them");
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
