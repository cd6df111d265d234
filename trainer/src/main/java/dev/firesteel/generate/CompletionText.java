package dev.firesteel.generate;

import dev.firesteel.tokenizer.StreamingDecoder;
import dev.firesteel.tokenizer.Tokenizer;
import java.util.List;

/**
 * The text of one completion as it grows, up to the first stop string. A possible beginning of a
 * stop string is held back until later tokens decide.
 */
final class CompletionText {
  private final StreamingDecoder decoder;
  private final List<String> stopStrings;
  private final StringBuilder certain = new StringBuilder();
  private final StringBuilder heldBack = new StringBuilder();
  private boolean stopped;

  /**
   * @param prompt the ids before the completion: some tokenizers give a token's text without the
   *     space before it at the beginning of a text, where special tokens do not count
   */
  CompletionText(Tokenizer tokenizer, int[] prompt, List<String> stopStrings) {
    this.decoder = tokenizer.streamingDecoder();
    this.stopStrings = stopStrings;
    for (int id : prompt) {
      if (id < tokenizer.vocabularySize() && !tokenizer.isSpecial(id)) {
        decoder.append(id);
      }
    }
    decoder.flush();
  }

  /** The text that becomes final with one more token. */
  String append(int token) {
    heldBack.append(decoder.append(token));
    cutAtStop();
    return release(stopped ? heldBack.length() : heldBack.length() - longestBeginning());
  }

  /** The text that was held back, at the end; a stop string may appear in it. */
  String end() {
    if (!stopped) {
      heldBack.append(decoder.end());
      cutAtStop();
    }
    return release(heldBack.length());
  }

  private void cutAtStop() {
    int stop = firstStop();
    if (stop >= 0) {
      stopped = true;
      heldBack.setLength(stop);
    }
  }

  /** Whether a stop string has appeared. */
  boolean stopped() {
    return stopped;
  }

  /** All final text. */
  String text() {
    return certain.toString();
  }

  private String release(int length) {
    String text = heldBack.substring(0, length);
    heldBack.delete(0, length);
    certain.append(text);
    return text;
  }

  /** Where the first stop string begins, or -1. It cannot begin in text that was released. */
  private int firstStop() {
    int first = -1;
    for (String stop : stopStrings) {
      int at = heldBack.indexOf(stop);
      if (at >= 0 && (first < 0 || at < first)) {
        first = at;
      }
    }
    return first;
  }

  /** The length of the longest suffix of the text that is a prefix of a stop string. */
  private int longestBeginning() {
    int longest = 0;
    for (String stop : stopStrings) {
      for (int length = Math.min(stop.length() - 1, heldBack.length());
          length > longest;
          length--) {
        if (heldBack.indexOf(stop.substring(0, length), heldBack.length() - length) >= 0) {
          longest = length;
        }
      }
    }
    return longest;
  }
}
