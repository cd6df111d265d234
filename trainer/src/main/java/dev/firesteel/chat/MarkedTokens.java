package dev.firesteel.chat;

import java.util.Arrays;

/** Tokens, and which of them are trained. Immutable. */
public final class MarkedTokens {
  private final int[] tokens;
  private final boolean[] trained;

  MarkedTokens(int[] tokens, boolean[] trained) {
    this.tokens = tokens;
    this.trained = trained;
  }

  /** A copy of the tokens, [T]. */
  public int[] tokens() {
    return tokens.clone();
  }

  /** A copy of the marks, [T]. */
  public boolean[] trained() {
    return trained.clone();
  }

  /** T. */
  public int length() {
    return tokens.length;
  }

  /** Collects tokens. */
  static final class Builder {
    private int[] tokens = new int[64];
    private boolean[] trained = new boolean[64];
    private int size;

    void add(int[] more, boolean marked) {
      int needed = size + more.length;
      if (needed > tokens.length) {
        tokens = Arrays.copyOf(tokens, Math.max(needed, 2 * tokens.length));
        trained = Arrays.copyOf(trained, tokens.length);
      }
      System.arraycopy(more, 0, tokens, size, more.length);
      Arrays.fill(trained, size, needed, marked);
      size = needed;
    }

    /** One more than the position of the last trained token; 0 if there is none. */
    int endOfTrained() {
      int end = size;
      while (end > 0 && !trained[end - 1]) {
        end--;
      }
      return end;
    }

    int token(int position) {
      return tokens[position];
    }

    int size() {
      return size;
    }

    void cut(int length) {
      size = length;
    }

    int[] tokens() {
      return Arrays.copyOf(tokens, size);
    }

    MarkedTokens build(boolean all) {
      boolean[] marks = Arrays.copyOf(trained, size);
      if (all) {
        Arrays.fill(marks, true);
      }
      return new MarkedTokens(tokens(), marks);
    }
  }
}
