package dev.firesteel.benchmarks;

import dev.firesteel.array.ArrayPool;
import dev.firesteel.array.Shape;
import dev.firesteel.backend.Backend;
import dev.firesteel.backend.BackendKind;
import dev.firesteel.backend.BackendOptions;
import dev.firesteel.backend.Precision;
import dev.firesteel.backend.choice.Backends;
import dev.firesteel.config.OptimizerConfig;
import dev.firesteel.model.LanguageModel;
import dev.firesteel.model.Models;
import dev.firesteel.nn.ForwardPass;
import dev.firesteel.nn.Segment;
import dev.firesteel.optim.AdamW;
import dev.firesteel.optim.GradientClipping;
import dev.firesteel.tensor.Tape;
import dev.firesteel.tensor.Tensor;
import java.io.IOException;
import java.util.Locale;

/** The step in Firesteel. Main class of a child JVM: {@code SHAPE fp32|bf16 THREADS}. */
final class FiresteelStep implements TrainingStep {
  private final TrainingShape shape;
  private final Backend backend;
  private final ArrayPool pool;
  private final LanguageModel model;
  private final Segment gradients;
  private final AdamW optimizer;
  private final GradientClipping clipping = new GradientClipping(CLIP_NORM);
  private final float[] loss = new float[1];
  private int steps;

  FiresteelStep(TrainingShape shape, Precision precision, int threads) {
    this(shape, Backends.create(new BackendOptions(BackendKind.CPU, precision, threads)));
  }

  /** Trains on {@code backend} and closes it in the end. */
  FiresteelStep(TrainingShape shape, Backend backend) {
    this.shape = shape;
    this.backend = backend;
    pool = new ArrayPool(backend);
    model = Models.create(shape.model(), backend, TrainingShape.SEED);
    gradients = model.parameters().newSegment();
    optimizer =
        new AdamW(
            model.parameters(),
            new OptimizerConfig(LEARNING_RATE, BETA1, BETA2, EPSILON, WEIGHT_DECAY));
  }

  public static void main(String[] args) throws IOException {
    Precision precision = Precision.valueOf(args[1].toUpperCase(Locale.ROOT));
    try (FiresteelStep trainer =
        new FiresteelStep(TrainingShape.of(args[0]), precision, Integer.parseInt(args[2]))) {
      WorkServer.serve(trainer);
    }
  }

  @Override
  public Result step() {
    int[][] rows = shape.batch(steps++);
    try (Tape tape = Tape.training(backend, pool)) {
      ForwardPass pass = ForwardPass.training(tape, model.parameters(), gradients, 0);
      Tensor mean =
          model.loss(pass, ids(tape, rows, 0), ids(tape, rows, 1), 1.0 / shape.tokensPerStep());
      tape.backward(mean);
      backend.download(mean.array(), loss, 0);
    }
    double norm = GradientClipping.norm(gradients);
    optimizer.step(gradients, LEARNING_RATE, clipping.scale(norm));
    return new Result(loss[0], norm);
  }

  private Tensor ids(Tape tape, int[][] rows, int from) {
    int[] ids = new int[shape.tokensPerStep()];
    for (int b = 0; b < shape.batch(); b++) {
      System.arraycopy(rows[b], from, ids, b * shape.tokens(), shape.tokens());
    }
    return tape.constant(ids, Shape.of(shape.batch(), shape.tokens()));
  }

  /** The most bytes of activations that were held at one time. */
  long poolPeakBytes() {
    return pool.peakBytes();
  }

  @Override
  public String description() {
    return "Firesteel " + backend.description();
  }

  @Override
  public void close() {
    optimizer.close();
    gradients.close();
    model.close();
    pool.close();
    backend.close();
  }
}
