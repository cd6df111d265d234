package dev.firesteel.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.firesteel.config.BatchingConfig.Packing;
import dev.firesteel.example.TrainedTokens;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

class ExampleBatchesTest {
  /** Tokens from {@code first} on, trained from a position on. */
  private static TrainedTokens document(int first, int length, int trainedFrom) {
    int[] tokens = new int[length];
    boolean[] trained = new boolean[length];
    for (int i = 0; i < length; i++) {
      tokens[i] = first + i;
      trained[i] = i >= trainedFrom;
    }
    return new TrainedTokens(tokens, trained);
  }

  private static List<TrainedTokens> documents() {
    return List.of(
        document(100, 5, 3), document(200, 9, 1), document(300, 3, 2), document(400, 6, 4));
  }

  @Test
  void targetsAreTheNextTokensThatAreTrained() {
    ExampleBatches batches = new ExampleBatches(List.of(document(100, 5, 3)), Packing.NONE, 16, 1);
    ExampleBatch batch = batches.read(0, 1);
    assertThat(Arrays.copyOf(batch.inputs(), 5)).containsExactly(100, 101, 102, 103, 0);
    assertThat(Arrays.copyOf(batch.targets(), 5)).containsExactly(-1, -1, 103, 104, -1);
    assertThat(batch.targetCount()).isEqualTo(2);
    assertThat(batch.tokens()).isEqualTo(4);
    assertThat(batch.layout().tokens()).isEqualTo(16);
  }

  @Test
  void rowsAreAsLongAsTheFullestOneNeedsInStepsOfSixteen() {
    List<TrainedTokens> documents = List.of(document(0, 18, 1), document(100, 4, 1));
    ExampleBatches batches = new ExampleBatches(documents, Packing.NONE, 40, 1);
    assertThat(batches.inOrder(2, 0).get(0).layout().tokens()).isEqualTo(32);
    assertThat(batches.inOrder(1, 0))
        .extracting(one -> one.layout().tokens())
        .containsExactly(32, 16);
    ExampleBatches shorter = new ExampleBatches(documents, Packing.NONE, 17, 1);
    assertThat(shorter.inOrder(2, 0).get(0).layout().tokens()).isEqualTo(17);
  }

  @Test
  void documentsOfARowFollowOneAnotherAndAttendToThemselves() {
    ExampleBatches batches = new ExampleBatches(documents(), Packing.BEST_FIT, 12, 1);
    assertThat(batches.rows()).isEqualTo(2); // 8 + 4 places, 5 + 2 places
    List<ExampleBatch> rows = batches.inOrder(1, 0);
    ExampleBatch first = rows.get(0);
    assertThat(first.inputs())
        .containsExactly(100, 101, 102, 103, 200, 201, 202, 203, 204, 205, 206, 207);
    assertThat(first.targets())
        .containsExactly(-1, -1, 103, 104, 201, 202, 203, 204, 205, 206, 207, 208);
    int[] ranges = first.layout().full();
    assertThat(Arrays.copyOfRange(ranges, 0, 2)).containsExactly(0, 4);
    assertThat(Arrays.copyOfRange(ranges, 8, 10)).containsExactly(4, 12);
  }

  @Test
  void anEpochHasEachRowOnceAndEpochsDiffer() {
    List<TrainedTokens> documents = new ArrayList<>();
    for (int i = 0; i < 20; i++) {
      documents.add(document(100 * i, 3, 1));
    }
    ExampleBatches batches = new ExampleBatches(documents, Packing.NONE, 16, 5);
    List<Integer> first = firstTokens(batches, 0, 20);
    List<Integer> second = firstTokens(batches, 20, 20);
    assertThat(new TreeSet<>(first)).hasSize(20);
    assertThat(new TreeSet<>(second)).hasSize(20);
    assertThat(second).isNotEqualTo(first);
    assertThat(firstTokens(batches, 15, 10))
        .isEqualTo(
            new ArrayList<>(
                List.of(
                    first.get(15),
                    first.get(16),
                    first.get(17),
                    first.get(18),
                    first.get(19),
                    second.get(0),
                    second.get(1),
                    second.get(2),
                    second.get(3),
                    second.get(4))));
    assertThat(firstTokens(new ExampleBatches(documents, Packing.NONE, 16, 6), 0, 20))
        .isNotEqualTo(first);
  }

  private static List<Integer> firstTokens(ExampleBatches batches, long first, int count) {
    ExampleBatch batch = batches.read(first, count);
    List<Integer> tokens = new ArrayList<>();
    for (int row = 0; row < count; row++) {
      tokens.add(batch.inputs()[row * batch.layout().tokens()]);
    }
    return tokens;
  }

  @Test
  void countsTargetsAndTokensAsItReadsThem() {
    for (Packing packing : Packing.values()) {
      ExampleBatches batches = new ExampleBatches(documents(), packing, 12, 3);
      int rows = batches.rows();
      for (long first = 0; first < 3; first++) {
        ExampleBatch batch = batches.read(first, rows);
        assertThat(batches.targets(first, rows)).isEqualTo(batch.targetCount());
        assertThat(batches.tokens(first, rows)).isEqualTo(batch.tokens());
      }
      assertThat(batches.targets(0, rows)).isEqualTo(2 + 8 + 1 + 2);
      assertThat(batches.tokens(0, rows)).isEqualTo(4 + 8 + 2 + 5);
    }
  }

  @Test
  void inOrderIsCutAtTheLimit() {
    ExampleBatches batches = new ExampleBatches(documents(), Packing.NONE, 12, 3);
    assertThat(batches.inOrder(3, 0)).extracting(one -> one.layout().batch()).containsExactly(3, 1);
    assertThat(batches.inOrder(3, 1)).extracting(one -> one.layout().batch()).containsExactly(3);
    Set<Integer> starts = new TreeSet<>();
    batches.inOrder(1, 0).forEach(one -> starts.add(one.inputs()[0]));
    assertThat(starts).containsExactly(100, 200, 300, 400);
  }

  @Test
  void refusesNoDocuments() {
    assertThatThrownBy(() -> new ExampleBatches(List.of(), Packing.NONE, 8, 1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("batches need at least one document, got none");
  }
}
