package dev.firesteel.chat;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.firesteel.tokenizer.BpeTokenizer;
import dev.firesteel.tokenizer.Tokenizer;
import dev.firesteel.tokenizer.Tokenizers;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;

/** Tokenizers over bytes with further special tokens. */
public final class TestTokenizers {
  private TestTokenizers() {}

  /** Ids are bytes, then {@code <|endoftext|>}, then these. */
  public static Tokenizer bytesWith(String... special) {
    return bytesWith(false, special);
  }

  /** As {@link #bytesWith(String...)}, where each may take the white space after it. */
  static Tokenizer bytesWith(boolean rstrip, String... special) {
    try {
      ObjectNode json = (ObjectNode) new ObjectMapper().readTree(BpeTokenizer.bytes().toJson());
      ArrayNode added = (ArrayNode) json.get("added_tokens");
      for (int i = 0; i < special.length; i++) {
        added
            .addObject()
            .put("id", 257 + i)
            .put("content", special[i])
            .put("single_word", false)
            .put("lstrip", false)
            .put("rstrip", rstrip)
            .put("normalized", false)
            .put("special", true);
      }
      byte[] bytes = json.toString().getBytes(StandardCharsets.UTF_8);
      return Tokenizers.load(new ByteArrayInputStream(bytes), "test");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Bytes, and one token for two line ends. */
  static Tokenizer merging() {
    try {
      ObjectNode json = (ObjectNode) new ObjectMapper().readTree(BpeTokenizer.bytes().toJson());
      ((ObjectNode) json.path("model").path("vocab")).put("ĊĊ", 257);
      ((ArrayNode) json.path("model").path("merges")).addArray().add("Ċ").add("Ċ");
      byte[] bytes = json.toString().getBytes(StandardCharsets.UTF_8);
      return Tokenizers.load(new ByteArrayInputStream(bytes), "test");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** A small tokenizer that puts a space before each text, as that of Llama 2. */
  static Tokenizer sentencePiece() {
    try (InputStream in =
        Tokenizer.class.getResourceAsStream("/dev/firesteel/tokenizer/llama2-legacy.json")) {
      return Tokenizers.load(in, "llama2-legacy.json");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Tokens as text, those that are trained in brackets, special ones with their ids. */
  public static String shown(Tokenizer tokenizer, int[] tokens, boolean[] trained) {
    StringBuilder shown = new StringBuilder();
    for (int i = 0; i < tokens.length; i++) {
      boolean opens = trained[i] && (i == 0 || !trained[i - 1]);
      boolean closes = trained[i] && (i == tokens.length - 1 || !trained[i + 1]);
      String text = tokenizer.decode(tokens[i]);
      shown.append(opens ? "[" : "");
      shown.append(tokenizer.isSpecial(tokens[i]) ? "#" + tokens[i] : text);
      shown.append(closes ? "]" : "");
    }
    return shown.toString();
  }
}
