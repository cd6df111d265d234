package dev.firesteel.jinja;

/**
 * How much one rendering may do. A template comes with somebody's tokenizer, and is not trusted.
 *
 * @param steps expressions and statements evaluated
 * @param characters length of the output, and of each text and list on the way
 * @param depth of macros that call one another
 */
public record Limits(long steps, int characters, int depth) {
  /** Ten million steps, 16 Mi characters, depth 50. */
  public static final Limits DEFAULT = new Limits(10_000_000, 1 << 24, 50);

  /** Checks that they are positive. */
  public Limits {
    if (steps < 1 || characters < 1 || depth < 1) {
      throw new IllegalArgumentException(
          "limits must be positive, got %d, %d and %d".formatted(steps, characters, depth));
    }
  }
}
