package dev.firesteel.scaling.forecast;

import dev.firesteel.config.ModelConfig;
import dev.firesteel.error.UserException;
import dev.firesteel.plan.ParameterCount;
import java.util.Locale;

/**
 * A model of about N parameters in the image of another: the width of a head, the ratio of heads to
 * key-value heads and that of the feed-forward width to the width stay; layers and heads grow so
 * that width over layers stays as near as it can; and the feed-forward width, a multiple of {@value
 * #FEED_FORWARD_UNIT}, is adjusted last, to meet N.
 */
final class ShapeSearch {
  /** How far N may be from what was asked for. */
  static final double TOLERANCE = 0.02;

  private static final int FEED_FORWARD_UNIT = 8;
  private static final int MOST_LAYERS = 200;
  private static final int MOST_HEADS = 512;

  /** What a shape of other proportions costs beside one of another size, in logarithms. */
  private static final double ASPECT_WEIGHT = 0.3;

  private final ModelConfig base;
  private final ParameterCount count;
  private final double target;

  private ShapeSearch(ModelConfig base, ParameterCount count, double target) {
    this.base = base;
    this.count = count;
    this.target = target;
  }

  /**
   * The model nearest to a size.
   *
   * @param base with its vocabulary size resolved
   * @param count what N counts
   * @param parameters N
   * @throws UserException if no model of the base's vocabulary comes within {@link #TOLERANCE}
   */
  static ModelConfig find(ModelConfig base, ParameterCount count, double parameters) {
    return new ShapeSearch(base, count, parameters).find();
  }

  private ModelConfig find() {
    ModelConfig best = null;
    double least = Double.POSITIVE_INFINITY;
    for (int groups = 1; groups <= MOST_HEADS; groups++) {
      // N is linear in the number of layers: two counts give all.
      long one = count.of(shape(1, groups));
      long block = count.of(shape(2, groups)) - one;
      if (best != null && one > target) {
        break;
      }
      int below = (int) Math.max(1, Math.min(MOST_LAYERS, 1 + (target - one) / block));
      for (int layers = below; layers <= Math.min(MOST_LAYERS, below + 1); layers++) {
        double badness = badness(shape(layers, groups), one + (layers - 1) * block);
        if (badness < least) {
          least = badness;
          best = shape(layers, groups);
        }
      }
    }
    ModelConfig adjusted = adjusted(best);
    long got = count.of(adjusted);
    if (Math.abs(got / target - 1) > TOLERANCE) {
      throw UserException.usage(
          String.format(
              Locale.ROOT,
              "a model of %.4g parameters must be possible with the base configuration's heads and vocabulary, got %,d at the nearest: use a smaller vocabulary or head width, or another budget",
              target,
              got));
    }
    return adjusted;
  }

  private double badness(ModelConfig shape, long parameters) {
    double aspect = (double) base.width() / base.layers();
    double size = Math.abs(Math.log(parameters / target));
    return size
        + ASPECT_WEIGHT * Math.abs(Math.log((double) shape.width() / shape.layers() / aspect));
  }

  /**
   * A shape of the base's proportions.
   *
   * @param groups number of key-value heads
   */
  private ModelConfig shape(int layers, int groups) {
    int perGroup = base.heads() / base.kvHeads();
    int heads = groups * perGroup;
    int width = Math.toIntExact(Math.round((double) base.width() / base.heads() * heads));
    double ratio = (double) base.feedForwardWidth() / base.width();
    return base.toBuilder()
        .layers(layers)
        .width(width)
        .heads(heads)
        .kvHeads(groups)
        .headWidth(base.headWidth())
        .feedForwardWidth(feedForward(ratio * width))
        .build();
  }

  private static int feedForward(double width) {
    return Math.max(1, (int) Math.round(width / FEED_FORWARD_UNIT)) * FEED_FORWARD_UNIT;
  }

  /** N is linear in the feed-forward width. */
  private ModelConfig adjusted(ModelConfig shape) {
    int width = shape.feedForwardWidth();
    long now = count.of(shape);
    long more =
        count.of(shape.toBuilder().feedForwardWidth(width + FEED_FORWARD_UNIT).build()) - now;
    double wanted = width + (target - now) / more * FEED_FORWARD_UNIT;
    // No further than half and one and a half times: the proportions are the base's.
    return shape.toBuilder()
        .feedForwardWidth(feedForward(Math.max(0.5 * width, Math.min(1.5 * width, wanted))))
        .build();
  }
}
