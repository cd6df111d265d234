package dev.firesteel.train;

import dev.firesteel.array.ArrayPool;
import dev.firesteel.array.Shape;
import dev.firesteel.collective.Collective;
import dev.firesteel.config.StageConfig;
import dev.firesteel.data.Batch;
import dev.firesteel.data.TokenDataset;
import dev.firesteel.data.ValidationBatches;
import dev.firesteel.model.LanguageModel;
import dev.firesteel.nn.ForwardPass;
import dev.firesteel.tensor.Tape;
import dev.firesteel.tensor.Tensor;

/**
 * The loss of a model on the beginning of a validation text: the same windows each time, regardless
 * of the number of ranks. Rank r takes each batch i with {@code i mod worldSize = r}; the sums of
 * all batches are added in order of i, so the bits do not depend on the number of ranks either.
 */
public final class Evaluation {
  private final ValidationBatches batches;
  private final double tokensPerByte;
  private final int count;

  /**
   * @param text validation text
   * @param sequences sequences per batch
   * @param length length of a sequence in tokens
   * @param limit maximum number of batches; 0: the whole text
   */
  public Evaluation(TokenDataset text, int sequences, int length, int limit) {
    this.batches = new ValidationBatches(text, sequences, length, limit);
    this.tokensPerByte = text.tokensPerByte();
    this.count = Math.toIntExact((batches.targets() / length + sequences - 1) / sequences);
  }

  /** The evaluation that a stage's configuration asks for. */
  public static Evaluation of(StageConfig config, TokenDataset text) {
    return new Evaluation(
        text,
        config.training().microBatchSize(),
        config.training().sequenceLength(),
        config.evaluation().batches());
  }

  /** Targets of one evaluation. */
  public long targets() {
    return batches.targets();
  }

  /** Computes the loss; every rank must call it, and all get the same result. */
  public EvaluationResult run(LanguageModel model, ArrayPool pool, Collective collective) {
    double[] sums = new double[count];
    int index = 0;
    for (Batch batch : batches) {
      if (index % collective.worldSize() == collective.rank()) {
        sums[index] = meanLoss(model, pool, batch) * batch.inputs().length;
      }
      index++;
    }
    collective.allReduce(sums);
    double sum = 0;
    for (double one : sums) {
      sum += one;
    }
    double loss = sum / batches.targets();
    return new EvaluationResult(loss, bitsPerByte(loss, tokensPerByte), batches.targets());
  }

  /** {@code loss / ln 2 x tokens per byte}. */
  static double bitsPerByte(double loss, double tokensPerByte) {
    return loss / Math.log(2) * tokensPerByte;
  }

  private static double meanLoss(LanguageModel model, ArrayPool pool, Batch batch) {
    Shape shape = Shape.of(batch.sequences(), batch.length());
    try (Tape tape = Tape.inference(model.parameters().backend(), pool)) {
      Tensor loss =
          model.loss(
              ForwardPass.inference(tape, model.parameters()),
              tape.constant(batch.inputs(), shape),
              tape.constant(batch.targets(), shape),
              1.0 / batch.inputs().length);
      return loss.item();
    }
  }
}
