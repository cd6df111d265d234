package dev.firesteel.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.firesteel.error.UserException;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TokenizersTest {
  private static final ObjectMapper MAPPER = new ObjectMapper();
  private static final BpeTokenizer BPE =
      BpeTrainer.builder(260).build().train(List.of("abab abab abab abc").iterator());
  private static final CharTokenizer CHARS = CharTokenizer.train(List.of("abc").iterator());

  private static String changed(Tokenizer tokenizer, Consumer<ObjectNode> change) {
    try {
      ObjectNode root = (ObjectNode) MAPPER.readTree(tokenizer.toJson());
      change.accept(root);
      return MAPPER.writeValueAsString(root);
    } catch (JsonProcessingException e) {
      throw new AssertionError(e);
    }
  }

  private static ObjectNode model(ObjectNode root) {
    return (ObjectNode) root.get("model");
  }

  private static ObjectNode vocabulary(ObjectNode root) {
    return (ObjectNode) root.at("/model/vocab");
  }

  private static ArrayNode merges(ObjectNode root) {
    return (ArrayNode) root.at("/model/merges");
  }

  private static ObjectNode node(String json) {
    try {
      return (ObjectNode) MAPPER.readTree(json);
    } catch (JsonProcessingException e) {
      throw new AssertionError(e);
    }
  }

  private static void assertRefused(
      UserException.Kind kind, String sentence, Tokenizer base, Consumer<ObjectNode> change) {
    String json = changed(base, change);
    assertThatThrownBy(() -> Tokenizers.load(json, "here/tokenizer.json"))
        .isInstanceOfSatisfying(UserException.class, e -> assertThat(e.kind()).isEqualTo(kind))
        .hasMessage("Cannot load tokenizer here/tokenizer.json: " + sentence);
  }

  private static void assertDamaged(String sentence, Consumer<ObjectNode> change) {
    assertRefused(UserException.Kind.FAILURE, sentence, BPE, change);
  }

  private static void assertUnsupported(String sentence, Consumer<ObjectNode> change) {
    assertRefused(UserException.Kind.USAGE, sentence, BPE, change);
  }

  private static void assertSame(Consumer<ObjectNode> change) {
    String json = changed(BPE, change);
    assertThat(Tokenizers.load(json, "variant").toJson()).isEqualTo(BPE.toJson());
    try (HuggingFace oracle = new HuggingFace(json)) {
      assertThat(BPE.encode("ababab abc")).isEqualTo(oracle.encode("ababab abc"));
    }
  }

  @Test
  void readsMergesInBothForms() {
    assertThat(BPE.mergeCount()).isEqualTo(3);
    assertSame(
        root -> {
          ArrayNode pairs = MAPPER.createArrayNode();
          for (int rank = 0; rank < BPE.mergeCount(); rank++) {
            String[] pair = BPE.merge(rank).split(" ", -1);
            pairs.addArray().add(pair[0]).add(pair[1]);
          }
          model(root).set("merges", pairs);
        });
  }

  @Test
  void readsWhatOlderAndOtherWritersLeaveOut() {
    assertSame(root -> root.remove(List.of("version", "truncation", "padding", "normalizer")));
    assertSame(root -> model(root).remove(List.of("ignore_merges", "byte_fallback", "dropout")));
    assertSame(root -> model(root).remove("type"));
    assertSame(root -> root.putNull("post_processor"));
    assertSame(root -> model(root).putNull("continuing_subword_prefix"));
    assertSame(root -> model(root).putNull("end_of_word_suffix"));
    assertSame(root -> model(root).put("unk_token", "<|endoftext|>"));
    assertSame(root -> ((ObjectNode) root.get("pre_tokenizer")).remove("use_regex"));
    assertSame(root -> vocabulary(root).remove("<|endoftext|>"));
    assertSame(root -> root.set("normalizer", node("{\"type\":\"Sequence\",\"normalizers\":[]}")));
  }

  @Test
  void readsTheSplitSpelledOutInTwoSteps() {
    assertSame(
        root -> {
          ObjectNode sequence = node("{\"type\":\"Sequence\",\"pretokenizers\":[]}");
          ObjectNode split =
              node("{\"type\":\"Split\",\"behavior\":\"Isolated\",\"invert\":false}");
          split.putObject("pattern").put("Regex", Gpt2Split.PATTERN);
          ObjectNode bytes = ((ObjectNode) root.get("pre_tokenizer")).deepCopy();
          bytes.put("use_regex", false);
          sequence.withArray("pretokenizers").add(split).add(bytes);
          root.set("pre_tokenizer", sequence);
        });
  }

  @Test
  void readsFilesWithAByteOrderMark() {
    byte[] json = ("\uFEFF" + CHARS.toJson()).getBytes(StandardCharsets.UTF_8);
    assertThat(Tokenizers.load(new ByteArrayInputStream(json), "bom").toJson())
        .isEqualTo(CHARS.toJson());
  }

  @Test
  void keepsTheFlagsOfAddedTokens() {
    String json =
        changed(
            BPE,
            root ->
                ((ArrayNode) root.get("added_tokens"))
                    .add(
                        node(
                            "{\"id\":260,\"content\":\"<mask>\",\"single_word\":false,\"lstrip\":true,"
                                + "\"rstrip\":false,\"normalized\":false,\"special\":true}")));
    Tokenizer loaded = Tokenizers.load(json, "added");

    assertThat(loaded.vocabularySize()).isEqualTo(261);
    assertThat(loaded.encodeWithSpecialTokens("  <mask>")).containsExactly(260);
    assertThat(Tokenizers.load(loaded.toJson(), "again").encodeWithSpecialTokens("  <mask>"))
        .containsExactly(260);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 20, 300, 2_000})
  void refusesATruncatedFile(int bytes) {
    byte[] json = BPE.toJson().substring(0, bytes).getBytes(StandardCharsets.UTF_8);
    assertThatThrownBy(() -> Tokenizers.load(new ByteArrayInputStream(json), "cut.json"))
        .isInstanceOfSatisfying(
            UserException.class, e -> assertThat(e.kind()).isEqualTo(UserException.Kind.FAILURE))
        .hasMessageMatching(
            "Cannot load tokenizer cut\\.json: it is damaged JSON at line \\d+, column \\d+ \\(.*\\);"
                + " download or create it again");
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "[]", "null", "{\"a\":1}", "{\"model\":7}"})
  void refusesJsonThatIsNoTokenizer(String json) {
    assertThatThrownBy(() -> Tokenizers.load(json, "x"))
        .isInstanceOf(UserException.class)
        .hasMessage(
            "Cannot load tokenizer x: a Hugging Face tokenizer.json must be one JSON object with a"
                + " \"model\", and this is not");
  }

  @Test
  void refusesTrailingTextAndAKeyGivenTwice() {
    assertThatThrownBy(() -> Tokenizers.load(BPE.toJson() + "{", "x"))
        .isInstanceOf(UserException.class)
        .hasMessageStartingWith("Cannot load tokenizer x: it is damaged JSON at line ");
    String twice = BPE.toJson().replace("\"b\":", "\"a\":");
    assertThatThrownBy(() -> Tokenizers.load(twice, "x"))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("Duplicate field 'a'");
  }

  @Test
  void reportsAStreamThatBreaks() {
    InputStream broken =
        new InputStream() {
          @Override
          public int read() throws IOException {
            throw new IOException("connection reset");
          }

          @Override
          public int read(byte[] into, int offset, int length) throws IOException {
            return read();
          }
        };
    assertThatThrownBy(() -> Tokenizers.load(broken, "hdfs://x/tokenizer.json"))
        .isInstanceOf(UserException.class)
        .hasMessage("Cannot read tokenizer hdfs://x/tokenizer.json: connection reset");
  }

  @Test
  void namesWhatIsNotSupported() {
    assertUnsupported(
        "model Unigram is not supported: only BPE, WordPiece and character tokenizers (WordLevel)"
            + " are",
        root -> model(root).put("type", "Unigram"));
    assertUnsupported(
        "pre_tokenizer Metaspace is not supported with the decoder ByteLevel: it must be ByteLevel,"
            + " too",
        root -> root.set("pre_tokenizer", node("{\"type\":\"Metaspace\"}")));
    assertUnsupported(
        "pre_tokenizer (absent) is not supported with the decoder ByteLevel: it must be ByteLevel,"
            + " too",
        root -> root.remove("pre_tokenizer"));
    assertUnsupported(
        "pre_tokenizer ByteLevel with add_prefix_space is not supported: decoded text would begin"
            + " with a space that the text did not have",
        root -> ((ObjectNode) root.get("pre_tokenizer")).put("add_prefix_space", true));
    assertUnsupported(
        "only the splits of GPT-2, Llama 3, Qwen 2 and GPT-4o into words are supported, got"
            + " pre_tokenizer {\"type\":\"ByteLevel\","
            + "\"add_prefix_space\":false,\"trim_offsets\":true,\"use_regex\":false}",
        root -> ((ObjectNode) root.get("pre_tokenizer")).put("use_regex", false));
    assertUnsupported(
        "normalizer Precompiled is not supported",
        root -> root.set("normalizer", node("{\"type\":\"Precompiled\"}")));
    assertUnsupported(
        "normalizer NFC with the setting strength is not supported",
        root -> root.set("normalizer", node("{\"type\":\"NFC\",\"strength\":1}")));
    assertUnsupported(
        "post_processor FooProcessing is not supported",
        root -> root.set("post_processor", node("{\"type\":\"FooProcessing\"}")));
    assertUnsupported(
        "decoder null is not supported: a byte-level BPE needs ByteLevel",
        root -> root.putNull("decoder"));
    assertUnsupported(
        "truncation {\"max_length\":512} is not supported",
        root -> root.set("truncation", node("{\"max_length\":512}")));
    assertUnsupported(
        "padding {\"pad_id\":0} is not supported",
        root -> root.set("padding", node("{\"pad_id\":0}")));
    assertUnsupported("dropout 0.1 is not supported", root -> model(root).put("dropout", 0.1));
    assertUnsupported(
        "end_of_word_suffix \"</w>\" is not supported",
        root -> model(root).put("end_of_word_suffix", "</w>"));
    assertUnsupported(
        "single_word of the added token '<|endoftext|>' is not supported",
        root -> ((ObjectNode) root.at("/added_tokens/0")).put("single_word", true));
    assertUnsupported(
        "its vocabulary has no token 'z' for byte 0x7A, so texts with that byte would lose it"
            + " silently",
        root -> {
          int id = vocabulary(root).remove("z").intValue();
          vocabulary(root).put("zz", id);
        });
  }

  @Test
  void namesWhatContradictsItself() {
    assertDamaged("the tokens '!' and '\"' share the id 0", root -> vocabulary(root).put("\"", 0));
    assertDamaged(
        "the ids of its 260 tokens must run from 0 to 259 without gaps, but 'ab' has 300",
        root -> vocabulary(root).put("ab", 300));
    assertDamaged(
        "the id of 'ab' must be an integer from 0, got -1", root -> vocabulary(root).put("ab", -1));
    assertDamaged(
        "the id of 'ab' must be an integer from 0, got 1.5",
        root -> vocabulary(root).put("ab", 1.5));
    assertDamaged(
        "the id of 'ab' must be an integer from 0, got 5000000000",
        root -> vocabulary(root).put("ab", 5_000_000_000L));
    assertDamaged(
        "model.vocab must map tokens to ids, got []", root -> model(root).putArray("vocab"));
    assertDamaged(
        "the added token '<|endoftext|>' has id 5, but the vocabulary gives it 259",
        root -> ((ObjectNode) root.at("/added_tokens/0")).put("id", 5));
    assertDamaged(
        "the tokens '&' and '<|endoftext|>' share the id 5",
        root -> {
          vocabulary(root).remove("<|endoftext|>");
          ((ObjectNode) root.at("/added_tokens/0")).put("id", 5);
        });
    assertDamaged(
        "the added token '<|endoftext|>' occurs twice",
        root -> ((ArrayNode) root.get("added_tokens")).add(root.at("/added_tokens/0").deepCopy()));
    assertDamaged(
        "an added token needs a \"content\", got {\"id\":260}",
        root -> ((ArrayNode) root.get("added_tokens")).add(node("{\"id\":260}")));
    assertDamaged(
        "merge 3 ('q' with 'xyz') needs the token 'xyz', which the vocabulary lacks",
        root -> merges(root).add("q xyz"));
    assertDamaged(
        "merge 3 ('q' with 'u') needs the token 'qu', which the vocabulary lacks",
        root -> merges(root).add("q u"));
    assertDamaged("merge 3 ('a' with 'b') occurs twice", root -> merges(root).add("a b"));
    assertDamaged(
        "merge 3 must be two tokens, \"a b\" or [\"a\", \"b\"], got \"a b c\"",
        root -> merges(root).add("a b c"));
    assertDamaged(
        "merge 3 must be two tokens, \"a b\" or [\"a\", \"b\"], got 7",
        root -> merges(root).add(7));
    assertDamaged("model.merges must be a list, got {}", root -> model(root).putObject("merges"));
  }

  @Test
  void refusesWordLevelModelsThatAreNotOfCharacters() {
    UserException.Kind usage = UserException.Kind.USAGE;
    assertRefused(
        usage,
        "of WordLevel models only character tokenizers (pre_tokenizer Split at the regex [\\s\\S])"
            + " are supported, got pre_tokenizer Whitespace",
        CHARS,
        root -> root.set("pre_tokenizer", node("{\"type\":\"Whitespace\"}")));
    assertRefused(
        usage,
        "decoder null is not supported: a character tokenizer needs Fuse",
        CHARS,
        root -> root.putNull("decoder"));
    assertRefused(
        usage,
        "a character tokenizer has one character a token, got 'the'",
        CHARS,
        root -> vocabulary(root).put("the", 3));
    assertRefused(
        usage,
        "a token for unknown characters ('<unk>') is not supported: they are rejected instead",
        CHARS,
        root -> vocabulary(root).put("<unk>", 3));
  }
}
