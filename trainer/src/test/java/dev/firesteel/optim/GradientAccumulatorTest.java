package dev.firesteel.optim;

import static org.assertj.core.api.Assertions.assertThat;

import dev.firesteel.array.DType;
import dev.firesteel.array.Shape;
import dev.firesteel.backend.Backend;
import dev.firesteel.backend.reference.ReferenceBackend;
import dev.firesteel.nn.Initializer;
import dev.firesteel.nn.ParameterSet;
import dev.firesteel.nn.Segment;
import dev.firesteel.random.RandomStream;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

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
  @CsvSource({"8, 2", "8, 4", "8, 8", "16, 4", "64, 2"})
  void ranksThatAddTheirSumsPairwiseGetTheBitsOfOne(int slots, int ranks) {
    assertThat(split(slots, ranks)).isEqualTo(sum(0, slots));
  }

  private float[] split(int slots, int ranks) {
    List<float[]> sums = new ArrayList<>();
    for (int rank = 0; rank < ranks; rank++) {
      sums.add(sum(rank * (slots / ranks), (rank + 1) * (slots / ranks)));
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

  private float[] sum(int from, int to) {
    try (GradientAccumulator accumulator = new GradientAccumulator(parameters)) {
      return sum(accumulator, from, to);
    }
  }

  private float[] sum(GradientAccumulator accumulator, int from, int to) {
    for (int slot = from; slot < to; slot++) {
      Segment gradients = accumulator.next();
      RandomStream random = RandomStream.of(7, "gradient", slot);
      float[] values = new float[SIZE];
      for (int i = 0; i < SIZE; i++) {
        values[i] = (float) random.nextGaussian();
      }
      backend.upload(values, 0, gradients.flat());
      accumulator.add(gradients);
    }
    float[] total = new float[SIZE];
    backend.download(accumulator.total().flat(), total, 0);
    return total;
  }

  @Test
  void holdsOneSegmentForEachLevelOfTheTree() {
    try (GradientAccumulator accumulator = new GradientAccumulator(parameters)) {
      float[] first = sum(accumulator, 0, 16);
      float[] second = sum(accumulator, 0, 16);

      assertThat(accumulator.segments()).isEqualTo(5);
      assertThat(second).isEqualTo(first);
    }
  }
}
