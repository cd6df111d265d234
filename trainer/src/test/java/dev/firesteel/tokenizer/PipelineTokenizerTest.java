package dev.firesteel.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.firesteel.error.UserException;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Llama 2's and BERT's kinds of tokenizers against Hugging Face's library, from the same files. */
class PipelineTokenizerTest {
  private static final ObjectMapper MAPPER = new ObjectMapper();
  private static final String LLAMA = "llama2-legacy.json";
  private static final String BERT = "bert-uncased.json";

  /** Words, spaces and special tokens on which these kinds of tokenizers differ. */
  private static final String[] PARTS = {
    " ",
    "  ",
    "\u2581",
    "\u2581\u2581a",
    "<s>",
    " <s>",
    "</s>",
    "<unk>",
    "<0x41>",
    "[CLS]",
    "[MASK]",
    "[unk]",
    "the",
    "token",
    "Tokenizer",
    "İ",
    "Å",
    "ǅ",
    "Ω",
    "\u212B",
    "Straße",
    "naïve",
    "e\u0301",
    "привет",
    "中文",
    "漢字A",
    "한글",
    "\u1112\u1161\u11AB",
    "שָׁלוֹם",
    "नमस्ते",
    "😀",
    "👩\u200D👧",
    "don't",
    "n't",
    "'s",
    ".",
    ",",
    "!",
    "…",
    "x1",
    "1234",
    "\t",
    "\n",
    "\r\n",
    "\u00A0",
    "\u0085",
    "\u3000",
    "\0",
    "\u0007",
    "\u00AD",
    "\u200B",
    "\uFFFD",
    "\uE000",
    "\uE001",
    "\uD800\uDC00",
    "\uFEFF",
    "\u0301",
    "ﬁ",
    "½",
    "\u2167"
  };

  /** A file and what is changed in it. */
  @SuppressWarnings("ImmutableEnumChecker") // the changes are lambdas without state
  private enum Kind {
    LLAMA_LEGACY(LLAMA, root -> {}),
    LLAMA_NORMALIZED_TOKENS(
        LLAMA,
        root -> root.get("added_tokens").forEach(t -> ((ObjectNode) t).put("normalized", true))),
    LLAMA_FIRST(LLAMA, root -> metaspace(root, "\"prepend_scheme\":\"first\",\"split\":false")),
    LLAMA_ALWAYS(LLAMA, root -> metaspace(root, "\"prepend_scheme\":\"always\",\"split\":true")),
    LLAMA_NEVER(
        LLAMA,
        root -> {
          metaspace(root, "\"prepend_scheme\":\"never\",\"split\":false");
          ((ArrayNode) root.at("/decoder/decoders")).remove(3);
        }),
    LLAMA_OLD_METASPACE(
        LLAMA,
        root -> {
          metaspace(root, "\"str_rep\":\"\u2581\",\"add_prefix_space\":true");
          root.set("decoder", root.get("pre_tokenizer").deepCopy());
          model(root).put("byte_fallback", false);
        }),
    LLAMA_UNKNOWN_NOT_FUSED(
        LLAMA, root -> model(root).put("byte_fallback", false).put("fuse_unk", false)),
    LLAMA_IGNORING_MERGES(
        LLAMA,
        root -> {
          metaspace(root, "\"prepend_scheme\":\"always\"");
          model(root).put("ignore_merges", true);
          ((ArrayNode) root.at("/model/merges")).remove(40);
        }),
    LLAMA_NFKC(
        LLAMA,
        root ->
            ((ArrayNode) root.at("/normalizer/normalizers"))
                .insert(0, node("{\"type\":\"NFKC\"}"))),
    BERT_UNCASED(BERT, root -> {}),
    BERT_CASED(BERT, root -> normalizer(root).put("lowercase", false)),
    BERT_KEEPING_ACCENTS(BERT, root -> normalizer(root).put("strip_accents", false)),
    BERT_STRIPPING_ACCENTS(
        BERT, root -> normalizer(root).put("strip_accents", true).put("lowercase", false)),
    BERT_NOT_CLEANED(
        BERT, root -> normalizer(root).put("clean_text", false).put("handle_chinese_chars", false)),
    BERT_SHORT_WORDS(
        BERT,
        root -> {
          model(root).put("max_input_chars_per_word", 5);
          ((ObjectNode) root.get("decoder")).put("cleanup", false);
          root.set(
              "post_processor",
              node("{\"type\":\"BertProcessing\",\"sep\":[\"[SEP]\",3],\"cls\":[\"[CLS]\",2]}"));
        }),
    BERT_LOWERCASE_ALONE(BERT, root -> root.set("normalizer", node("{\"type\":\"Lowercase\"}")));

    private final String file;
    private final Consumer<ObjectNode> change;

    Kind(String file, Consumer<ObjectNode> change) {
      this.file = file;
      this.change = change;
    }

    String json() {
      return changed(file, change);
    }
  }

  private static String changed(String file, Consumer<ObjectNode> change) {
    try (InputStream in = PipelineTokenizerTest.class.getResourceAsStream(file)) {
      ObjectNode root = (ObjectNode) MAPPER.readTree(in);
      change.accept(root);
      return MAPPER.writeValueAsString(root);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void metaspace(ObjectNode root, String settings) {
    root.putNull("normalizer");
    root.set(
        "pre_tokenizer",
        node("{\"type\":\"Metaspace\",\"replacement\":\"\u2581\",%s}".formatted(settings)));
  }

  private static ObjectNode model(ObjectNode root) {
    return (ObjectNode) root.get("model");
  }

  private static ObjectNode normalizer(ObjectNode root) {
    return (ObjectNode) root.get("normalizer");
  }

  private static ObjectNode node(String json) {
    try {
      return (ObjectNode) MAPPER.readTree(json);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void assertAgrees(Tokenizer ours, HuggingFace oracle, String text) {
    int[] expected = oracle.encode(text);
    assertThat(ours.encodeWithSpecialTokens(text)).as("'%s'", text).isEqualTo(expected);
    String decoded = oracle.decode(expected);
    assertThat(ours.decode(expected)).as("'%s'", text).isEqualTo(decoded);
    assertThat(Utf8.decode(ours.decodeBytes(expected))).as("'%s'", text).isEqualTo(decoded);
  }

  @ParameterizedTest
  @EnumSource
  void agreesWithHuggingFace(Kind kind) {
    String json = kind.json();
    Tokenizer ours = Tokenizers.load(json, kind.name());
    try (HuggingFace oracle = new HuggingFace(json)) {
      for (String text : Texts.hostile()) {
        assertAgrees(ours, oracle, text);
      }
      for (long seed = 0; seed < 300; seed++) {
        assertAgrees(ours, oracle, Texts.random(new SplittableRandom(seed)));
      }
      for (long seed = 0; seed < 1_500; seed++) {
        SplittableRandom random = new SplittableRandom(seed);
        StringBuilder text = new StringBuilder();
        for (int i = random.nextInt(15); i >= 0; i--) {
          text.append(PARTS[random.nextInt(PARTS.length)]);
        }
        assertAgrees(ours, oracle, text.toString());
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void comesBackFromItsFileWithTheSameIds(Kind kind) {
    Tokenizer ours = Tokenizers.load(kind.json(), kind.name());
    String written = ours.toJson();
    Tokenizer again = Tokenizers.load(written, "again");
    assertThat(again.toJson()).isEqualTo(written);
    assertThat(again.sha256()).isEqualTo(ours.sha256());
    assertThat(again.sequenceTokens()).isEqualTo(ours.sequenceTokens());
    try (HuggingFace oracle = new HuggingFace(written)) {
      for (String text : Texts.hostile()) {
        assertAgrees(again, oracle, text);
        assertThat(again.encode(text)).isEqualTo(ours.encode(text));
      }
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"BERT_UNCASED", "BERT_CASED", "BERT_STRIPPING_ACCENTS"})
  void treatsEveryCodePointLikeHuggingFace(Kind kind) {
    String json = kind.json();
    Tokenizer ours = Tokenizers.load(json, kind.name());
    try (HuggingFace oracle = new HuggingFace(json)) {
      StringBuilder text = new StringBuilder();
      for (int c = 0; c <= 0x33500; c++) {
        boolean surrogate = c >= Character.MIN_SURROGATE && c <= Character.MAX_SURROGATE;
        boolean ideograph = (c > 0x3400 && c < 0x4DBF) || (c > 0x4E00 && c < 0x9FFF) || c > 0x20000;
        if (!surrogate && (!ideograph || c % 64 == 0)) {
          text.append("to").appendCodePoint(c).append("ken ").appendCodePoint(c).append(' ');
        }
        if (text.length() > 10_000 || c == 0x33500) {
          assertThat(ours.encode(text.toString()))
              .as("%s up to U+%04X", kind, c)
              .isEqualTo(oracle.encode(text.toString()));
          text.setLength(0);
        }
      }
    }
  }

  @Test
  void lowersEveryCodePointLikeTheJdkAndRust() {
    for (int c = 0; c <= Character.MAX_CODE_POINT; c++) {
      boolean surrogate = c >= Character.MIN_SURROGATE && c <= Character.MAX_SURROGATE;
      // Each Unicode version only adds lower cases of new characters.
      if (!surrogate && Character.toLowerCase(c) != c && c != 'İ') {
        assertThat(LetterCases.toLowerCase(Character.toString(c)))
            .as("U+%04X", c)
            .isEqualTo(Character.toString(Character.toLowerCase(c)));
      }
    }
    assertThat(LetterCases.toLowerCase("İΣAǅ\u1C89")).isEqualTo("i\u0307σaǆ\u1C8A");
  }

  @ParameterizedTest
  @EnumSource(names = {"LLAMA_LEGACY", "LLAMA_NEVER", "LLAMA_OLD_METASPACE", "BERT_UNCASED"})
  void decodesAnyIdsLikeHuggingFaceAndWhileTheyStream(Kind kind) {
    String json = kind.json();
    Tokenizer ours = Tokenizers.load(json, kind.name());
    try (HuggingFace oracle = new HuggingFace(json)) {
      StreamingDecoder decoder = ours.streamingDecoder();
      for (long seed = 0; seed < 3_000; seed++) {
        SplittableRandom random = new SplittableRandom(seed);
        // Half of them among the tokens of bytes.
        int[] ids =
            random
                .ints(random.nextInt(10), 0, 2 * ours.vocabularySize())
                .map(id -> id < ours.vocabularySize() ? id : 3 + id % 256)
                .toArray();
        StringBuilder streamed = new StringBuilder();
        for (int id : ids) {
          streamed.append(decoder.append(id));
        }
        streamed.append(decoder.end());
        assertThat(ours.decode(ids))
            .as(Arrays.toString(ids))
            .isEqualTo(oracle.decode(ids))
            .isEqualTo(streamed.toString());
      }
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"LLAMA_LEGACY", "BERT_UNCASED", "BERT_SHORT_WORDS"})
  void knowsTheTokensThatHuggingFacePutsAroundAText(Kind kind) {
    String json = kind.json();
    Tokenizer ours = Tokenizers.load(json, kind.name());
    SequenceTokens around = ours.sequenceTokens();
    assertThat(around).isNotEqualTo(SequenceTokens.NONE);
    int[] expected =
        Stream.of(
                around.start().stream().mapToInt(Integer::intValue).toArray(),
                ours.encode("a token"),
                around.end().stream().mapToInt(Integer::intValue).toArray())
            .flatMapToInt(Arrays::stream)
            .toArray();
    try (HuggingFace oracle = new HuggingFace(json)) {
      assertThat(oracle.encodeAsSequence("a token")).isEqualTo(expected);
    }
  }

  private static void assertRefused(String file, String sentence, Consumer<ObjectNode> change) {
    String json = changed(file, change);
    assertThatThrownBy(() -> Tokenizers.load(json, "t.json"))
        .isInstanceOf(UserException.class)
        .hasMessage("Cannot load tokenizer t.json: " + sentence);
  }

  private static JsonNode step(ObjectNode root, int index) {
    return root.at("/decoder/decoders/" + index);
  }

  @Test
  void namesWhatIsNotSupportedInLlama2sFiles() {
    assertRefused(
        LLAMA,
        "pre_tokenizer Whitespace is not supported with this model: it must be absent, Metaspace or"
            + " BertPreTokenizer",
        root -> root.set("pre_tokenizer", node("{\"type\":\"Whitespace\"}")));
    assertRefused(
        LLAMA,
        "pre_tokenizer Metaspace with the setting trim is not supported",
        root -> metaspace(root, "\"trim\":true"));
    assertRefused(
        LLAMA,
        "prepend_scheme of pre_tokenizer Metaspace must be always, first or never, got last",
        root -> metaspace(root, "\"prepend_scheme\":\"last\""));
    assertRefused(
        LLAMA,
        "pre_tokenizer Metaspace has add_prefix_space false, which contradicts its prepend_scheme"
            + " first",
        root -> metaspace(root, "\"add_prefix_space\":false,\"prepend_scheme\":\"first\""));
    assertRefused(
        LLAMA,
        "pre_tokenizer Metaspace with prepend_scheme first is not supported after a normalizer that"
            + " may remove the beginning of a text",
        root -> {
          metaspace(root, "\"prepend_scheme\":\"first\"");
          root.set(
              "normalizer",
              node("{\"type\":\"Replace\",\"pattern\":{\"String\":\"x\"},\"content\":\"\"}"));
        });
    assertRefused(
        LLAMA,
        "normalizer Replace needs a pattern that is a text ({\"String\": ...}), got"
            + " {\"Regex\":\" +\"}",
        root ->
            ((ObjectNode) root.at("/normalizer/normalizers/1/pattern"))
                .put("Regex", " +")
                .remove("String"));
    assertRefused(
        LLAMA,
        "decoder null is not supported with this model: it must be WordPiece, Metaspace, or a"
            + " Sequence of Replace, ByteFallback, Fuse and Strip",
        root -> root.putNull("decoder"));
    assertRefused(
        LLAMA,
        "decoder Sequence must be Replace, ByteFallback, Fuse and Strip in this order, got Strip"
            + " after ByteFallback",
        root -> ((ArrayNode) root.at("/decoder/decoders")).remove(2));
    assertRefused(
        LLAMA,
        "decoder Strip is supported with one character at the start only, got"
            + " {\"type\":\"Strip\",\"content\":\" \",\"start\":1,\"stop\":1}",
        root -> ((ObjectNode) step(root, 3)).put("stop", 1));
    assertRefused(
        LLAMA,
        "byte_fallback needs the tokens <0x00> to <0xFF>, and its vocabulary has no <0x41>",
        root -> {
          ObjectNode vocabulary = (ObjectNode) root.at("/model/vocab");
          vocabulary.put("<0x4a>", vocabulary.remove("<0x41>").intValue());
        });
    assertRefused(
        LLAMA,
        "model BPE has neither byte_fallback nor an unk_token, so texts would lose unknown"
            + " characters silently",
        root -> model(root).put("byte_fallback", false).putNull("unk_token"));
    assertRefused(
        LLAMA,
        "model BPE needs the unknown token '<?>' in its vocabulary",
        root -> model(root).put("unk_token", "<?>"));
    assertRefused(
        LLAMA,
        "model BPE with the setting priors is not supported",
        root -> model(root).put("priors", 1));
    assertRefused(
        LLAMA,
        "end_of_word_suffix \"</w>\" is not supported",
        root -> model(root).put("end_of_word_suffix", "</w>"));
    assertRefused(
        LLAMA,
        "post_processor adds the id 9999, but the ids are 0 to 607",
        root ->
            ((ArrayNode) root.at("/post_processor/special_tokens/<s>/ids")).removeAll().add(9999));
    assertRefused(
        LLAMA,
        "post_processor TemplateProcessing must have a Sequence A in \"single\", got none",
        root -> ((ArrayNode) root.at("/post_processor/single")).remove(1));
  }

  @Test
  void namesWhatIsNotSupportedInBertsFiles() {
    assertRefused(
        BERT,
        "model WordPiece needs the unknown token '[unknown]' in its vocabulary",
        root -> model(root).put("unk_token", "[unknown]"));
    assertRefused(
        BERT,
        "max_input_chars_per_word of model WordPiece must be an integer from 0, got -1",
        root -> model(root).put("max_input_chars_per_word", -1));
    assertRefused(
        BERT,
        "lowercase of normalizer BertNormalizer must be true or false, got \"yes\"",
        root -> normalizer(root).put("lowercase", "yes"));
    assertRefused(
        BERT,
        "normalizer BertNormalizer with the setting strip_marks is not supported",
        root -> normalizer(root).put("strip_marks", true));
    assertRefused(
        BERT,
        "decoder WordPiece with the setting suffix is not supported",
        root -> ((ObjectNode) root.get("decoder")).put("suffix", ""));
  }

  @Test
  void readsLoneSurrogatesAsTheReplacementCharacter() {
    for (Kind kind : List.of(Kind.LLAMA_LEGACY, Kind.BERT_UNCASED)) {
      Tokenizer ours = Tokenizers.load(kind.json(), kind.name());
      assertThat(ours.encode("a\uD800b \uDC00")).isEqualTo(ours.encode("a\uFFFDb \uFFFD"));
    }
  }

  /** As in any file, no text becomes a special token, not even a whole word. */
  @Test
  void ignoringMergesNoTextBecomesASpecialToken() {
    String json =
        changed(
            "llama2-legacy.json",
            root -> {
              metaspace(root, "\"prepend_scheme\":\"never\"");
              model(root).put("ignore_merges", true);
            });
    Tokenizer tokenizer = Tokenizers.load(json, "changed");
    assertThat(tokenizer.encode("</s>")).doesNotContain(2).isNotEmpty();
    assertThat(tokenizer.decode(tokenizer.encode("</s>"))).isEqualTo("</s>");
  }
}
