package dev.firesteel.retrieval;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.firesteel.error.UserException;
import dev.firesteel.retrieval.DocumentIndex.Found;
import java.util.List;
import org.junit.jupiter.api.Test;

class DocumentIndexTest {
  private static final List<Passage> PASSAGES =
      List.of(
          new Passage("fox.txt", 1, "The fox lives in a den."),
          new Passage("owl.txt", 1, "An owl lives in a hollow tree."),
          new Passage("sea.txt", 4, "Waves come and go."));
  private static final List<float[]> VECTORS =
      List.of(new float[] {1, 0}, new float[] {0, 1}, new float[] {0.6f, 0.8f});

  private static List<String> sources(List<Found> found) {
    return found.stream().map(each -> each.passage().source()).toList();
  }

  @Test
  void fusesTheRanksOfWordsAndOfMeaning() {
    try (DocumentIndex index = DocumentIndex.of(PASSAGES, VECTORS)) {
      assertThat(index.size()).isEqualTo(3);
      // By words only the fox; by meaning the sea, then the owl, then the fox.
      List<Found> found = index.search("Fox?", new float[] {0.5f, 0.8660254f}, 3);
      assertThat(sources(found)).containsExactly("fox.txt", "sea.txt", "owl.txt");
      assertThat(found.get(0).score()).isCloseTo(1.0 / 63 + 1.0 / 61, within(0.01));
      assertThat(found.get(2).score()).isLessThan(found.get(1).score());
      assertThat(sources(index.search("Fox?", new float[] {0, 1}, 1))).hasSize(1);
    }
  }

  @Test
  void findsByMeaningAloneWhereNoWordFits() {
    try (DocumentIndex index = DocumentIndex.of(PASSAGES, VECTORS)) {
      assertThat(sources(index.search("zzz", new float[] {0, 1}, 2)))
          .containsExactly("owl.txt", "sea.txt");
      // No words at all, and what a query parser would stumble over.
      assertThat(sources(index.search("?! ( \" [", new float[] {1, 0}, 1)))
          .containsExactly("fox.txt");
    }
  }

  @Test
  void refusesWhatLuceneCannotHold() {
    assertThatThrownBy(() -> DocumentIndex.of(List.of(), List.of()))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("put text files into the folder");
    assertThatThrownBy(() -> DocumentIndex.of(PASSAGES.subList(0, 1), List.of(new float[1025])))
        .hasMessageContaining("at most 1024 numbers, as Lucene has it, got 1025");
  }
}
