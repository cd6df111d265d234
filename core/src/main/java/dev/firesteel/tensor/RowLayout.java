package dev.firesteel.tensor;

import java.util.Arrays;

/**
 * What the rows of a batch [B, T] hold: documents, one after another, and padding. Gives each token
 * its position, which restarts at each document, and the range of keys that it sees: only those of
 * its own document. Padding has position 0 and sees only itself.
 *
 * <p>In {@code fp32} a model computes a document's tokens to the same bits in any layout.
 */
public final class RowLayout {
  private final int batch;
  private final int tokens;

  /** Of each token: where its document begins and ends in the row; its own place if padding. */
  private final int[] begins;

  private final int[] ends;

  /** The number of each token's document in its row; -1 for padding. */
  private final int[] documents;

  private RowLayout(int batch, int tokens) {
    if (batch < 1 || tokens < 1) {
      throw new IllegalArgumentException(
          "RowLayout: there must be at least one row and one token, got ["
              + batch
              + ", "
              + tokens
              + "]");
    }
    this.batch = batch;
    this.tokens = tokens;
    begins = new int[Math.multiplyExact(batch, tokens)];
    ends = new int[batch * tokens];
    documents = new int[batch * tokens];
    for (int i = 0; i < begins.length; i++) {
      begins[i] = i % tokens;
      ends[i] = i % tokens + 1;
      documents[i] = -1;
    }
  }

  /** Each row is one document. */
  public static RowLayout whole(int batch, int tokens) {
    int[] lengths = new int[batch];
    Arrays.fill(lengths, tokens);
    return rightPadded(tokens, lengths);
  }

  /**
   * Rows of several documents.
   *
   * @param lengths of the documents of each row, from its start; the rest of the row is padding
   */
  public static RowLayout packed(int tokens, int[]... lengths) {
    RowLayout layout = new RowLayout(lengths.length, tokens);
    for (int b = 0; b < lengths.length; b++) {
      int begin = 0;
      for (int document = 0; document < lengths[b].length; document++) {
        layout.set(b, begin, lengths[b][document], document);
        begin += lengths[b][document];
      }
    }
    return layout;
  }

  /** A document in each row, followed by padding. */
  public static RowLayout rightPadded(int tokens, int... lengths) {
    RowLayout layout = new RowLayout(lengths.length, tokens);
    for (int b = 0; b < lengths.length; b++) {
      layout.set(b, 0, lengths[b], 0);
    }
    return layout;
  }

  /** A document in each row, after padding. */
  public static RowLayout leftPadded(int tokens, int... lengths) {
    RowLayout layout = new RowLayout(lengths.length, tokens);
    for (int b = 0; b < lengths.length; b++) {
      layout.set(b, tokens - lengths[b], lengths[b], 0);
    }
    return layout;
  }

  private void set(int row, int begin, int length, int document) {
    if (length < 1 || begin < 0 || length > tokens - begin) {
      throw new IllegalArgumentException(
          "RowLayout: documents must have at least one token and fit in a row of "
              + tokens
              + ", got one of "
              + length
              + " at token "
              + begin
              + " of row "
              + row);
    }
    int from = row * tokens + begin;
    Arrays.fill(begins, from, from + length, begin);
    Arrays.fill(ends, from, from + length, begin + length);
    Arrays.fill(documents, from, from + length, document);
  }

  /** The rows {@code [begin, end)}. */
  public RowLayout rows(int begin, int end) {
    RowLayout part = new RowLayout(end - begin, tokens);
    int size = part.begins.length;
    System.arraycopy(begins, begin * tokens, part.begins, 0, size);
    System.arraycopy(ends, begin * tokens, part.ends, 0, size);
    System.arraycopy(documents, begin * tokens, part.documents, 0, size);
    return part;
  }

  /** B. */
  public int batch() {
    return batch;
  }

  /** T. */
  public int tokens() {
    return tokens;
  }

  /** Whether each row is one document without padding. */
  public boolean isWhole() {
    for (int i = 0; i < begins.length; i++) {
      if (begins[i] != 0 || ends[i] != tokens) {
        return false;
      }
    }
    return true;
  }

  /** The position of each token in its document, [B, T]. */
  public int[] positions() {
    int[] positions = new int[begins.length];
    for (int i = 0; i < positions.length; i++) {
      positions[i] = i % tokens - begins[i];
    }
    return positions;
  }

  /** The longest document's length. */
  public int longest() {
    int longest = 0;
    for (int i = 0; i < begins.length; i++) {
      longest = Math.max(longest, ends[i] - begins[i]);
    }
    return longest;
  }

  /** Ranges [B, T, 2] of {@link Tensor#attention}: a token sees those at or before it. */
  public int[] causal() {
    int[] ranges = new int[2 * begins.length];
    for (int i = 0; i < begins.length; i++) {
      ranges[2 * i] = begins[i];
      ranges[2 * i + 1] = i % tokens + 1;
    }
    return ranges;
  }

  /** Ranges [B, T, 2]: a token sees all of its document. */
  public int[] full() {
    int[] ranges = new int[2 * begins.length];
    for (int i = 0; i < begins.length; i++) {
      ranges[2 * i] = begins[i];
      ranges[2 * i + 1] = ends[i];
    }
    return ranges;
  }

  /**
   * Ranges [B, T, 2]: a token sees those at or before it, and all of its document's prefix (prefix
   * language models; Raffel et al. 2020, section 3.2.1).
   *
   * @param prefixes tokens of the prefix of each document of each row
   */
  public int[] prefix(int[]... prefixes) {
    int[] ranges = causal();
    for (int i = 0; i < begins.length; i++) {
      if (documents[i] >= 0) {
        int prefixEnd = begins[i] + prefixes[i / tokens][documents[i]];
        ranges[2 * i + 1] = Math.max(ranges[2 * i + 1], Math.min(prefixEnd, ends[i]));
      }
    }
    return ranges;
  }

  /**
   * Ranges [B, T, 2] of keys in other rows (cross-attention): a token of document d of a row sees
   * all of document d of the same row of {@code keys}. Padding sees the row's first token.
   */
  public int[] cross(RowLayout keys) {
    if (keys.batch != batch) {
      throw new IllegalArgumentException(
          "RowLayout: queries and keys must have the same number of rows, got "
              + batch
              + " and "
              + keys.batch);
    }
    int[] ranges = new int[2 * begins.length];
    for (int i = 0; i < begins.length; i++) {
      int row = i / tokens;
      int at = documents[i] < 0 ? 0 : keys.tokenOf(row, documents[i]);
      ranges[2 * i] = documents[i] < 0 ? 0 : keys.begins[row * keys.tokens + at];
      ranges[2 * i + 1] = documents[i] < 0 ? 1 : keys.ends[row * keys.tokens + at];
    }
    return ranges;
  }

  private int tokenOf(int row, int document) {
    for (int t = 0; t < tokens; t++) {
      if (documents[row * tokens + t] == document) {
        return t;
      }
    }
    throw new IllegalArgumentException(
        "RowLayout: row " + row + " of the keys must hold a document " + document);
  }

  /**
   * Ranges [B, T, 2] of T new tokens of each sequence that follow others in a cache: a token sees
   * those at or before it.
   *
   * @param past tokens of each sequence in the cache before the new ones
   */
  public static int[] cached(int tokens, int... past) {
    int[] ranges = new int[2 * past.length * tokens];
    for (int i = 0; i < past.length * tokens; i++) {
      ranges[2 * i + 1] = past[i / tokens] + i % tokens + 1;
    }
    return ranges;
  }

  /**
   * Positions [B, T] of T new tokens of each sequence that follow others in a cache.
   *
   * @param past tokens of each sequence in the cache before the new ones
   */
  public static int[] cachedPositions(int tokens, int... past) {
    int[] positions = new int[past.length * tokens];
    for (int i = 0; i < positions.length; i++) {
      positions[i] = past[i / tokens] + i % tokens;
    }
    return positions;
  }
}
