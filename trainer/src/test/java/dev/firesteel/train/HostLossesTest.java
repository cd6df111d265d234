package dev.firesteel.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.firesteel.array.ArrayPool;
import dev.firesteel.array.DType;
import dev.firesteel.array.NdArray;
import dev.firesteel.array.Shape;
import dev.firesteel.backend.Backend;
import dev.firesteel.backend.reference.ReferenceBackend;
import dev.firesteel.collective.Collective;
import dev.firesteel.collective.SingleProcess;
import dev.firesteel.collective.ThreadCollective;
import dev.firesteel.loss.LossMeasures;
import dev.firesteel.loss.LossMetrics;
import dev.firesteel.metrics.Measures;
import dev.firesteel.nn.ForwardPass;
import dev.firesteel.nn.Initializer;
import dev.firesteel.nn.Parameter;
import dev.firesteel.nn.ParameterSet;
import dev.firesteel.nn.Segment;
import dev.firesteel.random.RandomStream;
import dev.firesteel.tensor.Tape;
import dev.firesteel.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Losses that the host computes, and the measures of their parts. */
class HostLossesTest {
  private static final int PARTS = 12;

  private static LossMeasures part(int index) {
    RandomStream random = RandomStream.of(4, "part", index);
    return LossMeasures.none()
        .share(LossMetrics.MARGIN, random.nextGaussian())
        .least(LossMetrics.MIN_REWARD, random.nextGaussian())
        .greatest(LossMetrics.MAX_REWARD, random.nextGaussian());
  }

  private static Measures total(Collective collective) {
    MeasureSum sum = new MeasureSum(PARTS);
    int share = PARTS / collective.worldSize();
    for (int i = 0; i < share; i++) {
      sum.add(part(collective.rank() * share + i));
    }
    return sum.total(collective);
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 4})
  void measuresOfPartsHaveTheSameBitsOnAnyNumberOfRanks(int ranks) throws Exception {
    Measures one = total(new SingleProcess());
    double sum = 0;
    double least = Double.POSITIVE_INFINITY;
    for (int i = 0; i < PARTS; i++) {
      Measures part = part(i).measures();
      sum += part.get(LossMetrics.MARGIN).orElseThrow();
      least = Math.min(least, part.get(LossMetrics.MIN_REWARD).orElseThrow());
    }
    assertThat(one.get(LossMetrics.MARGIN).orElseThrow()).isCloseTo(sum, within(1e-12));
    assertThat(one.get(LossMetrics.MIN_REWARD).orElseThrow()).isEqualTo(least);
    ExecutorService threads = Executors.newFixedThreadPool(ranks);
    try {
      List<Future<Measures>> futures = new ArrayList<>();
      for (Collective rank : ThreadCollective.world(ranks)) {
        futures.add(threads.submit(() -> total(rank)));
      }
      for (Future<Measures> future : futures) {
        assertThat(future.get()).isEqualTo(one);
      }
    } finally {
      threads.shutdownNow();
    }
  }

  private interface LossOf {
    TapeLoss of(Tensor weights);
  }

  /** The loss of the weights 2, -1, 3, and its gradient of them. */
  private static double[] gradient(LossOf loss, double value) {
    ParameterSet.Builder builder = ParameterSet.builder();
    Parameter weights = builder.declare("weights", Shape.of(3), Initializer.constant(0));
    try (Backend backend = new ReferenceBackend();
        ArrayPool pool = new ArrayPool(backend);
        ParameterSet parameters = builder.build()) {
      parameters.allocate(backend, DType.F32);
      backend.upload(new double[] {2, -1, 3}, 0, parameters.weights().view(weights));
      try (Segment gradients = parameters.newSegment();
          Tape tape = Tape.training(backend, pool)) {
        ForwardPass pass = ForwardPass.training(tape, parameters, gradients, 1);
        TapeLoss made = loss.of(pass.tensor(weights));
        assertThat(made.value()).isEqualTo(value);
        List<NdArray> complete = new ArrayList<>();
        made.backward(complete::add);
        assertThat(complete).hasSize(1);
        double[] values = new double[3];
        backend.download(gradients.view(weights), values, 0);
        return values;
      }
    }
  }

  @Test
  void aLossOnTheTapeIsItsValue() {
    assertThat(gradient(weights -> TapeLoss.of(weights.multiply(weights).sum()), 14))
        .containsExactly(4, -2, 6);
  }

  /** The outputs are squares; the host's gradient of them is multiplied by their own. */
  @Test
  void aLossOfTheHostBeginsBackwardWithItsGradient() {
    double[] ofOutputs = {1, 0.5, -2};
    assertThat(gradient(weights -> TapeLoss.of(7.25, weights.multiply(weights), ofOutputs), 7.25))
        .containsExactly(4, -1, -12);
  }
}
