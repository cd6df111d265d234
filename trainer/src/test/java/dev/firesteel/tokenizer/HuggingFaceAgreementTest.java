package dev.firesteel.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Ids and texts equal those of Hugging Face's library reading the file that we write. */
class HuggingFaceAgreementTest {
  private static BpeTokenizer trained;
  private static HuggingFace oracle;

  @BeforeAll
  static void train() {
    List<String> documents = new ArrayList<>(Texts.ownSources());
    documents.addAll(Texts.hostile());
    SplittableRandom random = new SplittableRandom(1);
    for (int i = 0; i < 500; i++) {
      documents.add(Texts.random(random));
    }
    trained = BpeTrainer.builder(3000).build().train(documents.iterator());
    assertThat(trained.vocabularySize()).isEqualTo(3000);
    oracle = new HuggingFace(trained.toJson());
  }

  @AfterAll
  static void close() {
    oracle.close();
  }

  private static void assertAgrees(Tokenizer ours, HuggingFace theirs, String text, String what) {
    int[] expected = theirs.encode(text);
    assertThat(ours.encodeWithSpecialTokens(text)).as(what).isEqualTo(expected);
    assertThat(ours.decode(expected)).as(what).isEqualTo(text).isEqualTo(theirs.decode(expected));
    assertThat(ours.decode(ours.encode(text))).as(what).isEqualTo(text);
    if (!text.contains(Tokenizer.END_OF_TEXT)) {
      assertThat(ours.encode(text)).as(what).isEqualTo(expected);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"tinyshakespeare.txt", "wikitext2.valid.txt"})
  void agreesOnRealText(String file) {
    assertAgrees(trained, oracle, Texts.shared(file), file);
  }

  @Test
  void agreesOnOurSources() {
    for (String source : Texts.ownSources()) {
      assertAgrees(trained, oracle, source, source);
    }
  }

  @Test
  void agreesOnHostileText() {
    for (String text : Texts.hostile()) {
      assertAgrees(trained, oracle, text, text);
    }
  }

  @Test
  void agreesOnRandomText() {
    for (long seed = 0; seed < 5_000; seed++) {
      String text = Texts.random(new SplittableRandom(seed));
      assertAgrees(trained, oracle, text, "seed " + seed);
    }
  }

  @Test
  void agreesOnEveryCodePointBetweenEachClass() {
    StringBuilder text = new StringBuilder();
    // Beyond these there are private use and unassigned planes, where nothing changes.
    int[] codePoints =
        IntStream.concat(IntStream.range(0, 0x33500), IntStream.range(0xE0000, 0xE1000))
            .filter(c -> c < Character.MIN_SURROGATE || c > Character.MAX_SURROGATE)
            .toArray();
    int last = codePoints[codePoints.length - 1];
    for (int c : codePoints) {
      text.append('a').appendCodePoint(c).append('1').appendCodePoint(c).append('!');
      text.appendCodePoint(c);
      if (text.length() > 50_000 || c == last) {
        // Ids alone: the oracle decodes slowly, and decoding has tests of its own.
        assertThat(trained.encode(text.toString()))
            .as("up to U+%04X", c)
            .isEqualTo(oracle.encode(text.toString()));
        text.setLength(0);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"theand", "漢"})
  void agreesOnAMegabyteWithoutABreak(String unit) {
    assertAgrees(trained, oracle, unit.repeat((1 << 20) / unit.length()), unit);
  }

  @Test
  void agreesOnAMegabyteOfRandomLetters() {
    SplittableRandom random = new SplittableRandom(7);
    StringBuilder text = new StringBuilder();
    while (text.length() < 1 << 20) {
      text.append((char) ('a' + random.nextInt(26)));
    }
    assertAgrees(trained, oracle, text.toString(), "random letters");
  }

  @Test
  void decodesMalformedUtf8Alike() {
    BpeTokenizer bytes = BpeTokenizer.bytes();
    int[] interesting = {0x41, 0x80, 0xA0, 0xBF, 0xC0, 0xC2, 0xE0, 0xE2, 0xED, 0xF0, 0xF4, 0xF5};
    try (HuggingFace theirs = new HuggingFace(bytes.toJson())) {
      SplittableRandom random = new SplittableRandom(2);
      for (int i = 0; i < 20_000; i++) {
        int[] ids =
            random
                .ints(random.nextInt(12), 0, 256)
                .map(b -> b % 4 == 0 ? b : interesting[b % interesting.length])
                .toArray();
        assertThat(bytes.decode(ids)).as(Arrays.toString(ids)).isEqualTo(theirs.decode(ids));
      }
    }
  }

  @Test
  void agreesOnMergesThatNoTrainerWouldLearn() {
    for (long seed = 0; seed < 300; seed++) {
      SplittableRandom random = new SplittableRandom(seed);
      BpeTokenizer ours = randomMerges(random, random.nextBoolean());
      try (HuggingFace theirs = new HuggingFace(ours.toJson())) {
        for (int length : new int[] {0, 1, 2, 5, 20, 47, 48, 49, 50, 60, 200}) {
          StringBuilder text = new StringBuilder();
          for (int i = 0; i < length; i++) {
            text.append((char) ('a' + random.nextInt(3)));
          }
          assertAgrees(ours, theirs, text.toString(), "seed " + seed + ", length " + length);
        }
      }
    }
  }

  /** Random pairs in random order: results may be made in two ways, or rank before their parts. */
  private static BpeTokenizer randomMerges(SplittableRandom random, boolean ignoreMerges) {
    List<String> tokens = new ArrayList<>();
    for (int b = 0; b < 256; b++) {
      tokens.add(String.valueOf(ByteAlphabet.toChar(b)));
    }
    List<String> parts = new ArrayList<>(List.of("a", "b", "c"));
    List<int[]> pairs = new ArrayList<>();
    Set<String> seen = new HashSet<>();
    for (int i = 0; i < 40; i++) {
      String left = parts.get(random.nextInt(parts.size()));
      String right = parts.get(random.nextInt(parts.size()));
      if (!seen.add(left + " " + right)) {
        continue;
      }
      if (!tokens.contains(left + right)) {
        tokens.add(left + right);
        parts.add(left + right);
      }
      int at = random.nextInt(pairs.size() + 1);
      pairs.add(at, new int[] {tokens.indexOf(left), tokens.indexOf(right)});
    }
    tokens.add(Tokenizer.END_OF_TEXT);
    return new BpeTokenizer(
        tokens.toArray(String[]::new),
        List.of(AddedToken.special(tokens.size() - 1, Tokenizer.END_OF_TEXT)),
        SplitPattern.GPT2,
        pairs.stream().mapToInt(p -> p[0]).toArray(),
        pairs.stream().mapToInt(p -> p[1]).toArray(),
        ignoreMerges);
  }

  @Test
  void agreesOnAddedTokensOfEveryKind() {
    List<AddedToken> added =
        List.of(
            AddedToken.special(256, Tokenizer.END_OF_TEXT),
            AddedToken.special(257, "<s>"),
            AddedToken.special(258, "<s><s>"),
            new AddedToken(259, "<mask>", false, true, false, true),
            new AddedToken(260, "[R]", true, false, true, false),
            new AddedToken(261, "[B]", true, true, true, false),
            new AddedToken(262, "s>", true, false, false, false),
            new AddedToken(263, "[B]<s>", false, false, false, false));
    assertAgreesOnAdded(
        added, "<s>", "<", "s>", "<mask>", "[R]", "[B]", " ", "  ", "\n", "\u00A0", "x", "1");
  }

  @Test
  void agreesOnAddedTokensOfWhiteSpace() {
    List<AddedToken> added =
        List.of(
            AddedToken.special(256, Tokenizer.END_OF_TEXT),
            new AddedToken(257, "  ", true, false, false, false),
            new AddedToken(258, "    ", true, false, false, false),
            new AddedToken(259, "\n\n", false, false, false, false));
    assertAgreesOnAdded(added, " ", "  ", "\n", "\n\n", "x", "'s", "<|endoftext|>", "1");
  }

  private static void assertAgreesOnAdded(List<AddedToken> added, String... parts) {
    String[] tokens = new String[256 + added.size()];
    for (int b = 0; b < 256; b++) {
      tokens[b] = String.valueOf(ByteAlphabet.toChar(b));
    }
    added.forEach(token -> tokens[token.id()] = token.content());
    BpeTokenizer ours =
        new BpeTokenizer(tokens, added, SplitPattern.GPT2, new int[0], new int[0], false);
    try (HuggingFace theirs = new HuggingFace(ours.toJson())) {
      for (long seed = 0; seed < 5_000; seed++) {
        SplittableRandom random = new SplittableRandom(seed);
        StringBuilder text = new StringBuilder();
        for (int i = random.nextInt(12); i > 0; i--) {
          text.append(parts[random.nextInt(parts.length)]);
        }
        assertThat(ours.encodeWithSpecialTokens(text.toString()))
            .as("seed %d: '%s'", seed, text)
            .isEqualTo(theirs.encode(text.toString()));
      }
    }
  }

  @Test
  void agreesOnCharacters() {
    Set<String> documents = new LinkedHashSet<>(Texts.hostile());
    CharTokenizer ours = CharTokenizer.train(documents.iterator());
    try (HuggingFace theirs = new HuggingFace(ours.toJson());
        HuggingFace theirsWithEnd = new HuggingFace(ours.withEndOfText().toJson())) {
      for (String text : documents) {
        assertThat(ours.encode(text)).isEqualTo(theirs.encode(text));
        assertThat(theirs.decode(ours.encode(text))).isEqualTo(text);
        String twice = text + Tokenizer.END_OF_TEXT + text;
        assertThat(ours.withEndOfText().encodeWithSpecialTokens(twice))
            .isEqualTo(theirsWithEnd.encode(twice))
            .contains(ours.vocabularySize());
      }
    }
  }
}
