package dev.firesteel.tokenizer;

import java.util.List;

/**
 * The tokens that a file's {@code post_processor} puts around one text, such as {@code [CLS]} and
 * {@code [SEP]}. {@link Tokenizer#encode} leaves them out.
 *
 * @param start the ids before the text
 * @param end the ids after it
 */
public record SequenceTokens(List<Integer> start, List<Integer> end) {
  /** No tokens at all. */
  public static final SequenceTokens NONE = new SequenceTokens(List.of(), List.of());

  public SequenceTokens {
    start = List.copyOf(start);
    end = List.copyOf(end);
  }
}
