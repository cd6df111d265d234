package dev.firesteel.tokenizer;

import java.io.InputStream;
import java.util.Collection;

/** Loads a tokenizer of the kind that a Hugging Face {@code tokenizer.json} describes. */
public final class Tokenizers {
  private Tokenizers() {}

  /**
   * Loads a tokenizer from text.
   *
   * @param json the text of a {@code tokenizer.json}
   * @param source where it comes from, for messages: a path
   * @throws dev.firesteel.error.UserException if the file is damaged, or of an unsupported kind;
   *     the message says why
   */
  public static Tokenizer load(String json, String source) {
    return load(TokenizerJson.parse(json, source));
  }

  /**
   * Like {@link #load(String, String)} for UTF-8; reads the stream to its end, does not close it.
   */
  public static Tokenizer load(InputStream json, String source) {
    return load(TokenizerJson.parse(json, source));
  }

  /**
   * Like {@link #load(InputStream, String)}, with tokens that another file says are special. Those
   * of the vocabulary keep their ids, all others get the next ones.
   *
   * @param special their spellings
   */
  public static Tokenizer load(InputStream json, String source, Collection<String> special) {
    return load(TokenizerJson.parse(json, source).withSpecialTokens(special));
  }

  private static Tokenizer load(TokenizerJson json) {
    // Files older than tokenizers 0.8 do not name the type; only BPE has merges.
    String type = json.model().path("type").asText(json.model().has("merges") ? "BPE" : "(absent)");
    return switch (type) {
      case "BPE" ->
          BpeTokenizer.isByteLevel(json)
              ? BpeTokenizer.read(json)
              : PipelineTokenizer.read(json, false);
      case "WordPiece" -> PipelineTokenizer.read(json, true);
      case "WordLevel" -> CharTokenizer.read(json);
      default ->
          throw json.unsupported(
              "model %s is not supported: only BPE, WordPiece and character tokenizers (WordLevel) are"
                  .formatted(type));
    };
  }
}
