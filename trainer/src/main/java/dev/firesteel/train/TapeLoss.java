package dev.firesteel.train;

import dev.firesteel.array.DType;
import dev.firesteel.array.NdArray;
import dev.firesteel.tensor.Tensor;
import java.util.function.Consumer;

/** A loss whose gradient a tape carries back to the parameters. */
public interface TapeLoss {
  /** The loss. */
  double value();

  /**
   * The backward pass, once.
   *
   * @param complete receives each parameter's gradient when it is complete
   */
  void backward(Consumer<NdArray> complete);

  /** A scalar on the tape. */
  static TapeLoss of(Tensor loss) {
    double value = loss.item();
    return of(value, complete -> loss.tape().backward(loss, complete));
  }

  /**
   * A loss that the host computed of a tensor on the tape.
   *
   * @param value the loss
   * @param outputs what it was computed of
   * @param gradient the loss's gradient of {@code outputs}, element by element
   */
  static TapeLoss of(double value, Tensor outputs, double[] gradient) {
    DType type = outputs.array().dtype();
    return of(
        value,
        complete ->
            outputs
                .tape()
                .backward(
                    outputs,
                    outputs.tape().constant(gradient, type, outputs.shape()).array(),
                    complete));
  }

  /** A loss with its backward pass. */
  static TapeLoss of(double value, Consumer<Consumer<NdArray>> backward) {
    return new TapeLoss() {
      @Override
      public double value() {
        return value;
      }

      @Override
      public void backward(Consumer<NdArray> complete) {
        backward.accept(complete);
      }
    };
  }
}
