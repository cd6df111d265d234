package dev.firesteel.tokenizer;

import java.util.Arrays;

/**
 * Decodes ids one after the other and holds back the bytes of a character that is not complete yet.
 * The pieces put together equal {@link Tokenizer#decode} of all ids.
 *
 * <p>For one thread.
 */
public final class StreamingDecoder {
  private final Tokenizer tokenizer;
  private byte[] heldBack = new byte[0];

  StreamingDecoder(Tokenizer tokenizer) {
    this.tokenizer = tokenizer;
  }

  /** The text that {@code id} completes, perhaps empty. */
  public String append(int id) {
    byte[] more = tokenizer.decodeBytes(id);
    byte[] bytes = Arrays.copyOf(heldBack, heldBack.length + more.length);
    System.arraycopy(more, 0, bytes, heldBack.length, more.length);
    StringBuilder text = new StringBuilder();
    int decoded = Utf8.decodePrefix(bytes, text);
    heldBack = Arrays.copyOfRange(bytes, decoded, bytes.length);
    return text.toString();
  }

  /** The rest: U+FFFD for a character that never became complete. Starts afresh afterwards. */
  public String end() {
    String rest = Utf8.decode(heldBack);
    heldBack = new byte[0];
    return rest;
  }
}
