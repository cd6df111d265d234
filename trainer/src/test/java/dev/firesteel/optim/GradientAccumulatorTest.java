package dev.firesteel.optim;

import static org.assertj.core.api.Assertions.assertThat;

import dev.firesteel.array.DType;
import dev.firesteel.array.Shape;
import dev.firesteel.backend.Backend;
import dev.firesteel.backend.reference.ReferenceBackend;
import dev.firesteel.nn.Initializer;
import dev.firesteel.nn.ParameterSet;
import dev.firesteel.nn.Segment;
import dev.firesteel.nn.SegmentRange;
import dev.firesteel.random.RandomStream;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class GradientAccumulatorTest {
  private static final int SIZE = 256;

  private final Backend backend = new ReferenceBackend();
  private final ParameterSet parameters = parameters();

  private ParameterSet parameters() {
    ParameterSet.Builder declaration = ParameterSet.builder();
    declaration.declare("w", Shape.of(SIZE), Initializer.constant(0));
    ParameterSet set = declaration.build();
    set.allocate(backend, DType.F32);
    return set;
  }

  @ParameterizedTest
  @CsvSource({"8, 2", "8, 4", "8, 8", "16, 4", "64, 2", "6, 2", "12, 2", "12, 4", "40, 8"})
  void ranksThatAddTheirSumsPairwiseGetTheBitsOfOne(int microBatches, int ranks) {
    assertThat(split(microBatches, ranks)).isEqualTo(sum(microBatches, 0, microBatches));
  }

  private float[] split(int microBatches, int ranks) {
    List<float[]> sums = new ArrayList<>();
    for (int rank = 0; rank < ranks; rank++) {
      sums.add(
          sum(microBatches, rank * (microBatches / ranks), (rank + 1) * (microBatches / ranks)));
    }
    while (sums.size() > 1) {
      List<float[]> pairs = new ArrayList<>();
      for (int i = 0; i < sums.size(); i += 2) {
        float[] pair = new float[SIZE];
        for (int j = 0; j < SIZE; j++) {
          pair[j] = sums.get(i)[j] + sums.get(i + 1)[j];
        }
        pairs.add(pair);
      }
      sums = pairs;
    }
    return sums.get(0);
  }

  private float[] sum(int microBatches, int from, int to) {
    try (GradientAccumulator accumulator = new GradientAccumulator(parameters, microBatches)) {
      return sum(accumulator, from, to);
    }
  }

  private float[] sum(GradientAccumulator accumulator, int from, int to) {
    for (int microBatch = from; microBatch < to; microBatch++) {
      accumulator.add(gradients(accumulator, microBatch));
    }
    return download(accumulator.total());
  }

  private Segment gradients(GradientAccumulator accumulator, int microBatch) {
    Segment gradients = accumulator.next();
    RandomStream random = RandomStream.of(7, "gradient", microBatch);
    float[] values = new float[SIZE];
    for (int i = 0; i < SIZE; i++) {
      values[i] = (float) random.nextGaussian();
    }
    backend.upload(values, 0, gradients.flat());
    return gradients;
  }

  private float[] download(Segment segment) {
    float[] values = new float[SIZE];
    backend.download(segment.flat(), values, 0);
    return values;
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 4, 6, 7, 8, 13})
  void theLastSlotMayBeAddedRangeByRange(int microBatches) {
    float[] expected = sum(microBatches, 0, microBatches);
    try (GradientAccumulator accumulator = new GradientAccumulator(parameters, microBatches)) {
      for (int round = 0; round < 2; round++) {
        for (int microBatch = 0; microBatch < microBatches - 1; microBatch++) {
          accumulator.add(gradients(accumulator, microBatch));
        }
        accumulator.addLast(gradients(accumulator, microBatches - 1));
        accumulator.finish(new SegmentRange(100, SIZE));
        accumulator.finish(new SegmentRange(0, 100));
        assertThat(download(accumulator.total())).isEqualTo(expected);
      }
      assertThat(accumulator.segments()).isLessThanOrEqualTo(5);
    }
  }

  @Test
  void holdsOneSegmentForEachLevelOfTheTree() {
    try (GradientAccumulator accumulator = new GradientAccumulator(parameters, 16)) {
      float[] first = sum(accumulator, 0, 16);
      float[] second = sum(accumulator, 0, 16);

      assertThat(accumulator.segments()).isEqualTo(5);
      assertThat(second).isEqualTo(first);
    }
  }
}
