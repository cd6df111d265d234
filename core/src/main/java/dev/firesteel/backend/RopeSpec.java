package dev.firesteel.backend;

/**
 * Rotary position embedding (Su et al. 2021): in a row of {@code [..., heads * headWidth, ...]} the
 * first {@code heads} heads are rotated, pair i of a head at position p by the angle {@code p *
 * frequency(i)}, without scaling {@code p * theta^(-2i/K)}, and multiplied by the scaling's
 * magnitude; the rest of the row is copied.
 *
 * @param heads number of heads, from the start of the row, to rotate (queries and keys: H + G)
 * @param headWidth K, even
 * @param theta base of the frequencies, usually 10000
 * @param layout which elements form a pair
 * @param scaling of the frequencies
 */
public record RopeSpec(int heads, int headWidth, double theta, Layout layout, RopeScaling scaling) {
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

  /** Without scaling. */
  public RopeSpec(int heads, int headWidth, double theta, Layout layout) {
    this(heads, headWidth, theta, layout, RopeScaling.none());
  }

  /** The angle of pair {@code pair} at {@code position}, in radians. */
  public double angle(int position, int pair) {
    return position * scaling.frequency(theta, headWidth, pair);
  }

  /** The cosine that a pair is rotated by: {@code magnitude cos(angle)}. */
  public double cosine(int position, int pair) {
    return scaling.magnitude() * StrictMath.cos(angle(position, pair));
  }

  /** The sine that a pair is rotated by: {@code magnitude sin(angle)}. */
  public double sine(int position, int pair) {
    return scaling.magnitude() * StrictMath.sin(angle(position, pair));
  }
}
