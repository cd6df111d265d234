package dev.firesteel.train;

import dev.firesteel.array.ArrayPool;
import dev.firesteel.backend.Backend;
import dev.firesteel.collective.Collective;
import dev.firesteel.model.LanguageModel;
import dev.firesteel.nn.ForwardPass;
import dev.firesteel.nn.Segment;
import dev.firesteel.optim.GradientAccumulator;
import dev.firesteel.optim.GradientClipping;
import dev.firesteel.optim.GradientExchange;
import dev.firesteel.optim.Optimizer;
import dev.firesteel.optim.Optimizers;
import dev.firesteel.optim.TreeSum;
import dev.firesteel.tensor.Tape;
import dev.firesteel.tensor.Tensor;

/**
 * Turns a loss into new weights: forward and backward passes of this rank's micro-batches, the tree
 * sum of gradients and losses, their exchange with the other ranks, clipping, and an {@link
 * Optimizer}. Every rank calls it with the same step.
 *
 * <p>The bits of the new weights depend only on the global batch: not on the number of threads, nor
 * on the number of ranks if that is a power of two that divides the micro-batches.
 */
public final class Learner implements AutoCloseable {
  private final LanguageModel model;
  private final LearnerSettings settings;
  private final Collective collective;
  private final RankListener rank;
  private final ArrayPool pool;
  private final GradientClipping clipping;
  private final GradientExchange exchange;
  private final Optimizer optimizer;
  private final GradientAccumulator accumulator;
  private long lossWaitNanos;
  private long lastStep = -1;

  /**
   * A learner for a model whose parameters are allocated; the caller keeps ownership of the model.
   *
   * @param pool pool for the activations
   */
  public Learner(
      LanguageModel model, LearnerSettings settings, TrainingContext context, ArrayPool pool) {
    this.model = model;
    this.settings = settings;
    this.collective = context.collective();
    this.rank = context.rank();
    this.pool = pool;
    clipping = new GradientClipping(settings.gradientClip());
    exchange = new GradientExchange(model.parameters(), collective);
    optimizer = Optimizers.of(settings.optimizer(), model.parameters(), exchange);
    accumulator = new GradientAccumulator(model.parameters(), settings.microBatches());
  }

  /**
   * Updates the weights with the gradient of a step's loss, unless the loss or gradient is not
   * finite.
   *
   * @param step of the run, from 0: the place in the schedule and, with the micro-batch, the key of
   *     dropout, so that several updates in one step have the same masks
   * @param targets the denominator of the step's mean loss: the targets of the whole global batch
   *     that its mask leaves. Counted in the data, so that every rank has the same number before
   *     the step, however the batch is cut into micro-batches and ranks
   */
  public Update update(long step, long targets, StepLoss stepLoss) {
    if (step == lastStep) {
      rank.onPhase(RankPhase.COMPUTE, step); // After an update of the same step.
    }
    lastStep = step;
    double learningRate = settings.schedule().at(step);
    double loss = accumulate(step, 1.0 / targets, stepLoss);
    double norm = exchange.norm();
    boolean skipped = !Double.isFinite(loss) || !Double.isFinite(norm);
    if (!skipped) {
      optimizer.step(exchange.sum(), learningRate, clipping.scale(norm));
      rank.onPhase(RankPhase.ALL_GATHER, step);
      exchange.gather();
    }
    return new Update(loss, norm, learningRate, skipped);
  }

  /**
   * Sums gradients and losses of all micro-batches of this rank, and sends gradients as soon as
   * they are ready; returns the loss of the global batch.
   */
  private double accumulate(long step, double scale, StepLoss stepLoss) {
    Backend backend = model.parameters().backend();
    int microBatches = settings.microBatches();
    int share = microBatches / collective.worldSize();
    TreeSum<Double> losses = new TreeSum<>(Double::sum, microBatches);
    int end = (collective.rank() + 1) * share;
    for (int microBatch = collective.rank() * share; microBatch < end; microBatch++) {
      Segment gradients = accumulator.next();
      try (Tape tape = Tape.training(backend, pool)) {
        ForwardPass pass =
            ForwardPass.training(
                tape,
                model.parameters(),
                gradients,
                ForwardPass.dropoutKey(settings.seed(), step, microBatch),
                settings.recompute());
        Tensor loss = stepLoss.of(pass, microBatch, scale);
        losses.add(loss.item());
        if (microBatch + 1 < end) {
          tape.backward(loss);
          accumulator.add(gradients);
        } else {
          rank.onPhase(RankPhase.REDUCE_SCATTER, step);
          exchange.begin(accumulator, gradients);
          tape.backward(loss, exchange::complete);
        }
      }
    }
    double[] loss = {losses.total()};
    long began = System.nanoTime();
    collective.allReduce(loss);
    lossWaitNanos += System.nanoTime() - began;
    return loss[0];
  }

  /** The optimizer, with this rank's state. */
  public Optimizer optimizer() {
    return optimizer;
  }

  /** Total time that this rank has waited for others in its updates. */
  public long waitNanos() {
    return exchange.waitNanos() + lossWaitNanos;
  }

  /** Releases gradients and moments. */
  @Override
  @SuppressWarnings("try") // Closed in reverse order.
  public void close() {
    try (optimizer;
        accumulator) {
      // No other resources are held.
    }
  }
}
