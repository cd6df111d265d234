package dev.firesteel.train;

import dev.firesteel.array.ArrayPool;
import dev.firesteel.array.NdArray;
import dev.firesteel.backend.Backend;
import dev.firesteel.collective.Collective;
import dev.firesteel.collective.TreeSum;
import dev.firesteel.model.LanguageModel;
import dev.firesteel.nn.ForwardPass;
import dev.firesteel.nn.Segment;
import dev.firesteel.optim.GradientAccumulator;
import dev.firesteel.optim.GradientClipping;
import dev.firesteel.optim.GradientExchange;
import dev.firesteel.optim.Optimizer;
import dev.firesteel.optim.Optimizers;
import dev.firesteel.tensor.Tape;
import java.util.ArrayList;
import java.util.List;

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
  private boolean watchesGradients;
  private List<HistogramCounter> gradients = List.of();
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
    return update(
            List.of(this),
            step,
            targets,
            (passes, microBatch, scale) -> stepLoss.of(passes.get(0), microBatch, scale))
        .get(0);
  }

  /**
   * Updates the weights with the gradient of a loss that the host computes of the tape's outputs.
   *
   * @param step as above
   */
  public Update update(long step, HostStepLoss hostLoss) {
    return update(List.of(this), step, hostLoss).get(0);
  }

  /**
   * Updates the weights of several models, each with its own optimizer, schedule and clipping, with
   * the gradient of one loss on one tape: a policy and a value model that share their losses'
   * inputs. If the loss or a gradient is not finite, none of them is updated.
   *
   * @param learners of different models on one backend; with the same collective and number of
   *     micro-batches
   * @param step as above
   * @param targets as above
   * @return one for each learner, all with the same loss
   * @throws IllegalArgumentException if the learners do not fit together
   */
  public static List<Update> update(
      List<Learner> learners, long step, long targets, JointLoss jointLoss) {
    double scale = 1.0 / targets;
    return update(
        learners,
        step,
        (passes, microBatch) -> TapeLoss.of(jointLoss.of(passes, microBatch, scale)));
  }

  /**
   * The same with a loss that the host computes of the tape's outputs; its denominator is part of
   * it.
   */
  public static List<Update> update(List<Learner> learners, long step, HostStepLoss hostLoss) {
    Learner first = requireAlike(learners);
    if (learners.stream().anyMatch(learner -> step == learner.lastStep)) {
      first.rank.onPhase(RankPhase.COMPUTE, step); // After an update of the same step.
    }
    learners.forEach(learner -> learner.lastStep = step);
    double loss = first.accumulate(learners, step, hostLoss);
    List<Double> norms = learners.stream().map(learner -> learner.exchange.norm()).toList();
    boolean skipped = !Double.isFinite(loss) || !norms.stream().allMatch(Double::isFinite);
    List<Update> updates = new ArrayList<>();
    for (int i = 0; i < learners.size(); i++) {
      Learner learner = learners.get(i);
      double learningRate = learner.settings.schedule().at(step);
      if (!skipped) {
        if (learner.watchesGradients) {
          learner.gradients =
              ParameterHistograms.count(learner.exchange.sum(), learner.exchange.owned());
        }
        learner.optimizer.step(
            learner.exchange.sum(), learningRate, learner.clipping.scale(norms.get(i)));
      }
      updates.add(new Update(loss, norms.get(i), learningRate, skipped));
    }
    if (!skipped) {
      first.rank.onPhase(RankPhase.ALL_GATHER, step);
      learners.forEach(learner -> learner.exchange.gather());
    }
    return updates;
  }

  private static Learner requireAlike(List<Learner> learners) {
    Learner first = learners.get(0);
    for (Learner learner : learners) {
      if (learner.collective != first.collective
          || learner.model.parameters().backend() != first.model.parameters().backend()
          || learner.settings.microBatches() != first.settings.microBatches()) {
        throw new IllegalArgumentException(
            "learners of one loss must have the same collective, backend and number of micro-batches, got "
                + learner.settings
                + " beside "
                + first.settings);
      }
    }
    if (learners.stream().map(learner -> learner.model.parameters()).distinct().count()
        < learners.size()) {
      throw new IllegalArgumentException(
          "learners of one loss must be of different models, got one model twice");
    }
    return first;
  }

  /**
   * Sums gradients and losses of all micro-batches of this rank, and sends gradients as soon as
   * they are ready; returns the loss of the global batch.
   */
  private double accumulate(List<Learner> learners, long step, HostStepLoss hostLoss) {
    Backend backend = model.parameters().backend();
    int microBatches = settings.microBatches();
    int share = microBatches / collective.worldSize();
    TreeSum<Double> losses = new TreeSum<>(Double::sum, microBatches);
    int end = (collective.rank() + 1) * share;
    for (int microBatch = collective.rank() * share; microBatch < end; microBatch++) {
      List<Segment> gradients =
          learners.stream().map(learner -> learner.accumulator.next()).toList();
      try (Tape tape = Tape.training(backend, pool)) {
        List<ForwardPass> passes = new ArrayList<>();
        for (int i = 0; i < learners.size(); i++) {
          passes.add(learners.get(i).pass(tape, gradients.get(i), step, microBatch));
        }
        TapeLoss loss = hostLoss.of(passes, microBatch);
        losses.add(loss.value());
        if (microBatch + 1 < end) {
          loss.backward(gradient -> {});
          for (int i = 0; i < learners.size(); i++) {
            learners.get(i).accumulator.add(gradients.get(i));
          }
        } else {
          rank.onPhase(RankPhase.REDUCE_SCATTER, step);
          for (int i = 0; i < learners.size(); i++) {
            Learner learner = learners.get(i);
            learner.exchange.begin(learner.accumulator, gradients.get(i));
          }
          loss.backward(gradient -> complete(learners, gradient));
        }
      }
    }
    double[] loss = {losses.total()};
    long began = System.nanoTime();
    collective.allReduce(loss);
    lossWaitNanos += System.nanoTime() - began;
    return loss[0];
  }

  private ForwardPass pass(Tape tape, Segment gradients, long step, int microBatch) {
    return ForwardPass.training(
        tape,
        model.parameters(),
        gradients,
        ForwardPass.dropoutKey(settings.seed(), step, microBatch),
        settings.recompute());
  }

  /** Of the gradients on a tape, each belongs to one of the models. */
  private static void complete(List<Learner> learners, NdArray gradient) {
    for (Learner learner : learners) {
      if (learner.exchange.completes(gradient)) {
        return;
      }
    }
    throw new IllegalArgumentException(
        "a loss may have gradients of the models of its learners alone, got " + gradient);
  }

  /** Sets whether the next updates count their gradients; forgets those counted before. */
  void watchGradients(boolean watch) {
    watchesGradients = watch;
    gradients = List.of();
  }

  /**
   * This rank's share of the gradients of the last watched update, before clipping, one for each
   * trained parameter; empty if there was none.
   */
  List<HistogramCounter> gradients() {
    return gradients;
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
