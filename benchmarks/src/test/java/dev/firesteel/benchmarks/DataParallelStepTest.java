package dev.firesteel.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.firesteel.benchmarks.CollectiveCost.Algorithm;
import dev.firesteel.benchmarks.DataParallelStep.Work;
import dev.firesteel.optim.GradientExchange;
import org.junit.jupiter.api.Test;

class DataParallelStepTest {
  private static final int BUCKETS = 10;
  private static final long PARAMETERS = (long) BUCKETS * GradientExchange.BUCKET_ELEMENTS;
  private static final double BUCKET_BYTES = GradientExchange.BUCKET_ELEMENTS * 4.0;

  /** One second forward, two backward, in each of four slots. */
  private static final Work WORK = new Work(PARAMETERS, 4, 1, 2.0 * PARAMETERS);

  private static DataParallelStep step(double secondsPerBucket) {
    Network network = new Network(0, secondsPerBucket / (BUCKET_BYTES / 2), 1, 16, 1);
    HostCost host = new HostCost(0, 0, 0, 0);
    return DataParallelStep.of(WORK, new CollectiveCost(Algorithm.HALVING, host, network, 0, 2));
  }

  @Test
  void aNetworkWithoutCostLeavesAllTimeToComputing() {
    DataParallelStep free = step(0);

    assertThat(free.computeSeconds()).isEqualTo(12);
    assertThat(free.exposedSeconds()).isCloseTo(0, within(1e-12));
    assertThat(free.efficiency()).isCloseTo(1, within(1e-12));
  }

  @Test
  void aFastNetworkExposesTheLastBucketAndTheGathering() {
    // A bucket is ready every 0.2 s.
    double transfer = 0.1;

    assertThat(step(transfer).exposedSeconds())
        .isCloseTo(transfer + BUCKETS * transfer, within(1e-9));
  }

  @Test
  void aSlowNetworkIsHiddenByTheLastBackwardPassFromItsFirstBucketOn() {
    double transfer = 1.5;
    double summed = 0.2 + BUCKETS * transfer;
    double exposed = summed - 2 + BUCKETS * transfer;

    assertThat(step(transfer).exposedSeconds()).isCloseTo(exposed, within(1e-9));
    assertThat(step(transfer).efficiency()).isCloseTo(12 / (12 + exposed), within(1e-9));
  }

  @Test
  void smallCallsAreAllExposed() {
    HostCost host = new HostCost(0.25, 0, 0, 0);
    Network instant = new Network(0, 0, 1, 16, 1);
    CollectiveCost cost = new CollectiveCost(Algorithm.HALVING, host, instant, 0, 2);

    assertThat(DataParallelStep.of(WORK, cost).exposedSeconds())
        .isCloseTo(0.25 * DataParallelStep.SMALL_CALLS, within(1e-12));
  }
}
