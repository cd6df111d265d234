package dev.firesteel.nn;

import dev.firesteel.array.Shape;
import dev.firesteel.tensor.Tensor;

/**
 * A number for each position, {@code y = x w^T + b}: {@code x [..., C] -> y [...]}, {@code w [1,
 * C]}. On the residual stream of a language model it is a value head or a reward head.
 */
public final class ScalarHead implements Layer {
  private final Linear linear;

  /**
   * Declares {@code name.weight} and {@code name.bias}, which starts at 0.
   *
   * @param initializer of the weight: {@link #initial}, or the constant 0 for a head whose first
   *     values are all 0
   */
  public ScalarHead(
      ParameterSet.Builder parameters, String name, int width, Initializer initializer) {
    this(parameters, name, width, true, initializer);
  }

  /**
   * As above.
   *
   * @param withBias whether there is a bias
   */
  public ScalarHead(
      ParameterSet.Builder parameters,
      String name,
      int width,
      boolean withBias,
      Initializer initializer) {
    linear = new Linear(parameters, name, width, 1, withBias, initializer);
    linear.weight().asTable();
  }

  /**
   * N(0, 1 / (C + 1)), so that a normalized input gives values of about unit variance (Stiennon et
   * al. 2020, whose code has this variance; their text calls it the standard deviation).
   */
  public static Initializer initial(int width) {
    return Initializer.normal(1 / Math.sqrt(width + 1.0));
  }

  @Override
  public Tensor apply(ForwardPass pass, Tensor x) {
    Shape shape = x.shape();
    int[] positions = new int[shape.rank() - 1];
    for (int i = 0; i < positions.length; i++) {
      positions[i] = shape.dim(i);
    }
    return linear.apply(pass, x).reshape(positions);
  }
}
