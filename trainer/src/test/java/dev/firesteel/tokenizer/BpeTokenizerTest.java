package dev.firesteel.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.firesteel.error.UserException;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class BpeTokenizerTest {
  private static final BpeTokenizer TRAINED =
      BpeTrainer.builder(1000).build().train(Texts.ownSources().iterator());

  @Test
  void givesBytesTheirOwnValueWithoutMerges() {
    BpeTokenizer bytes = BpeTokenizer.bytes();

    assertThat(bytes.vocabularySize()).isEqualTo(257);
    assertThat(bytes.endOfText()).hasValue(256);
    assertThat(bytes.encode("a é\0")).containsExactly('a', ' ', 0xC3, 0xA9, 0);
    assertThat(bytes.decodeBytes(IntStream.range(0, 256).toArray()))
        .hasSize(256)
        .startsWith(0, 1, 2);
  }

  @Test
  void keepsSpecialTokensInPlainTextAsText() {
    String text = "a<|endoftext|>b";
    int end = TRAINED.endOfText().orElseThrow();

    assertThat(TRAINED.encode(text)).doesNotContain(end);
    assertThat(TRAINED.decode(TRAINED.encode(text))).isEqualTo(text);
    assertThat(TRAINED.encodeWithSpecialTokens(text)).contains(end).hasSize(3);
    assertThat(TRAINED.decode(TRAINED.encodeWithSpecialTokens(text))).isEqualTo(text);
    assertThat(TRAINED.isSpecial(end)).isTrue();
    assertThat(TRAINED.token(end)).isEqualTo("<|endoftext|>");
    assertThat(TRAINED.id("<|startoftext|>")).isEmpty();
  }

  @Test
  void readsALoneSurrogateAsTheReplacementCharacter() {
    assertThat(TRAINED.decode(TRAINED.encode("a\uD83Db\uDE00"))).isEqualTo("a\uFFFDb\uFFFD");
    assertThat(TRAINED.encode("\uD83D")).isEqualTo(TRAINED.encode("\uFFFD"));
  }

  @Test
  void decodesWhatItEncodes() {
    for (long seed = 0; seed < 2_000; seed++) {
      String text = Texts.random(new SplittableRandom(seed));
      assertThat(TRAINED.decode(TRAINED.encode(text))).as("seed %d", seed).isEqualTo(text);
    }
  }

  @Test
  void givesEveryThreadTheSameIds() throws Exception {
    List<String> texts = new ArrayList<>(Texts.hostile());
    for (long seed = 0; seed < 500; seed++) {
      texts.add(Texts.random(new SplittableRandom(seed)));
    }
    BpeTokenizer fresh = (BpeTokenizer) Tokenizers.load(TRAINED.toJson(), "test");
    List<int[]> expected = texts.stream().map(TRAINED::encode).toList();
    ExecutorService pool = Executors.newFixedThreadPool(4);
    try {
      List<Future<List<int[]>>> results = new ArrayList<>();
      for (int i = 0; i < 4; i++) {
        results.add(pool.submit(() -> texts.stream().map(fresh::encode).toList()));
      }
      for (Future<List<int[]>> result : results) {
        assertThat(result.get()).usingElementComparator(Arrays::compare).isEqualTo(expected);
      }
    } finally {
      pool.shutdown();
    }
  }

  @Test
  void comesBackFromItsFile() throws IOException {
    ByteArrayOutputStream file = new ByteArrayOutputStream();
    TRAINED.save(file);
    assertThat(file.toString(StandardCharsets.UTF_8)).isEqualTo(TRAINED.toJson());

    Tokenizer loaded = Tokenizers.load(new ByteArrayInputStream(file.toByteArray()), "test");

    assertThat(loaded).isInstanceOf(BpeTokenizer.class);
    assertThat(loaded.toJson()).isEqualTo(TRAINED.toJson());
    assertThat(loaded.sha256()).isEqualTo(TRAINED.sha256()).matches("[0-9a-f]{64}");
    assertThat(loaded.sha256()).isNotEqualTo(BpeTokenizer.bytes().sha256());
  }

  @Test
  void writesTheSameFileOnEveryMachine() {
    // sha256sum of the file; a change here changes the hash in every data manifest.
    assertThat(BpeTokenizer.bytes().toJson()).startsWith("{\n  \"version\": \"1.0\",\n");
    assertThat(BpeTokenizer.bytes().sha256())
        .isEqualTo("1931cead9cad112ea8d9a7ef7e34d399cf72e9b231cf33c64c2e8f498233c981");
  }

  @Test
  void refusesIdsOutsideItsVocabulary() {
    for (int id : new int[] {-1, 1000}) {
      assertThatThrownBy(() -> TRAINED.decode(5, id))
          .isInstanceOf(UserException.class)
          .hasMessage(
              "Cannot decode the token id %d: the tokenizer has the ids 0 to 999; decode with the"
                  + " tokenizer that encoded",
              id);
      assertThatThrownBy(() -> TRAINED.token(id)).isInstanceOf(UserException.class);
      assertThatThrownBy(() -> TRAINED.isSpecial(id)).isInstanceOf(UserException.class);
    }
  }
}
