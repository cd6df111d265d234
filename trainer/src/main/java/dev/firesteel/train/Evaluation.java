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
import java.util.Iterator;
import java.util.function.Supplier;
import java.util.function.ToDoubleFunction;

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
    Iterator<Batch> inOrder = batches.iterator();
    double sum =
        sum(
            count,
            collective,
            () -> inOrder.next(),
            batch -> meanLoss(model, pool, batch) * batch.inputs().length);
    double loss = sum / batches.targets();
    return new EvaluationResult(loss, bitsPerByte(loss, tokensPerByte), batches.targets());
  }

  /**
   * The sum of a number of each of some batches, which the ranks share: rank r computes each batch
   * i with {@code i mod worldSize = r}, and the numbers are added in order of i, so that the bits
   * do not depend on the number of ranks. Every rank must call it, and all get the same result.
   *
   * @param batches gives the next batch
   * @param number of a batch
   */
  public static <B> double sum(
      int count, Collective collective, Supplier<B> batches, ToDoubleFunction<B> number) {
    double[] numbers = new double[count];
    for (int i = 0; i < count; i++) {
      B batch = batches.get();
      if (i % collective.worldSize() == collective.rank()) {
        numbers[i] = number.applyAsDouble(batch);
      }
    }
    collective.allReduce(numbers);
    double sum = 0;
    for (double one : numbers) {
      sum += one;
    }
    return sum;
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
