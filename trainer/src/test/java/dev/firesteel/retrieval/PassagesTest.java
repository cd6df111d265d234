package dev.firesteel.retrieval;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.firesteel.error.UserException;
import dev.firesteel.random.RandomStream;
import dev.firesteel.tokenizer.BpeTokenizer;
import dev.firesteel.tokenizer.Tokenizer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PassagesTest {
  private static final Tokenizer BYTES = BpeTokenizer.bytes();

  private static List<Passage> cut(String text, int most, int overlap) {
    return new Passages(BYTES, most, overlap).of("a.txt", text);
  }

  @Test
  void cutsAtLinesAndSharesTheLastOnes() {
    assertThat(cut("aaaa\nbbbb\ncccc\ndddd\n", 10, 0))
        .containsExactly(
            new Passage("a.txt", 1, "aaaa\nbbbb\n"), new Passage("a.txt", 3, "cccc\ndddd\n"));
    assertThat(cut("aaaa\nbbb\ncccc\ndddd\n", 14, 5))
        .containsExactly(
            new Passage("a.txt", 1, "aaaa\nbbb\ncccc\n"), new Passage("a.txt", 3, "cccc\ndddd\n"));
    assertThat(cut(" \n\n", 10, 0)).isEmpty();
    assertThat(cut("", 10, 0)).isEmpty();
  }

  @Test
  void cutsLongLinesBetweenWords() {
    assertThat(cut("one two three four five", 12, 0))
        .extracting(Passage::text)
        .containsExactly("one two ", "three ", "four five");
  }

  @Test
  void everyTextIsCoveredAndNoPassageIsTooLong() {
    for (int seed = 0; seed < 200; seed++) {
      RandomStream random = RandomStream.of(seed, "text");
      StringBuilder text = new StringBuilder();
      for (int i = random.nextInt(400); i > 0; i--) {
        text.append(
            List.of("a", "b ", "\n", "\u00e4", "\ud83d\ude42", "word ").get(random.nextInt(6)));
      }
      int most = 8 + random.nextInt(40);
      int covered = 0;
      for (Passage passage : cut(text.toString(), most, 0)) {
        assertThat(BYTES.encode(passage.text()).length)
            .as("seed %d", seed)
            .isLessThanOrEqualTo(most);
        int at = text.indexOf(passage.text(), covered);
        assertThat(text.substring(covered, at)).as("seed %d", seed).isBlank();
        assertThat(passage.line())
            .as("seed %d", seed)
            .isEqualTo(1 + (int) text.substring(0, at).chars().filter(c -> c == '\n').count());
        covered = at + passage.text().length();
      }
      assertThat(text.substring(covered)).as("seed %d", seed).isBlank();
      for (Passage passage : cut(text.toString(), most, random.nextInt((most - 1) / 2))) {
        assertThat(BYTES.encode(passage.text()).length)
            .as("seed %d", seed)
            .isLessThanOrEqualTo(most);
        assertThat(text).contains(passage.text());
      }
    }
  }

  @Test
  void refusesPassagesThatAreTooShort() {
    assertThatThrownBy(() -> cut("a", 7, 0))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("use a model with a longer context");
    assertThatThrownBy(() -> cut("a", 10, 5)).isInstanceOf(UserException.class);
  }

  @Test
  void readsTheTextFilesOfAFolder(@TempDir Path folder) throws Exception {
    Files.writeString(folder.resolve("b.txt"), "second");
    Files.createDirectory(folder.resolve("a"));
    Files.writeString(folder.resolve("a/first.md"), "first");
    Files.write(folder.resolve("image"), new byte[] {(byte) 0x89, 'P', 'N', 'G'});
    Files.write(folder.resolve("zeros"), new byte[4]);
    Files.createDirectory(folder.resolve(".git"));
    Files.writeString(folder.resolve(".git/config"), "hidden");

    DocumentFolder read = DocumentFolder.read(folder);

    assertThat(read.documents())
        .containsExactly(
            new DocumentFolder.TextDocument("a/first.md", "first"),
            new DocumentFolder.TextDocument("b.txt", "second"));
    assertThat(read.skipped()).containsExactly("image", "zeros");
    assertThatThrownBy(() -> DocumentFolder.read(folder.resolve("none")))
        .hasMessageContaining("--documents must be a folder of text files");
    assertThatThrownBy(() -> DocumentFolder.read(Files.createDirectory(folder.resolve("empty"))))
        .hasMessageContaining("without any: put text files there");
  }
}
