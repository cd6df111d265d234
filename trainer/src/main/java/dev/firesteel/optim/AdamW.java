package dev.firesteel.optim;

import dev.firesteel.array.NdArray;
import dev.firesteel.array.Shape;
import dev.firesteel.backend.AdamWStep;
import dev.firesteel.backend.Backend;
import dev.firesteel.config.OptimizerConfig;
import dev.firesteel.nn.ParameterSet;
import dev.firesteel.nn.Segment;
import dev.firesteel.nn.SegmentRange;
import java.util.List;

/**
 * AdamW (Loshchilov and Hutter 2019, algorithm 2), with g the clipped gradient and t the update's
 * number from 1:
 *
 * <pre>
 * m = beta1 m + (1 - beta1) g        v = beta2 v + (1 - beta2) g^2
 * w -= lr (m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + epsilon) + decay w)
 * </pre>
 *
 * <p>Decay applies to {@linkplain dev.firesteel.nn.Parameter#decayed matrices}, embeddings
 * included, not to norm weights and biases. As in PyTorch, and unlike the paper, the schedule also
 * scales the decay.
 */
public final class AdamW implements AutoCloseable {
  private final ParameterSet parameters;
  private final OptimizerConfig config;
  private final List<SegmentRange> owned;
  private final NdArray firstMoments;
  private final NdArray secondMoments;
  private long updates;

  /** An optimizer for all trained weights of allocated parameters, with moments 0. */
  public AdamW(ParameterSet parameters, OptimizerConfig config) {
    this(parameters, config, List.of(new SegmentRange(0, parameters.trainedSize())));
  }

  /**
   * An optimizer for the weights in some ranges, with moments for these only, initially 0.
   *
   * @param owned in order, none overlapping another
   */
  public AdamW(ParameterSet parameters, OptimizerConfig config, List<SegmentRange> owned) {
    this.parameters = parameters;
    this.config = config;
    this.owned = List.copyOf(owned);
    long size = owned.stream().mapToLong(SegmentRange::size).sum();
    firstMoments = zeros(size);
    secondMoments = zeros(size);
  }

  private NdArray zeros(long size) {
    Backend backend = parameters.backend();
    NdArray array =
        new NdArray(
            backend.allocate(parameters.weights().dtype(), size),
            0,
            Shape.of(Math.toIntExact(size)));
    backend.fill(array, 0);
    return array;
  }

  /**
   * Updates the weights of the {@link #owned} ranges.
   *
   * @param gradientScale factor on the gradients: {@link GradientClipping#scale}
   */
  public void step(Segment gradients, double learningRate, double gradientScale) {
    updates++;
    long decayed = parameters.decayedSize();
    AdamWStep withDecay = adamWStep(learningRate, config.weightDecay(), gradientScale);
    AdamWStep withoutDecay = adamWStep(learningRate, 0, gradientScale);
    long at = 0;
    for (SegmentRange range : owned) {
      long middle = Math.max(range.begin(), Math.min(range.end(), decayed));
      update(withDecay, gradients, range.begin(), middle, at);
      update(withoutDecay, gradients, middle, range.end(), at + middle - range.begin());
      at += range.size();
    }
  }

  private AdamWStep adamWStep(double learningRate, double weightDecay, double gradientScale) {
    return new AdamWStep(
        learningRate,
        config.beta1(),
        config.beta2(),
        config.epsilon(),
        weightDecay,
        updates,
        gradientScale);
  }

  /** Updates weights {@code [begin, end)}, whose moments begin at {@code at}. */
  private void update(AdamWStep step, Segment gradients, long begin, long end, long at) {
    if (begin == end) {
      return;
    }
    int first = Math.toIntExact(at);
    int last = Math.toIntExact(at + end - begin);
    parameters
        .backend()
        .optimizer()
        .adamW(
            step,
            gradients.range(begin, end),
            firstMoments.slice(first, last),
            secondMoments.slice(first, last),
            parameters.weights().range(begin, end));
  }

  /** The number of updates so far, used in the bias corrections. */
  public long updates() {
    return updates;
  }

  /** Resumes after {@code count} updates whose moments have been written. */
  public void resumeAfter(long count) {
    updates = count;
  }

  /** The ranges of weights that this optimizer updates. */
  public List<SegmentRange> owned() {
    return owned;
  }

  /** The first moments m of the {@link #owned} ranges, concatenated. */
  public NdArray firstMoments() {
    return firstMoments;
  }

  /** The second moments v of the {@link #owned} ranges, concatenated. */
  public NdArray secondMoments() {
    return secondMoments;
  }

  /** The parameters that are updated. */
  public ParameterSet parameters() {
    return parameters;
  }

  /** Releases the moments' memory. */
  @Override
  public void close() {
    parameters.backend().free(firstMoments.storage());
    parameters.backend().free(secondMoments.storage());
  }
}
