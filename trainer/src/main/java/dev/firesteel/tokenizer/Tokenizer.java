package dev.firesteel.tokenizer;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.OptionalInt;

/**
 * Text to token ids and back. Ids run from 0 to {@code vocabularySize() - 1} without holes.
 *
 * <p>Implementations are immutable and safe for use by many threads.
 */
public interface Tokenizer {
  /** The token that separates documents, written as GPT-2 writes it. */
  String END_OF_TEXT = "<|endoftext|>";

  /** Number of ids, special tokens included. */
  int vocabularySize();

  /**
   * The ids of plain text: characters that happen to spell a special token stay text, so that no
   * document can forge the end of a document. Equals Hugging Face's encoding with {@code
   * encode_special_tokens = true} and {@code add_special_tokens = false}.
   *
   * <p>A lone surrogate, which no UTF-8 text can hold, is read as U+FFFD.
   */
  int[] encode(String text);

  /**
   * As {@link #encode}, but special tokens spelt in the text become their ids: for prompts and chat
   * templates, never for training documents.
   */
  int[] encodeWithSpecialTokens(String text);

  /** The text of {@code ids}; each maximal piece of malformed UTF-8 becomes one U+FFFD. */
  default String decode(int... ids) {
    return Utf8.decode(decodeBytes(ids));
  }

  /** The exact bytes of {@code ids}: special tokens come out as they are spelt. */
  byte[] decodeBytes(int... ids);

  /** A decoder for showing ids as they are generated, one after the other. */
  default StreamingDecoder streamingDecoder() {
    return new StreamingDecoder(this);
  }

  /**
   * The id of a token as {@code tokenizer.json} spells it (byte-level tokens in GPT-2's byte
   * alphabet: {@code Ġthe}), empty if there is no such token.
   */
  OptionalInt id(String token);

  /** The token with this id as {@code tokenizer.json} spells it. */
  String token(int id);

  /** Whether this id is a special token, which plain text never encodes to. */
  boolean isSpecial(int id);

  /**
   * The token that separates documents: the one of {@link #endingWith}, else {@link #END_OF_TEXT},
   * else a special token of another well-known name ({@code </s>}); empty where there is none.
   */
  OptionalInt endOfText();

  /**
   * This tokenizer, in which the token {@code id} separates documents. {@link #toJson} does not
   * hold that: a {@code tokenizer.json} has no place for it.
   */
  Tokenizer endingWith(int id);

  /**
   * The tokenizer as Hugging Face's {@code tokenizer.json}. Equal tokenizers give equal text,
   * whatever the layout of the file they were loaded from.
   */
  String toJson();

  /** Writes {@link #toJson()} in UTF-8; the stream is left open. */
  default void save(OutputStream out) throws IOException {
    out.write(toJson().getBytes(StandardCharsets.UTF_8));
  }

  /** SHA-256 of {@link #toJson()} in UTF-8, in lower-case hexadecimal. */
  default String sha256() {
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      return HexFormat.of().formatHex(digest.digest(toJson().getBytes(StandardCharsets.UTF_8)));
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every Java platform has SHA-256", e);
    }
  }
}
