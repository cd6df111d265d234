package dev.firesteel.rl;

/**
 * The soft penalty on completions near the maximum length (DAPO; Yu et al. 2025, equation 13). With
 * L the maximum length and C the length of the buffer before it, a completion of n tokens gets
 *
 * <pre>
 * 0                        n &lt;= L - C
 * factor (L - C - n) / C   L - C &lt; n &lt;= L
 * -factor                  n &gt; L
 * </pre>
 *
 * @param maxLength L, in tokens with the end token
 * @param buffer C, in tokens; 0 for no penalty up to L
 * @param factor greatest penalty; 0 for none
 */
public record OverlongPenalty(int maxLength, int buffer, double factor) {
  /** No penalty. */
  public static final OverlongPenalty NONE = new OverlongPenalty(Integer.MAX_VALUE, 0, 0);

  /** Checks the parameters. */
  public OverlongPenalty {
    if (buffer < 0 || maxLength < 1 || buffer > maxLength) {
      throw new IllegalArgumentException(
          "rl: the buffer before the maximum length must be in [0, "
              + maxLength
              + "] tokens, got "
              + buffer);
    }
    Checks.notNegative("the factor of the length penalty", factor);
  }

  /** What is added to the score of a completion of {@code tokens} tokens. */
  public double of(int tokens) {
    int free = maxLength - buffer;
    if (tokens <= free) {
      return 0;
    }
    return tokens > maxLength ? -factor : factor * (free - tokens) / buffer;
  }
}
