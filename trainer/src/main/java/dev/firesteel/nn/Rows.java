package dev.firesteel.nn;

import dev.firesteel.array.Shape;
import dev.firesteel.tensor.RowLayout;
import dev.firesteel.tensor.Tape;
import dev.firesteel.tensor.Tensor;

/**
 * Where the tokens of a batch [B, T] stand and what they see, on a tape: once per pass, for all
 * layers.
 *
 * @param positions [B, T] of I32; null if each row counts from 0
 * @param ranges [B, T, 2] of I32, see {@link Tensor#attention}
 */
public record Rows(Tensor positions, Tensor ranges) {

  /** Rows whose tokens see those before them in their document. */
  public static Rows causal(Tape tape, RowLayout layout) {
    Shape shape = Shape.of(layout.batch(), layout.tokens());
    return new Rows(
        layout.isWhole() ? null : tape.constant(layout.positions(), shape),
        ranges(tape, layout.causal(), shape));
  }

  /** New tokens that follow those in a cache. */
  public static Rows cached(Tape tape, int tokens, CacheRows cache) {
    Shape shape = Shape.of(cache.count(), tokens);
    int[] past = cache.lengths();
    return new Rows(
        tape.constant(RowLayout.cachedPositions(tokens, past), shape),
        ranges(tape, RowLayout.cached(tokens, past), shape));
  }

  private static Tensor ranges(Tape tape, int[] ranges, Shape shape) {
    return tape.constant(ranges, Shape.of(shape.dim(0), shape.dim(1), 2));
  }
}
