package dev.firesteel.optim;

import dev.firesteel.array.NdArray;
import dev.firesteel.backend.Backend;
import dev.firesteel.collective.TreeSum;
import dev.firesteel.nn.ParameterSet;
import dev.firesteel.nn.Segment;
import dev.firesteel.nn.SegmentRange;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;

/**
 * The sum of the gradients of a step's micro-batches, in the order of {@link TreeSum}, with at most
 * {@code floor(log2 n) + 1} segments of memory for n micro-batches.
 *
 * <pre>{@code
 * for (int microBatch = 0; microBatch < microBatches; microBatch++) {
 *   Segment gradients = accumulator.next();
 *   ... // a backward pass writes them
 *   accumulator.add(gradients);
 * }
 * Segment sum = accumulator.total();
 * }</pre>
 */
public final class GradientAccumulator implements AutoCloseable {
  private final ParameterSet parameters;
  private final TreeSum<Segment> sum;
  private final Deque<Segment> free = new ArrayDeque<>();
  private final List<Segment> all = new ArrayList<>();
  private Segment last; // only where the step's last micro-batch is added range by range
  private List<Segment> earlier = List.of(); // partial sums before it, smallest first
  private Segment total;

  /**
   * @param microBatches micro-batches per step on all ranks together
   */
  public GradientAccumulator(ParameterSet parameters, int microBatches) {
    this.parameters = parameters;
    this.sum = new TreeSum<>(this::plus, microBatches);
  }

  /**
   * A segment for the next micro-batch, to be overwritten: its content is undefined, except
   * padding.
   */
  public Segment next() {
    if (last != null) {
      earlier.forEach(free::push);
      free.push(last);
      earlier = List.of();
      last = null;
    } else if (total != null) {
      free.push(total);
    }
    total = null;
    if (free.isEmpty()) {
      Segment segment = parameters.newSegment();
      all.add(segment);
      return segment;
    }
    return free.pop();
  }

  /** Adds the segment from {@link #next} once it is written, and takes ownership of it. */
  public void add(Segment gradients) {
    sum.add(gradients);
  }

  /**
   * Replaces {@link #add} for the step's last micro-batch, so that the sum can be computed range by
   * range while a backward pass writes it; call {@link #finish} for each range that is written.
   */
  public void addLast(Segment gradients) {
    last = gradients;
    earlier = sum.drain();
    total = earlier.isEmpty() ? gradients : earlier.get(earlier.size() - 1);
  }

  /** Adds up a range of all micro-batches, the last included, into {@link #total}. */
  public void finish(SegmentRange range) {
    Backend backend = parameters.backend();
    for (SegmentRange piece : parameters.pieces(range)) {
      NdArray sumOfLater = last.range(piece.begin(), piece.end());
      for (Segment partial : earlier) {
        NdArray into = partial.range(piece.begin(), piece.end());
        backend.elementwise().addScaled(1, sumOfLater, into);
        sumOfLater = into;
      }
    }
  }

  /**
   * The sum of the step's gradients, valid until {@link #next}; after {@link #addLast}, of the
   * finished ranges only.
   */
  public Segment total() {
    if (total == null) {
      total = sum.total();
    }
    return total;
  }

  private Segment plus(Segment earlier, Segment later) {
    Backend backend = parameters.backend();
    for (int i = 0; i < earlier.arrays().size(); i++) {
      backend.elementwise().addScaled(1, later.arrays().get(i), earlier.arrays().get(i));
    }
    free.push(later);
    return earlier;
  }

  /** The number of segments allocated so far. */
  int segments() {
    return all.size();
  }

  /** Releases the memory. */
  @Override
  public void close() {
    all.forEach(Segment::close);
  }
}
