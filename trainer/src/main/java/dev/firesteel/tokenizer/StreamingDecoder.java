package dev.firesteel.tokenizer;

import java.util.Arrays;

/**
 * Decodes ids one at a time and holds back the bytes of an incomplete character. The pieces
 * concatenate to {@link Tokenizer#decode} of all ids.
 *
 * <p>Not thread-safe.
 */
public final class StreamingDecoder {
  private final Steps steps;

  /** How a kind of tokenizer decodes, with what it holds back. */
  interface Steps {
    String append(int id);

    /** Text is decided as at the end, but more may follow. */
    String flush();

    String end();
  }

  StreamingDecoder(Steps steps) {
    this.steps = steps;
  }

  /** A decoder for tokens whose bytes do not depend on the tokens before. */
  StreamingDecoder(Tokenizer tokenizer) {
    this(new BytesOfEach(tokenizer));
  }

  /** The text completed by {@code id}, perhaps empty. */
  public String append(int id) {
    return steps.append(id);
  }

  /**
   * The text that is held back, as {@link #end} gives it; ids may follow, whose text begins after
   * it.
   */
  public String flush() {
    return steps.flush();
  }

  /** The rest: U+FFFD for a character that was never completed. Resets the decoder. */
  public String end() {
    return steps.end();
  }

  private static final class BytesOfEach implements Steps {
    private final Tokenizer tokenizer;
    private byte[] heldBack = new byte[0];

    BytesOfEach(Tokenizer tokenizer) {
      this.tokenizer = tokenizer;
    }

    @Override
    public String append(int id) {
      byte[] more = tokenizer.decodeBytes(id);
      byte[] bytes = Arrays.copyOf(heldBack, heldBack.length + more.length);
      System.arraycopy(more, 0, bytes, heldBack.length, more.length);
      StringBuilder text = new StringBuilder();
      int decoded = Utf8.decodePrefix(bytes, text);
      heldBack = Arrays.copyOfRange(bytes, decoded, bytes.length);
      return text.toString();
    }

    @Override
    public String flush() {
      String rest = Utf8.decode(heldBack);
      heldBack = new byte[0];
      return rest;
    }

    @Override
    public String end() {
      return flush();
    }
  }
}
