package dev.firesteel.tokenizer;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.OptionalInt;

/**
 * Converts between text and token ids. Ids run from 0 to {@code vocabularySize() - 1} without gaps.
 *
 * <p>Implementations are immutable and thread-safe.
 */
public interface Tokenizer {
  /** The token that separates documents, written as GPT-2 writes it. */
  String END_OF_TEXT = "<|endoftext|>";

  /** Number of ids, special tokens included. */
  int vocabularySize();

  /**
   * The ids of plain text: characters that happen to spell a special token stay text, so that no
   * document can forge its own end. Equals Hugging Face's encoding with {@code
   * encode_special_tokens = true} and {@code add_special_tokens = false}.
   *
   * <p>An unpaired surrogate, which UTF-8 cannot represent, is read as U+FFFD.
   */
  int[] encode(String text);

  /**
   * Like {@link #encode}, but special tokens spelled out in the text become their ids: for prompts
   * and chat templates, never for training documents.
   */
  int[] encodeWithSpecialTokens(String text);

  /**
   * The text of {@code ids}; each maximal sequence of malformed UTF-8 becomes one U+FFFD. Tokens of
   * single bytes ({@code <0xE2>}) that follow one another and are not UTF-8 become one each.
   */
  default String decode(int... ids) {
    return Utf8.decode(decodeBytes(ids));
  }

  /** The exact bytes of the text of {@code ids}; special tokens are spelled out. */
  byte[] decodeBytes(int... ids);

  /** A decoder for displaying ids as they are generated. */
  default StreamingDecoder streamingDecoder() {
    return new StreamingDecoder(this);
  }

  /**
   * The id of a token in the notation of {@code tokenizer.json} (byte-level tokens in GPT-2's byte
   * alphabet: {@code Ġthe}); empty if there is no such token.
   */
  OptionalInt id(String token);

  /** The token with this id in the notation of {@code tokenizer.json}. */
  String token(int id);

  /** Whether this id is a special token, which plain text never encodes to. */
  boolean isSpecial(int id);

  /**
   * The token that separates documents: the one set by {@link #endingWith}, else {@link
   * #END_OF_TEXT}, else a special token with another well-known name ({@code </s>}); empty if there
   * is none.
   */
  OptionalInt endOfText();

  /**
   * The tokens that the tokenizer's file puts before and after one text, for callers that want what
   * Hugging Face's library does with {@code add_special_tokens = true}.
   */
  default SequenceTokens sequenceTokens() {
    return SequenceTokens.NONE;
  }

  /**
   * This tokenizer with token {@code id} as document separator. {@link #toJson} does not include
   * that: {@code tokenizer.json} has no place for it.
   */
  Tokenizer endingWith(int id);

  /**
   * The tokenizer as Hugging Face's {@code tokenizer.json}. Equal tokenizers give equal text,
   * regardless of the formatting of the file they were loaded from.
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
