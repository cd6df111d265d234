package dev.firesteel.convert;

import dev.firesteel.tokenizer.BpeTokenizer;
import dev.firesteel.tokenizer.SplitPattern;
import dev.firesteel.tokenizer.Tokenizer;
import dev.firesteel.tokenizer.Tokenizers;
import dev.firesteel.tokenizer.VocabularyFormats;
import dev.firesteel.tokenizer.VocabularyFormats.Kind;
import dev.firesteel.tokenizer.VocabularyFormats.Token;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Small tokenizers of each kind. */
final class TextTokenizers {
  private static final List<String> MERGES =
      List.of(
          "Ġ t", "h e", "Ġt he", "i n", "Ġ a", "r e", "Ġa n", "Ġan d", "e r", "g h", "i gh",
          "igh t");

  private TextTokenizers() {}

  /** Printable ASCII, a line end and two characters that are more than one byte. */
  static Tokenizer characters() {
    StringBuilder vocabulary = new StringBuilder();
    int id = 0;
    for (char c = ' '; c < 127; c++) {
      vocabulary.append(quoted(c)).append(": ").append(id++).append(", ");
    }
    vocabulary.append("\"\\n\": %d, \"\u00e9\": %d, \"\u20ac\": %d".formatted(id, id + 1, id + 2));
    return Tokenizers.load(
        """
        {"version": "1.0", "added_tokens": [{"id": %d, "content": "<|endoftext|>", "special": true}],
         "pre_tokenizer": {"type": "Split", "pattern": {"Regex": "[\\\\s\\\\S]"}, "behavior": "Isolated", "invert": false},
         "decoder": {"type": "Fuse"},
         "model": {"type": "WordLevel", "vocab": {%s, "<|endoftext|>": %d}, "unk_token": "<|unknown|>"}}
        """
            .formatted(id + 3, vocabulary, id + 3),
        "test");
  }

  private static String quoted(char c) {
    return c == '"' || c == '\\' ? "\"\\" + c + "\"" : "\"" + c + "\"";
  }

  /** Bytes and a few merges. */
  static Tokenizer bpe() {
    List<Token> tokens = new ArrayList<>();
    for (int b = 0; b < 256; b++) {
      tokens.add(new Token(BpeTokenizer.inByteAlphabet((byte) b), Kind.NORMAL, 0));
    }
    for (String merge : MERGES) {
      String[] pair = merge.split(" ", -1);
      tokens.add(new Token(pair[0] + pair[1], Kind.NORMAL, 0));
    }
    tokens.add(new Token(Tokenizer.END_OF_TEXT, Kind.CONTROL, 0));
    return VocabularyFormats.byteLevel(
        tokens, MERGES, SplitPattern.GPT2, Optional.empty(), false, "test");
  }
}
