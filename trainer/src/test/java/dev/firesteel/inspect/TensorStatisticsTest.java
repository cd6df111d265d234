package dev.firesteel.inspect;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.firesteel.array.Shape;
import java.io.IOException;
import org.junit.jupiter.api.Test;

class TensorStatisticsTest {
  @Test
  void areThoseOfTheDefinition() {
    TensorStatistics statistics = TensorStatistics.of(1, 0, -2, 5, 0);

    assertThat(statistics.elements()).isEqualTo(5);
    assertThat(statistics.min()).isEqualTo(-2);
    assertThat(statistics.max()).isEqualTo(5);
    assertThat(statistics.mean()).isCloseTo(0.8, within(1e-15));
    assertThat(statistics.std()).isCloseTo(Math.sqrt(26.8 / 5), within(1e-15));
    assertThat(statistics.norm()).isCloseTo(Math.sqrt(30), within(1e-15));
    assertThat(statistics.zeros()).isEqualTo(0.4);
    assertThat(statistics.isFinite()).isTrue();
  }

  @Test
  void leaveOutWhatIsNotFinite() {
    TensorStatistics statistics =
        TensorStatistics.of(3, Float.NaN, Float.NEGATIVE_INFINITY, 1, Float.NaN);

    assertThat(statistics.nan()).isEqualTo(2);
    assertThat(statistics.infinite()).isEqualTo(1);
    assertThat(statistics.mean()).isEqualTo(2);
    assertThat(statistics.std()).isEqualTo(1);
    assertThat(statistics.isFinite()).isFalse();
    assertThat(TensorStatistics.of(Float.NaN).max()).isNaN();
  }

  @Test
  void ofManyPartsAreAsOfOne() throws IOException {
    int size = 3 * StoredTensor.PART + 17;
    float offset = 4096;
    StoredTensor tensor =
        new StoredTensor(
            "f",
            "t",
            "F32",
            Shape.of(size),
            (from, into, count) -> {
              for (int i = 0; i < count; i++) {
                into[i] = offset + (((from + i) & 1) == 0 ? 0.5f : -0.5f);
              }
            });

    TensorStatistics statistics = TensorStatistics.of(tensor);

    assertThat(statistics.elements()).isEqualTo(size);
    // A sum of squares would have lost the deviation to the mean.
    assertThat(statistics.std()).isCloseTo(0.5, within(1e-9));
    assertThat(statistics.mean()).isCloseTo(offset, within(1e-5));
  }
}
