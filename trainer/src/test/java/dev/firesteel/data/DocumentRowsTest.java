package dev.firesteel.data;

import static org.assertj.core.api.Assertions.assertThat;

import dev.firesteel.example.TrainedTokens;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

class DocumentRowsTest {
  @Test
  void aRowHasADocumentWithItsLastToken() {
    TrainedTokens one = new TrainedTokens(new int[] {5, 6, 7}, new boolean[] {false, false, true});
    TrainedTokens two = new TrainedTokens(new int[] {8, 9}, new boolean[] {true, true});
    DocumentRows rows = DocumentRows.of(List.of(one, two));
    assertThat(rows.count()).isEqualTo(2);
    assertThat(rows.ids()).hasSize(32);
    assertThat(Arrays.copyOf(rows.ids(), 4)).containsExactly(5, 6, 7, 0);
    assertThat(Arrays.copyOfRange(rows.ids(), 16, 19)).containsExactly(8, 9, 0);
    // The first token of a document is no target; the last one's place has none.
    assertThat(Arrays.copyOf(rows.targets(), 4)).containsExactly(-1, 7, -1, -1);
    assertThat(Arrays.copyOfRange(rows.targets(), 16, 19)).containsExactly(9, -1, -1);
    assertThat(rows.last()).containsExactly(2, 17);
  }

  @Test
  void rowsHaveAMultipleOfSixteenTokens() {
    for (int length : new int[] {1, 16, 17, 33}) {
      TrainedTokens document = new TrainedTokens(new int[length], new boolean[length]);
      assertThat(DocumentRows.of(List.of(document)).layout().tokens())
          .isEqualTo((length + 15) / 16 * 16);
    }
  }
}
