package dev.firesteel.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;

import com.knuddels.jtokkit.Encodings;
import com.knuddels.jtokkit.api.Encoding;
import com.knuddels.jtokkit.api.EncodingType;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** GPT-2's own 50,257 tokens, which jtokkit carries as {@code r50k_base}. */
class Gpt2VocabularyTest {
  private static final Encoding JTOKKIT =
      Encodings.newDefaultEncodingRegistry().getEncoding(EncodingType.R50K_BASE);
  private static BpeTokenizer gpt2;

  @BeforeAll
  static void read() throws IOException {
    String[] tokens = new String[50_257];
    Map<String, Integer> ids = new HashMap<>();
    try (InputStream in =
        Encodings.class.getResourceAsStream("/com/knuddels/jtokkit/r50k_base.tiktoken")) {
      for (String line :
          new String(in.readAllBytes(), StandardCharsets.US_ASCII).lines().toList()) {
        int space = line.indexOf(' ');
        StringBuilder token = new StringBuilder();
        for (byte b : Base64.getDecoder().decode(line.substring(0, space))) {
          token.append(ByteAlphabet.toChar(b & 0xFF));
        }
        int id = Integer.parseInt(line.substring(space + 1));
        tokens[id] = token.toString();
        ids.put(tokens[id], id);
      }
    }
    tokens[50_256] = Tokenizer.END_OF_TEXT;
    int[] left = new int[50_000];
    int[] right = new int[50_000];
    for (int rank = 0; rank < left.length; rank++) {
      List<String> halves = halves(tokens[256 + rank], 256 + rank, ids);
      left[rank] = ids.get(halves.get(0));
      right[rank] = ids.get(halves.get(1));
    }
    List<AddedToken> added = List.of(AddedToken.special(50_256, Tokenizer.END_OF_TEXT));
    gpt2 = new BpeTokenizer(tokens, added, SplitPattern.GPT2, left, right, false);
  }

  /** Such files give tokens without merges: merging with the earlier tokens leaves two halves. */
  private static List<String> halves(String token, int id, Map<String, Integer> ids) {
    List<String> parts = new ArrayList<>(List.of(token.split("")));
    while (parts.size() > 2) {
      int best = -1;
      int bestId = id;
      for (int i = 0; i + 1 < parts.size(); i++) {
        int merged = ids.getOrDefault(parts.get(i) + parts.get(i + 1), Integer.MAX_VALUE);
        if (merged < bestId) {
          best = i;
          bestId = merged;
        }
      }
      parts.set(best, parts.get(best) + parts.remove(best + 1));
    }
    return parts;
  }

  @Test
  void givesTheIdsThatGpt2Gives() {
    assertThat(gpt2.merge(0)).isEqualTo("Ġ t");
    assertThat(gpt2.encode("Hello world")).containsExactly(15496, 995);
    assertThat(gpt2.encodeWithSpecialTokens("<|endoftext|>")).containsExactly(50256);
    assertThat(gpt2.token(0)).isEqualTo("!");
  }

  @ParameterizedTest
  @ValueSource(strings = {"tinyshakespeare.txt", "wikitext2.valid.txt", "gsm8k.test.jsonl"})
  void agreesWithJtokkitOnRealText(String file) {
    String text = Texts.shared(file);
    assertThat(gpt2.encode(text)).isEqualTo(JTOKKIT.encodeOrdinary(text).toArray());
  }

  @Test
  void agreesWithJtokkitOnOurSources() {
    for (String text : Texts.ownSources()) {
      assertThat(gpt2.encode(text)).isEqualTo(JTOKKIT.encodeOrdinary(text).toArray());
    }
  }

  @Test
  void agreesWithHuggingFaceOnHostileText() {
    List<String> texts = new ArrayList<>(Texts.hostile());
    for (long seed = 0; seed < 1_000; seed++) {
      texts.add(Texts.random(new SplittableRandom(seed)));
    }
    try (HuggingFace oracle = new HuggingFace(gpt2.toJson())) {
      for (String text : texts) {
        assertThat(gpt2.encodeWithSpecialTokens(text)).isEqualTo(oracle.encode(text));
      }
    }
  }

  @Test
  void comesBackFromItsFile() {
    String json = gpt2.toJson();
    assertThat(Tokenizers.load(json, "gpt2").toJson()).isEqualTo(json);
  }
}
