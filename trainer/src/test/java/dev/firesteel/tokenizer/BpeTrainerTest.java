package dev.firesteel.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.firesteel.error.UserException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class BpeTrainerTest {
  @Test
  void learnsThePairsOfThePapersExample() {
    // Sennrich et al. (2016), section 3.2, without the end-of-word mark: es, est, lo, low, ...
    WordCounts words = new WordCounts();
    words.addWord("low", 5);
    words.addWord("lower", 2);
    words.addWord("newest", 6);
    words.addWord("widest", 3);

    BpeTokenizer tokenizer = BpeTrainer.builder(256 + 4 + 1).build().train(words);

    assertThat(merges(tokenizer)).containsExactly("e s", "es t", "l o", "lo w");
    assertThat(tokenizer.token(256)).isEqualTo("es");
    assertThat(tokenizer.token(259)).isEqualTo("low");
    assertThat(tokenizer.endOfText()).hasValue(260);
    assertThat(tokenizer.encode("lowest")).containsExactly(259, 257);
  }

  @Test
  void putsBytesFirstInTheOrderOfGpt2AndSpecialTokensLast() {
    BpeTokenizer tokenizer =
        BpeTrainer.builder(256 + 1 + 2)
            .specialTokens(List.of(Tokenizer.END_OF_TEXT, "<|user|>"))
            .build()
            .train(List.of("aa aa").iterator());

    assertThat(tokenizer.token(0)).isEqualTo("!");
    assertThat(tokenizer.id("A")).hasValue(32);
    assertThat(tokenizer.id("Ġ")).hasValue(220);
    assertThat(tokenizer.token(256)).isEqualTo("aa");
    assertThat(tokenizer.token(257)).isEqualTo(Tokenizer.END_OF_TEXT);
    assertThat(tokenizer.token(258)).isEqualTo("<|user|>");
    assertThat(tokenizer.isSpecial(256)).isFalse();
    assertThat(tokenizer.isSpecial(258)).isTrue();
  }

  @Test
  void equalsTheAlgorithmThatCountsEverythingAnew() {
    for (long seed = 0; seed < 400; seed++) {
      SplittableRandom random = new SplittableRandom(seed);
      WordCounts words = randomWords(random);
      int merges = 1 + random.nextInt(40);

      BpeTokenizer learnt = BpeTrainer.builder(257 + merges).build().train(words);

      assertThat(merges(learnt)).as("seed %d", seed).isEqualTo(naiveMerges(words, merges, 2));
    }
  }

  private static WordCounts randomWords(SplittableRandom random) {
    WordCounts words = new WordCounts();
    for (int i = 1 + random.nextInt(30); i > 0; i--) {
      StringBuilder word = new StringBuilder();
      for (int j = 1 + random.nextInt(15); j > 0; j--) {
        word.append((char) ('a' + random.nextInt(random.nextBoolean() ? 2 : 4)));
      }
      words.addWord(word.toString(), 1 + random.nextInt(3));
    }
    return words;
  }

  /** Straight from the definition: count all pairs, merge the best everywhere, again. */
  private static List<String> naiveMerges(WordCounts counts, int wanted, long minimumCount) {
    Map<List<String>, Long> words = new LinkedHashMap<>();
    counts.forEach(
        (word, count) ->
            words.put(
                new ArrayList<>(List.of(word.split("", -1)).subList(0, word.length())), count));
    List<String> ids = new ArrayList<>();
    for (char c = 'a'; c <= 'd'; c++) {
      ids.add(String.valueOf(c));
    }
    Set<String> merges = new HashSet<>();
    List<String> inOrder = new ArrayList<>();
    int full = ids.size() + wanted;
    while (ids.size() < full) {
      Map<List<Integer>, Long> pairs = new LinkedHashMap<>();
      words.forEach(
          (word, count) -> {
            for (int i = 0; i + 1 < word.size(); i++) {
              pairs.merge(
                  List.of(ids.indexOf(word.get(i)), ids.indexOf(word.get(i + 1))),
                  count,
                  Long::sum);
            }
          });
      List<Integer> best = null;
      for (Map.Entry<List<Integer>, Long> pair : pairs.entrySet()) {
        if (best == null || isBetter(pair.getKey(), pair.getValue(), best, pairs.get(best))) {
          best = pair.getKey();
        }
      }
      if (best == null || pairs.get(best) < minimumCount) {
        break;
      }
      String left = ids.get(best.get(0));
      String right = ids.get(best.get(1));
      if (merges.add(left + " " + right)) {
        inOrder.add(left + " " + right);
      }
      if (!ids.contains(left + right)) {
        ids.add(left + right);
      }
      Map<List<String>, Long> merged = new LinkedHashMap<>();
      words.forEach(
          (word, count) -> {
            List<String> result = new ArrayList<>();
            for (int i = 0; i < word.size(); i++) {
              boolean here =
                  i + 1 < word.size() && word.get(i).equals(left) && word.get(i + 1).equals(right);
              result.add(here ? left + right : word.get(i));
              i += here ? 1 : 0;
            }
            merged.merge(result, count, Long::sum);
          });
      words.clear();
      words.putAll(merged);
    }
    return inOrder;
  }

  private static boolean isBetter(List<Integer> a, long countA, List<Integer> b, long countB) {
    if (countA != countB) {
      return countA > countB;
    }
    return a.get(0).equals(b.get(0)) ? a.get(1) < b.get(1) : a.get(0) < b.get(0);
  }

  @Test
  void doesNotDependOnThreadsNorOnTheOrderOfDocuments() {
    List<String> documents = new ArrayList<>(Texts.ownSources());
    documents.addAll(Texts.hostile());
    String expected =
        BpeTrainer.builder(1500).threads(1).build().train(documents.iterator()).sha256();

    for (int threads : new int[] {2, 3, 8}) {
      Collections.shuffle(documents, new Random(threads));
      BpeTrainer trainer = BpeTrainer.builder(1500).threads(threads).build();
      assertThat(trainer.train(documents.iterator()).sha256()).isEqualTo(expected);
    }
  }

  @Test
  void learnsTheSameFromCountsOfParts() {
    List<String> documents = Texts.ownSources();
    WordCounts all = new WordCounts();
    for (String document : documents) {
      WordCounts part = new WordCounts();
      part.addDocument(document);
      all.merge(part);
    }
    BpeTrainer trainer = BpeTrainer.builder(600).build();

    assertThat(trainer.train(all).toJson()).isEqualTo(trainer.train(documents.iterator()).toJson());
  }

  @Test
  void countsWordsAsTheSplitCutsThem() {
    WordCounts counts = new WordCounts();
    counts.addDocument("the cat's  the the\n");
    Map<String, Long> found = new TreeMap<>();
    counts.forEach(found::put);

    assertThat(found)
        .isEqualTo(Map.of("the", 1L, " cat", 1L, "'s", 1L, " ", 1L, " the", 2L, "\n", 1L));
    assertThat(counts.distinctWords()).isEqualTo(6);
    assertThat(counts.count(" the")).isEqualTo(2);
    assertThat(counts.count("dog")).isZero();
    assertThatThrownBy(() -> counts.addWord("the", -1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("count of 'the': must be >= 0, got -1");
  }

  @Test
  void learnsFromOneVeryLongWord() {
    // Quadratic work per merge would be 10^12 steps here.
    SplittableRandom random = new SplittableRandom(3);
    StringBuilder word = new StringBuilder();
    for (int i = 0; i < 1 << 20; i++) {
      word.append((char) ('a' + random.nextInt(8)));
    }
    BpeTokenizer tokenizer =
        BpeTrainer.builder(1000).build().train(List.of(word.toString()).iterator());

    assertThat(tokenizer.vocabularySize()).isEqualTo(1000);
    assertThat(tokenizer.decode(tokenizer.encode(word.toString()))).isEqualTo(word.toString());
  }

  @Test
  void stopsWhereTheTextIsTooSmall() {
    // "abab" occurs once: after ab and abab, no pair is left that occurs twice.
    BpeTokenizer tokenizer = BpeTrainer.builder(1000).build().train(List.of("abab ab").iterator());

    assertThat(merges(tokenizer)).containsExactly("a b");
    assertThat(tokenizer.vocabularySize()).isEqualTo(256 + 1 + 1);
    assertThat(tokenizer.endOfText()).hasValue(257);
  }

  @Test
  void mergesRarePairsWhenAsked() {
    BpeTokenizer tokenizer =
        BpeTrainer.builder(1000).minimumCount(1).build().train(List.of("abc").iterator());

    assertThat(merges(tokenizer)).containsExactly("a b", "ab c");
  }

  @Test
  void neverMergesToASpecialToken() {
    BpeTokenizer tokenizer =
        BpeTrainer.builder(300)
            .specialTokens(List.of(Tokenizer.END_OF_TEXT, "user"))
            .build()
            .train(List.of("user user user").iterator());

    int special = tokenizer.id("user").orElseThrow();
    assertThat(tokenizer.isSpecial(special)).isTrue();
    assertThat(tokenizer.encode("user")).doesNotContain(special).hasSizeGreaterThan(1);
    assertThat(tokenizer.encodeWithSpecialTokens("user")).containsExactly(special);
  }

  @Test
  void reportsProgressToTheEnd() {
    AtomicLong characters = new AtomicLong();
    AtomicInteger merges = new AtomicInteger();
    AtomicInteger wanted = new AtomicInteger();
    BpeTrainer.Progress progress =
        new BpeTrainer.Progress() {
          @Override
          public void counted(long documents, long charactersSoFar) {
            characters.accumulateAndGet(charactersSoFar, Math::max);
          }

          @Override
          public void merged(int done, int of) {
            merges.set(done);
            wanted.set(of);
          }
        };
    List<String> documents = Texts.ownSources();
    BpeTrainer.builder(600).progress(progress).build().train(documents.iterator());

    assertThat(characters).hasValue(documents.stream().mapToLong(String::length).sum());
    assertThat(merges).hasValue(600 - 257);
    assertThat(wanted).hasValue(600 - 257);
  }

  @Test
  void passesOnWhatReadingTheDocumentsThrows() {
    UserException unreadable = UserException.failure("cannot read the text");
    Iterator<String> documents =
        new Iterator<>() {
          @Override
          public boolean hasNext() {
            return true;
          }

          @Override
          public String next() {
            throw unreadable;
          }
        };
    BpeTrainer trainer = BpeTrainer.builder(300).threads(2).build();

    assertThatThrownBy(() -> trainer.train(documents)).isSameAs(unreadable);
  }

  @Test
  void refusesSettingsThatCannotWork() {
    BpeTrainer.Builder tooSmall = BpeTrainer.builder(256);
    assertThatThrownBy(tooSmall::build)
        .isInstanceOf(UserException.class)
        .hasMessage(
            "A byte-level BPE vocabulary must have at least 257 tokens (256 bytes and 1 special),"
                + " got 256; ask for more");
    BpeTrainer.Builder builder = BpeTrainer.builder(300);
    assertThatThrownBy(() -> builder.specialTokens(List.of("<s>")))
        .isInstanceOf(UserException.class)
        .hasMessage("Special tokens must include <|endoftext|>, got [<s>]");
    assertThatThrownBy(() -> builder.minimumCount(0))
        .isInstanceOf(UserException.class)
        .hasMessage("The minimum count of a pair must be at least 1, got 0");
    assertThatThrownBy(() -> builder.threads(0))
        .isInstanceOf(UserException.class)
        .hasMessage("A trainer needs at least 1 thread, got 0");
    BpeTrainer.Builder twice =
        BpeTrainer.builder(300).specialTokens(List.of("<s>", "<s>", Tokenizer.END_OF_TEXT));
    assertThatThrownBy(twice::build)
        .isInstanceOf(UserException.class)
        .hasMessage("Special tokens must be distinct and not empty, got [<s>, <s>, <|endoftext|>]");
    BpeTrainer.Builder aByte =
        BpeTrainer.builder(300).specialTokens(List.of("x", Tokenizer.END_OF_TEXT));
    assertThatThrownBy(aByte::build)
        .isInstanceOf(UserException.class)
        .hasMessage("The special token 'x' is one of the 256 byte tokens; choose a longer one");
  }

  @Test
  void refusesNoText() {
    BpeTrainer trainer = BpeTrainer.builder(300).build();
    assertThatThrownBy(() -> trainer.train(List.of("", "").iterator()))
        .isInstanceOf(UserException.class)
        .hasMessage(
            "Cannot train a tokenizer on no text: give at least one document that is not empty");
  }

  private static List<String> merges(BpeTokenizer tokenizer) {
    List<String> merges = new ArrayList<>();
    for (int rank = 0; rank < tokenizer.mergeCount(); rank++) {
      merges.add(tokenizer.merge(rank));
    }
    return merges;
  }
}
