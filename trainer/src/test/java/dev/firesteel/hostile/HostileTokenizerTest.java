package dev.firesteel.hostile;

import dev.firesteel.tokenizer.BpeTokenizer;
import dev.firesteel.tokenizer.CharTokenizer;
import dev.firesteel.tokenizer.Tokenizer;
import dev.firesteel.tokenizer.Tokenizers;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Damaged tokenizers. */
class HostileTokenizerTest {
  private static final long SEED = 2;

  private static final List<String> TEXTS =
      List.of(
          "",
          "The quick  brown fox's 3rd tokenizer <s> [MASK] <|endoftext|>",
          "na\u00efve \u4f60\u597d \ud83d\ude42\r\n\t \ud800 \u0000");

  @Test
  void areReadOrRefused() throws Exception {
    List<String> valid = new ArrayList<>();
    valid.add(BpeTokenizer.bytes().toJson());
    valid.add(
        CharTokenizer.train(List.of("the quick brown fox\n\u00e9\u4f60").iterator()).toJson());
    valid.add(resource("llama2-legacy.json"));
    valid.add(resource("bert-uncased.json"));
    valid.add(withMerges());

    HostileCases.run(
        "tokenizer.json",
        SEED,
        mutator -> {
          byte[] damaged = mutator.json(mutator.oneOf(valid));
          use(Tokenizers.load(new ByteArrayInputStream(damaged), "tokenizer.json"));
        });
  }

  /** A byte-level tokenizer with the merges "th" and "the". */
  private static String withMerges() {
    return BpeTokenizer.bytes()
        .toJson()
        .replace("\"merges\": []", "\"merges\": [[\"t\", \"h\"], [\"th\", \"e\"]]")
        .replaceFirst("\"vocab\": \\{", "\"vocab\": {\"th\": 257, \"the\": 258,");
  }

  private static String resource(String name) throws IOException {
    try (InputStream in = Tokenizer.class.getResourceAsStream("/dev/firesteel/tokenizer/" + name)) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    }
  }

  private static void use(Tokenizer tokenizer) {
    for (String text : TEXTS) {
      int[] ids = tokenizer.encode(text);
      for (int id : ids) {
        if (id < 0 || id >= tokenizer.vocabularySize()) {
          throw new AssertionError("an id beyond the vocabulary: " + id);
        }
      }
      tokenizer.decode(ids);
      tokenizer.decode(tokenizer.encodeWithSpecialTokens(text));
    }
    tokenizer.decodeBytes(0, tokenizer.vocabularySize() - 1);
    tokenizer.isSpecial(tokenizer.vocabularySize() - 1);
    tokenizer.endOfText();
    // What is saved must be a tokenizer again, and the same one.
    String json = tokenizer.toJson();
    if (!Tokenizers.load(json, "saved").toJson().equals(json)) {
      throw new AssertionError("the saved tokenizer is another one");
    }
  }
}
