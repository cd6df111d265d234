package dev.firesteel.nn;

import dev.firesteel.array.Shape;
import dev.firesteel.backend.Activation;
import dev.firesteel.tensor.Tensor;

/** {@code y = f(x w^T + b)}: {@code x [..., in] -> y [..., out]}, {@code w [out, in]}. */
public final class Linear implements Projection {
  private final Parameter weight;
  private final Parameter bias;
  private final Activation activation;

  /** A layer with activation; {@code name.weight} and, with a bias, {@code name.bias}. */
  public Linear(
      ParameterSet.Builder parameters,
      String name,
      int in,
      int out,
      boolean withBias,
      Activation activation,
      Initializer initializer) {
    weight = parameters.declare(name + ".weight", Shape.of(out, in), initializer);
    bias =
        withBias
            ? parameters.declare(name + ".bias", Shape.of(out), Initializer.constant(0))
            : null;
    this.activation = activation;
  }

  /** A layer without activation. */
  public Linear(
      ParameterSet.Builder parameters,
      String name,
      int in,
      int out,
      boolean withBias,
      Initializer initializer) {
    this(parameters, name, in, out, withBias, Activation.IDENTITY, initializer);
  }

  /** The matrix. */
  Parameter weight() {
    return weight;
  }

  @Override
  public Tensor apply(ForwardPass pass, Tensor x) {
    return apply(pass, x, activation);
  }

  /** {@code x w^T + b}. */
  Tensor beforeActivation(ForwardPass pass, Tensor x) {
    return apply(pass, x, Activation.IDENTITY);
  }

  private Tensor apply(ForwardPass pass, Tensor x, Activation f) {
    return x.linear(pass.tensor(weight), bias == null ? null : pass.tensor(bias), f);
  }

  Activation activation() {
    return activation;
  }
}
