package dev.firesteel.backend;

/**
 * Rotary position embedding (Su et al. 2021): in a row of {@code [..., heads * headWidth, ...]} the
 * first {@code heads} heads are rotated, pair i of a head at position p by the angle {@code p *
 * theta^(-2i/K)}; the rest of the row is copied.
 *
 * @param heads number of heads, from the start of the row, to rotate (queries and keys: H + G)
 * @param headWidth K, even
 * @param theta base of the frequencies, usually 10000
 * @param layout which elements form a pair
 */
public record RopeSpec(int heads, int headWidth, double theta, Layout layout) {
  /** Which two elements of a head of width K are rotated together. */
  public enum Layout {
    /** Element i with element i + K/2, as Hugging Face's Llama ("rotate half"). */
    HALF,
    /** Element 2i with element 2i + 1, as the paper, Meta's Llama and llama.cpp. */
    INTERLEAVED
  }

  public RopeSpec {
    if (heads < 1 || headWidth < 2 || headWidth % 2 != 0 || !(theta > 0)) {
      throw new IllegalArgumentException(
          "RopeSpec: heads must be >= 1, head width even and theta > 0, got heads "
              + heads
              + ", head width "
              + headWidth
              + ", theta "
              + theta);
    }
  }

  /** The angle of pair {@code pair} at {@code position}, in radians. */
  public double angle(int position, int pair) {
    return position * StrictMath.pow(theta, -2.0 * pair / headWidth);
  }
}
