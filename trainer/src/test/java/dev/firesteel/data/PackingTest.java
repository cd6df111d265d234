package dev.firesteel.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.firesteel.random.RandomStream;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class PackingTest {
  @Test
  void eachItemGoesWhereTheLeastRoomIsLeft() {
    // 6 and 4 fill a row, 5 and 5 another one, 3 begins a third.
    List<int[]> rows = Packing.bestFit(new int[] {4, 5, 3, 6, 5}, 10);
    assertThat(rows).containsExactly(new int[] {0, 3}, new int[] {1, 4}, new int[] {2});
  }

  @Test
  void theLastRowWithTheSameRoomIsUsedFirst() {
    List<int[]> rows = Packing.bestFit(new int[] {7, 7, 3}, 10);
    assertThat(rows).containsExactly(new int[] {0}, new int[] {1, 2});
  }

  @Test
  void noItemIsCutOrLost() {
    RandomStream random = RandomStream.of(1, "lengths");
    int[] lengths = new int[500];
    for (int i = 0; i < lengths.length; i++) {
      lengths[i] = 1 + random.nextInt(64);
    }
    List<int[]> rows = Packing.bestFit(lengths, 64);
    assertThat(rows.stream().flatMapToInt(Arrays::stream).sorted().toArray())
        .isEqualTo(IntStream.range(0, 500).toArray());
    for (int[] row : rows) {
      assertThat(Arrays.stream(row).map(item -> lengths[item]).sum()).isLessThanOrEqualTo(64);
      assertThat(row).isSorted();
    }
    int least = (Arrays.stream(lengths).sum() + 63) / 64;
    assertThat(rows.size()).isLessThanOrEqualTo((11 * least + 8) / 9 + 1);
  }

  @Test
  void nothingMakesNoRows() {
    assertThat(Packing.bestFit(new int[0], 8)).isEmpty();
  }

  @Test
  void refusesAnItemThatIsLongerThanARow() {
    assertThatThrownBy(() -> Packing.bestFit(new int[] {3, 9}, 8))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("packing: an item must fit into a row of 8, got 9");
  }
}
