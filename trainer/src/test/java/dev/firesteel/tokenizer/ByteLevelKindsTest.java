package dev.firesteel.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.function.Consumer;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Byte-level BPE with each split, trained by us, and in the forms in which models are published:
 * ids and texts equal those of Hugging Face's library reading the same file.
 */
class ByteLevelKindsTest {
  private static final ObjectMapper MAPPER = new ObjectMapper();
  private static final Map<SplitPattern, BpeTokenizer> TRAINED = new EnumMap<>(SplitPattern.class);

  @BeforeAll
  static void train() {
    List<String> documents = new ArrayList<>(Texts.hostile());
    documents.addAll(Texts.ownSources().subList(0, 30));
    SplittableRandom random = new SplittableRandom(1);
    for (int i = 0; i < 300; i++) {
      documents.add(Texts.random(random));
    }
    for (SplitPattern pattern : SplitPattern.values()) {
      TRAINED.put(
          pattern, BpeTrainer.builder(1500).pattern(pattern).build().train(documents.iterator()));
    }
  }

  private static String changed(SplitPattern pattern, Consumer<ObjectNode> change) {
    try {
      ObjectNode root = (ObjectNode) MAPPER.readTree(TRAINED.get(pattern).toJson());
      change.accept(root);
      return MAPPER.writeValueAsString(root);
    } catch (JsonProcessingException e) {
      throw new AssertionError(e);
    }
  }

  private static ObjectNode node(String json) {
    try {
      return (ObjectNode) MAPPER.readTree(json);
    } catch (JsonProcessingException e) {
      throw new AssertionError(e);
    }
  }

  private static void assertAgrees(String json) {
    Tokenizer ours = Tokenizers.load(json, "kind");
    Tokenizer again = Tokenizers.load(ours.toJson(), "again");
    assertThat(again.toJson()).isEqualTo(ours.toJson());
    List<String> texts = new ArrayList<>(Texts.hostile());
    for (long seed = 0; seed < 500; seed++) {
      texts.add(Texts.random(new SplittableRandom(seed)));
    }
    try (HuggingFace oracle = new HuggingFace(json);
        HuggingFace oracleOfOurs = new HuggingFace(ours.toJson())) {
      for (String text : texts) {
        int[] expected = oracle.encode(text);
        assertThat(ours.encodeWithSpecialTokens(text)).as("'%s'", text).isEqualTo(expected);
        assertThat(again.encodeWithSpecialTokens(text)).as("'%s'", text).isEqualTo(expected);
        assertThat(oracleOfOurs.encode(text)).as("'%s'", text).isEqualTo(expected);
        assertThat(ours.decode(expected)).as("'%s'", text).isEqualTo(oracle.decode(expected));
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void agreesAfterTraining(SplitPattern pattern) {
    BpeTokenizer trained = TRAINED.get(pattern);
    assertThat(trained.vocabularySize()).isEqualTo(1500);
    assertThat(trained.pattern()).isEqualTo(pattern);
    assertThat(((BpeTokenizer) Tokenizers.load(trained.toJson(), "file")).pattern())
        .isEqualTo(pattern);
    assertAgrees(trained.toJson());
    for (String text : Texts.hostile()) {
      assertThat(trained.decode(trained.encode(text))).isEqualTo(text);
    }
  }

  @Test
  void agreesOnLlama3sForm() {
    String json =
        changed(
            SplitPattern.LLAMA3,
            root -> {
              ((ObjectNode) root.get("model")).put("ignore_merges", true);
              ((ArrayNode) root.at("/model/merges")).remove(100);
              root.set("post_processor", bytesThenTemplate());
            });
    assertAgrees(json);
    Tokenizer ours = Tokenizers.load(json, "llama3");
    assertThat(ours.sequenceTokens()).isEqualTo(new SequenceTokens(List.of(1499), List.of()));
    try (HuggingFace oracle = new HuggingFace(json)) {
      assertThat(oracle.encodeAsSequence("")).containsExactly(1499);
      assertThat(ours.encode("")).isEmpty();
    }
  }

  private static ObjectNode bytesThenTemplate() {
    return node(
        """
        {"type": "Sequence", "processors": [
          {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": false, "use_regex": true},
          {"type": "TemplateProcessing",
           "single": [{"SpecialToken": {"id": "<|endoftext|>", "type_id": 0}},
                      {"Sequence": {"id": "A", "type_id": 0}}],
           "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
           "special_tokens": {
             "<|endoftext|>": {"id": "<|endoftext|>", "ids": [1499], "tokens": ["<|endoftext|>"]}}}]}
        """);
  }

  @Test
  void agreesOnQwen2sFormWithNormalizedText() {
    assertAgrees(
        changed(
            SplitPattern.QWEN2,
            root -> {
              root.set("normalizer", node("{\"type\":\"NFC\"}"));
              ((ArrayNode) root.get("added_tokens"))
                  .add(
                      node(
                          "{\"id\":1500,\"content\":\"e\\u0301\",\"single_word\":false,\"lstrip\":false,"
                              + "\"rstrip\":false,\"normalized\":true,\"special\":false}"));
            }));
  }

  @Test
  void agreesOnMatchesThatAreKeptInsteadOfIsolated() {
    assertAgrees(
        changed(
            SplitPattern.GPT4O,
            root ->
                ((ObjectNode) root.at("/pre_tokenizer/pretokenizers/0"))
                    .put("behavior", "Removed")
                    .put("invert", true)));
  }
}
